"""Configuration of a real process: the file, `corvo config check|dump`, and SIGHUP."""
import json
import os
import signal
import subprocess

from harness import CORVO, SLOW, check, eq, wait_for


def run_corvo(*arguments, stdin="", env=None):
    """(exit code, standard output, standard error)."""
    done = subprocess.run([CORVO, *arguments], input=stdin, capture_output=True, timeout=20 * SLOW, check=False,
                          text=True, env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout, done.stderr


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def test_check_tells_every_problem_with_file_and_line(t):
    os.makedirs(t.root, exist_ok=True)
    path = write(os.path.join(t.root, "corvo.conf"),
                 "retenton = 1h\n# well\nmax-connections = 0\nnode-id = 'a'\nnode_id = b\nbind = \"x\n")
    code, out, text = run_corvo("config", "check", "--config", path, "--durabel")
    eq((code, out), (2, ""))
    eq(text.splitlines(), [
        f"{path}:1: retenton: unknown option: did you mean retention?",
        f"{path}:3: max-connections: '0' is out of range: want 1 to 1000000",
        f"{path}:5: node-id: set before, in line 4",
        f"{path}:6: the closing quote is missing",
        "unknown option --durabel: did you mean --durable?"])
    code, out, text = run_corvo("config", "check", "--config", path, "--output", "json")
    problems = json.loads(text)
    eq((code, out, problems["ok"], len(problems["problems"])), (2, "", False, 4))
    code, out, text = run_corvo("server", "--config", path, "--data-dir", t.directory())
    eq((code, out, len(text.splitlines())), (2, "", 4))
    check(all(line.startswith(f"corvo server: {path}:") for line in text.splitlines()), text)


def test_check_of_a_good_file(t):
    path = write(os.path.join(t.root, "corvo.conf"), "retention = 1h\n")
    eq(run_corvo("config", "check", "--config", path), (0, f"ok: 2 of {count()} options are set, file {path}\n", ""))
    code, out, _ = run_corvo("config", "check", "--config", path, "--output", "json")
    eq((code, json.loads(out)["set"]), (0, 2))
    eq(run_corvo("config", "check", "--config", os.path.join(t.root, "none"))[0], 2)


def count():
    return len(json.loads(run_corvo("config", "dump", "--output", "json")[1])["options"])


def test_dump_shows_origins_and_is_a_file_itself(t):
    path = write(os.path.join(t.root, "corvo.conf"), "retention = 1h\nnode-id = 'n 1'\n")
    code, out, text = run_corvo("config", "dump", "--config", path, "--max-connections", "9",
                                env={"CORVO_LOG_LEVEL": "warn"})
    eq((code, text), (0, ""))
    rows = [" ".join(line.split()) for line in out.splitlines()]
    for row in (f'retention = "1h" # {path}:1', f'node-id = "n 1" # {path}:2', 'max-connections = 9 # --max-connections',
                'log-level = "warn" # CORVO_LOG_LEVEL', 'bind = ":8080" # default'):
        check(row in rows, f"no {row!r} in {out}")
    eq(run_corvo("config", "check", "--config", "-", stdin=out)[0], 0)
    again = run_corvo("config", "dump", "--config", "-", stdin=out)[1]

    def values(dump):
        return [line.split("  ")[0] for line in dump.splitlines() if line and not line.startswith("#")]

    eq(values(again), values(out))


def test_wrong_usage_of_the_verbs(t):
    for arguments in ((), ("chekc",), ("dump", "--output", "xml"), ("dump", "--nonsense"), ("check", "file")):
        code, out, text = run_corvo("config", *arguments)
        check((code, out) == (2, "") and text, f"{arguments}: {code} {out!r} {text!r}")
    code, out, _ = run_corvo("config", "--help")
    check(code == 0 and "check" in out, out)
    eq(run_corvo("config", "check", "--help")[0], 0)


def test_options_that_are_not_built_are_refused_or_harmless(t):
    data = ["--data-dir", t.directory()]
    for option, value in (("join", "http://a:1"), ("admin-password", "secret-1"), ("rate-limit-enabled", "true"),
                          ("oidc-issuer-url", "https://a"), ("cluster-token", "secret-1"), ("raft-shards", "2")):
        code, out, text = run_corvo("server", *data, f"--{option}", value) if value != "true" else \
            run_corvo("server", *data, f"--{option}")
        eq((code, out), (2, ""), option)
        check(f"--{option}: not built yet" in text and "secret" not in text, text)
    server = t.fresh("--snapshot-threshold", "10", "--fetch-poll-interval", "1s", "--raft-shards", "1", "--join", "")
    t.client(server).enqueue("q")


def test_a_server_from_a_file_and_reload_by_sighup(t):
    path = write(os.path.join(t.root, "corvo.conf"), "node-id = from-file\nretention = 1h\n")
    server = t.fresh("--config", path)
    c = t.client(server)
    eq(c.get("/healthz").headers["x-corvo-node"], "from-file")
    job_id = c.enqueue("q")
    c.ack(c.take("q"))
    eq(c.state(job_id), "completed")
    write(path, "node-id = from-file\nretention = 1ms\nlog-format = json\nmax-connections = 3\n")
    server.signal(signal.SIGHUP)
    wait_for("the reload to be told", lambda: "2 options changed" in server.log())
    check("max-connections: '20000' is now '3': this waits for a restart" in server.log(), server.log())
    wait_for("the job to go", lambda: c.get(f"/api/v1/jobs/{job_id}").status == 404)
    last = server.log().splitlines()[-1]
    eq(json.loads(last)["level"], "info")
    write(path, "retention = soon\n")
    server.signal(signal.SIGHUP)
    wait_for("the problem to be told", lambda: f"{path}:1: retention: 'soon' is not a duration" in server.log())
    c.enqueue("q")
    eq(server.stop(), 0)
