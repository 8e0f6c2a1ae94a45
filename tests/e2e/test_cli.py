"""The command line against real servers: what it prints in pipes and on terminals, its exit codes, its questions."""
import json
import os
import re
import signal
import socket
import subprocess
import threading

from harness import CORVO, SLOW, check, eq, short
from shell import ERASE, HOSTILE, SGR, Terminal, check_harmless, environment, lines_of, run, screen

ID = re.compile(r"job_[0-9a-f]{26}")


def commands():
    """The names in `corvo help`."""
    return re.findall(r"^  ([a-z]+)  ", run(None, "help").out, re.M)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def work(server, queue, result=None, error=None):
    """A worker that takes one job of the queue as soon as there is one, and ends it."""

    def body():
        client = server.client()
        job = client.fetch(queue, wait_ms=20000)
        if error is not None:
            client.fail(job, error, no_retry=True)
        else:
            client.ack(job, result=result)
        client.close()

    thread = threading.Thread(target=body)
    thread.start()
    return thread


# --- Jobs ------------------------------------------------------------------------------------------------------------


def test_a_job_is_enqueued_and_shown(t):
    server, queue = t.server(), t.queue()
    found = run(server, "enqueue", queue, '{"to": "ada"}', "--tag", "team=mail", "--tag", "n=1", "--priority", "high",
                "--max-retries", "5", "--retry-backoff", "fixed", "--retry-base-delay", "1m")
    check(re.fullmatch(r"job_[0-9a-f]{26} pending\n", found.out), found)
    job = t.client(server).job(found.out.split()[0])
    eq((job["payload"], job["tags"], job["priority"]), ({"to": "ada"}, {"team": "mail", "n": "1"}, 1))
    eq((job["max_retries"], job["retry_backoff"], job["retry_base_delay_ms"]), (5, "fixed", 60000))
    page = run(server, "inspect", job["id"]).out
    for part in (job["id"], "pending", queue, "high", "0 of 5; fixed backoff from 1m", "team=mail n=1", '"to": "ada"',
                 f"corvo cancel {job['id']}"):
        check(part in page, f"no {part!r} in {page}")


def test_payloads_come_from_arguments_standard_input_and_files(t):
    server, queue = t.server(), t.queue()
    path = os.path.join(t.root, "payload.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"from": "file"}\n')
    client = t.client(server)
    for arguments, stdin, want in ((["17"], b"", 17), (["-"], b' ["stdin"]\n', ["stdin"]),
                                   ([f"@{path}"], b"", {"from": "file"}), ([], b"", {})):
        job_id = run(server, "enqueue", queue, *arguments, "-q", stdin=stdin).out.strip()
        eq(client.job(job_id)["payload"], want, str(arguments))
    found = run(server, "enqueue", queue, "hello", code=2)
    check("'\"hello\"'" in found.err and not found.out, found)
    run(server, "enqueue", queue, "{", code=2)
    check("payload.nowhere" in run(server, "enqueue", queue, "@/payload.nowhere", code=2).err, "no file name")
    run(server, "enqueue", queue, "-", stdin=b"", code=2)


def test_a_scheduled_job_says_when_it_runs(t):
    server, queue = t.server(), t.queue()
    found = run(server, "enqueue", queue, "--delay", "2h")
    check(found.out.endswith(" scheduled\n"), found)
    page = run(server, "inspect", found.out.split()[0]).out
    check("scheduled, runs in " in page and "run it now" in page, page)


def test_wait_tells_how_the_job_ended(t):
    server, queue = t.server(), t.queue()
    worker = work(server, queue, result={"pages": 3})
    found = run(server, "enqueue", queue, "--wait")
    worker.join()
    eq(len(ID.findall(found.out)), 2, "ids")
    check("completed" in found.out and '"pages": 3' in found.out, found)
    worker = work(server, queue, result={"pages": 4})
    found = run(server, "enqueue", queue, "--wait", "-o", "json")
    worker.join()
    eq(json.loads(found.out)["result"], {"pages": 4})
    worker = work(server, queue, error="no paper")
    found = run(server, "enqueue", queue, "--wait", code=9)
    worker.join()
    check("dead" in found.out and "no paper" in found.out, found)
    found = run(server, "enqueue", queue, "--wait", "--wait-timeout", "100ms", code=7)
    check("gave up after" in found.err and "pending" in found.err, found)


def test_an_interrupt_ends_the_wait_not_the_job(t):
    server, queue = t.server(), t.queue()
    process = subprocess.Popen([CORVO, "enqueue", queue, "--wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment(server))
    job_id = process.stdout.readline().decode().split()[0]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20 * SLOW)
    eq(process.returncode, 130, f"code ({out!r} {err!r})")
    check(b"interrupted" in err and job_id.encode() in err, err)
    eq(t.client(server).state(job_id), "pending")


def test_many_jobs_go_in_batches(t):
    server, queue = t.server(), t.queue()
    lines = b"".join(b'{"n": %d}\n' % number for number in range(2500)) + b"\n"
    found = run(server, "enqueue", queue, "-", "--ndjson", "--tag", "load=1", stdin=lines)
    ids = found.out.split()
    eq((len(ids), len(set(ids)), found.err), (2500, 2500, ""))
    job = t.client(server).job(ids[1234])
    eq((job["payload"], job["tags"]), ({"n": 1234}, {"load": "1"}))
    found = run(server, "enqueue", queue, '"same"', "--count", "1001")
    eq(len(found.out.split()), 1001)
    eq(t.client(server).ok("GET", f"/api/v1/queues/{queue}")["pending"], 3501)
    replies = run(server, "enqueue", queue, "--count", "1500", "-o", "json").out.splitlines()
    eq([len(json.loads(reply)["job_ids"]) for reply in replies], [1000, 500])


def test_a_bad_line_stops_a_load_and_says_how_much_is_in(t):
    server, queue = t.server(), t.queue()
    lines = b"1\n" * 1500 + b"{oops\n" + b"2\n"
    found = run(server, "enqueue", queue, "-", "--ndjson", stdin=lines, code=9)
    check("line 1501" in found.err and "1000 jobs" in found.err, found)
    eq(t.client(server).ok("GET", f"/api/v1/queues/{queue}")["pending"], 1000)
    found = run(server, "enqueue", queue, "-", "--ndjson", stdin=b"x\n", code=2)
    check("line 1" in found.err, found)
    for arguments in (["--count", "0"], ["--count", "-1"], ["--count", "1.5"], ["1", "--ndjson"], ["--count=2", "--wait"]):
        run(server, "enqueue", queue, *arguments, code=2)


def test_a_repeated_load_with_its_key_enqueues_nothing(t):
    server, queue = t.server(), t.queue()
    arguments = ["enqueue", queue, "--count", "1500", "--idempotency-key", queue]
    ids = run(server, *arguments).out
    eq(run(server, *arguments).out, ids)
    eq(t.client(server).ok("GET", f"/api/v1/queues/{queue}")["pending"], 1500)
    run(server, "enqueue", queue, "1", "--idempotency-key", f"{queue}-1", code=0)
    run(server, "enqueue", queue, "2", "--idempotency-key", f"{queue}-1", code=1)


def test_the_life_of_a_job_in_commands(t):
    server, queue = t.server(), t.queue()
    client = t.client(server)
    job_id = run(server, "enqueue", queue, '{"n": 1, "keep": true}', "-q").out.strip()
    eq(run(server, "priority", job_id, "critical").out.split()[0], job_id)
    eq(run(server, "move", job_id, f"{queue}.2").out, f"{job_id} moved\n")
    eq(run(server, "hold", job_id, "--reason", "too much", "--by", "ada").out, f"{job_id} held\n")
    page = run(server, "inspect", job_id).out
    for part in ("held", "critical", f"{queue}.2", "too much", "ada", "approve"):
        check(part in page, f"no {part!r} in {page}")
    run(server, "hold", job_id, code=5)
    eq(run(server, "reject", job_id, "--revise", "less", "--payload-patch", '{"n":2}').out, f"{job_id} pending\n")
    job = client.job(job_id)
    eq((job["payload"], job["feedback"]["text"], job["priority"]), ({"n": 2, "keep": True}, "less", 0))
    client.fail(client.take(f"{queue}.2", worker_id="w7"), "no\nway", no_retry=True)
    lines = run(server, "attempts", job_id).out.splitlines()
    check(re.search(r"1 +.* failed +w7 +no$", lines[1]) and len(lines) == 2, lines)
    eq(run(server, "retry", job_id).out, f"{job_id} retried\n")
    run(server, "hold", job_id)
    eq(run(server, "approve", job_id).out, f"{job_id} pending\n")
    run(server, "approve", job_id, code=5)
    run(server, "hold", job_id)
    eq(run(server, "reject", job_id, "--reason", "no").out, f"{job_id} dead\n")
    eq(run(server, "delete", job_id).out, f"{job_id} deleted\n")
    for command in (["inspect"], ["retry"], ["delete"], ["hold"], ["approve"], ["attempts"]):
        run(server, *command, job_id, code=3)


def test_why_and_workers_say_what_holds_a_job_and_who_works(t):
    server, queue = t.fresh(), "mail"
    client = t.client(server)
    job_id = run(server, "enqueue", queue, "--delay", "1h", "-q").out.strip()
    page = run(server, "why", job_id).out
    check(re.search(rf"^{job_id} is scheduled: ", page) and re.search(r"\(in (1h|59m\d+s)\)", page), page)
    run(server, "retry", job_id)
    run(server, "pause", queue)
    check(re.search(r"^  paused +queue mail is paused, since ", run(server, "why", job_id).out, re.M), "the pause")
    gates = json.loads(run(server, "why", job_id, "-o", "json").out)["gates"]
    eq([gate["gate"] for gate in gates], ["paused", "no_worker"])
    check("No worker" in run(server, "workers").err, "nobody is there")
    run(server, "resume", queue)
    client.take(queue, worker_id="w1", hostname="h1")
    lines = run(server, "workers").out.splitlines()
    check(re.match(r"w1 +busy +1 +h1 +mail ", lines[1]), lines)
    check("worker w1 runs it" in run(server, "why", job_id).out, "the worker's name")
    run(server, "hold", job_id, "--reason", "look", "--by", "eve")
    page = run(server, "why", job_id).out
    check(page.startswith(f"{job_id} is held: look\n") and re.search(r"^  held +look, by eve, since ", page, re.M), page)
    run(server, "why", "job_nowhere", code=3)


def test_several_jobs_at_once_each_reported(t):
    server, queue = t.server(), t.queue()
    client = t.client(server)
    ids = [client.enqueue(queue) for _ in range(6)]
    found = run(server, "cancel", ids[0], ids[1])
    eq(found.out, f"{ids[0]} cancelled\n{ids[1]} cancelled\n")
    found = run(server, "cancel", ids[0], ids[2], "job_nowhere", code=9)
    eq(found.out, f"{ids[2]} cancelled\n")
    check(ids[0] in found.err and "job_nowhere" in found.err and "1 done, 2 not" in found.err, found)
    found = run(server, "cancel", "-", stdin=f"{ids[3]}\n\n  {ids[4]}  more words\n".encode())
    eq(found.out, f"{ids[3]} cancelled\n{ids[4]} cancelled\n")
    eq(run(server, "cancel", "-", stdin=b"").out, "")
    run(server, "cancel", "-", stdin=b"x" * 200 + b"\n", code=2)
    eq(run(server, "cancel", ids[5], "--quiet").out, "")
    found = run(server, "cancel", ids[5], "-o", "json", code=5)
    eq(json.loads(found.err)["code"], "CANCEL_ERROR")


def test_t9_a_refused_operation_still_tells_missing_from_wrong_state(t):
    """The server answers both with 400 and the operation's code; the exit codes are different."""
    server, queue = t.server(), t.queue()
    job_id = t.client(server).enqueue(queue)
    run(server, "cancel", job_id)
    run(server, "cancel", job_id, code=5)
    found = run(server, "cancel", "job_nowhere", code=3)
    check("job_nowhere" in found.err, found)
    run(server, "inspect", "job_nowhere", code=3)


# --- Queues and the server -------------------------------------------------------------------------------------------


def test_queues_are_shown_as_table_page_names_and_bytes(t):
    server = t.fresh()
    client = t.client(server)
    check("no queue yet" in run(server, "queues").err, "an empty server")
    for queue, count in (("b", 3), ("a", 1)):
        for _ in range(count):
            client.enqueue(queue)
    run(server, "pause", "b")
    rows = [line.split() for line in run(server, "queues").out.splitlines()]
    eq([row[:4] for row in rows], [["QUEUE", "STATE", "PENDING", "ACTIVE"], ["a", "-", "1", "0"], ["b", "paused", "3", "0"]])
    eq(run(server, "queues", "-q").out, "a\nb\n")
    page = run(server, "queues", "b").out
    check("paused" in page and re.search(r"Pending +3\n", page), page)
    eq([queue["name"] for queue in json.loads(run(server, "queues", "-o", "json").out)], ["a", "b"])
    eq(run(server, "resume", "b").out, "b resumed\n")
    run(server, "queues", "nowhere", code=3)


def test_queues_are_drained_cleared_and_destroyed(t):
    server, queue = t.server(), t.queue()
    client = t.client(server)
    for number in range(5):
        client.enqueue(queue, **({"delay": "1h"} if number == 4 else {}))
    jobs = [client.take(queue), client.take(queue)]
    terminal = Terminal(server, "drain", queue, "--wait").expect(b"has 2 active jobs")
    check(re.search(rf"^{queue} +draining +2 +2 ", run(server, "queues").out, re.M), "the table while it drains")
    client.ack(jobs[0])
    client.fail(jobs[1], no_retry=True)
    eq(lines_of(terminal.finish()), [f"{queue} draining", f"{queue} drained"])
    check("drained" in run(server, "queues", queue).out, "the page")
    found = run(server, "drain", queue, "--wait", "-o", "json")
    eq((json.loads(found.out)["drained"], json.loads(found.out)["pending"]), (True, 2))
    run(server, "clear", queue, code=2)
    question = f"Delete 3 jobs of '{queue}' that wait? [y/N] ".encode()
    data = Terminal(server, "clear", queue).expect(question).send(b"y\n").finish()
    eq(lines_of(data)[-1], f"{queue} cleared, 3 jobs")
    eq(client.ok("GET", f"/api/v1/queues/{queue}")["pending"], 0)
    question = f"Delete 2 jobs of '{queue}' in every state, and the queue? [y/N] ".encode()
    check(b"Nothing was deleted" in Terminal(server, "destroy", queue).expect(question).send(b"\n").finish(1), "no")
    eq(run(server, "destroy", queue, "--yes").out, f"{queue} deleted, 2 jobs\n")
    for command in (["queues", queue], ["drain", f"{queue}.nowhere", "--wait"]):
        run(server, *command, code=3 if command[0] == "queues" else 0)


def test_status_is_one_page(t):
    server, queue = t.server(), t.queue()
    t.client(server).enqueue(queue)
    page = run(server, "status").out
    for part in ("healthy", "leader at ", "synced to disk", "0 behind", queue):
        check(part in page, f"no {part!r} in {page}")
    eq(run(server, "status", "-q").out.splitlines(), page.splitlines()[:1])
    both = json.loads(run(server, "status", "--output", "json").out)
    eq(sorted(both), ["cluster", "queues"])
    check(any(row["name"] == queue for row in both["queues"]), short(both))


def test_versions_of_both_sides(t):
    server = t.server()
    out = run(server, "version").out.splitlines()
    check(re.fullmatch(r"corvo \d+\.\d+\.\d+ \(commit: \w+, built: [\w-]+\)", out[0]) and out[1].startswith("server "), out)
    check("no server at" in run(f"http://127.0.0.1:{free_port()}", "version").out, "without a server")
    eq(run(None, "--version").out, out[0] + "\n")
    both = json.loads(run(server, "version", "-o", "json").out)
    eq(both["client"]["version"], both["server"]["server_version"])


def test_json_output_is_what_the_server_sent(t):
    server, queue = t.server(), t.queue()
    client = t.client(server)
    payload = b'{"queue":"%s","payload":{"big": 12345678901234567890123, "e": 1.50e+2, "s":"\\u00e9\\/"}}' % queue.encode()
    job_id = json.loads(client.post("/api/v1/enqueue", payload).body)["job_id"]
    found = run(server, "inspect", job_id, "-o", "json").out
    for part in ("12345678901234567890123", "1.50e+2", '"\\u00e9\\/"'):
        check(part in found, f"{part} was written anew: {found}")
    eq(json.loads(found), client.job(job_id))
    eq(found.splitlines()[0], "{", "indented")
    body = client.get("/api/v1/cluster/status").json()
    eq(json.loads(run(server, "status", "-o", "json").out)["cluster"]["cluster_id"], body["cluster_id"])
    found = run(server, "inspect", "job_nowhere", "--output", "json", code=3)
    eq((found.out, found.err.encode()), ("", client.get("/api/v1/jobs/job_nowhere").body))


def test_names_are_encoded_in_paths(t):
    """Defect 45: a queue's name may have anything in it but control characters."""
    server = t.server()
    name = t.queue(" a/b?c#d%20é..")
    job_id = run(server, "enqueue", name, "-q").out.strip()
    eq(run(server, "pause", name).out, f"{name} paused\n")
    check("paused" in run(server, "queues", name).out, "the queue's page")
    eq(t.client(server).job(job_id)["queue"], name)
    run(server, "inspect", "../queues", code=3)


# --- Failures --------------------------------------------------------------------------------------------------------


def test_no_server_says_what_to_try(t):
    url = f"http://127.0.0.1:{free_port()}"
    found = run(url, "queues", code=7)
    for part in (url, "Connection refused", "corvo server", "--server", "CORVO_SERVER"):
        check(part in found.err, f"no {part!r} in {found}")
    found = run(url, "queues", "-o", "json", code=7)
    eq(json.loads(found.err)["code"], "NO_SERVER")
    check("cannot find" in run("http://name.invalid", "queues", code=7).err, "a name that is none")
    for wrong in ("ftp://x", "http://", "http://a b", "http://x?y", "x" * 600):
        found = run(None, "--server", wrong, "queues", code=2)
        check("not the URL of a server" in found.err, found)
    run(None, "queues", "--api-key", "a b", code=2)
    found = run(url, "cancel", "job_1", "job_2", code=7)
    eq(found.err.count("cannot connect"), 1, "the second is not tried")


def test_a_proxy_is_not_asked_for_this_machine(t):
    proxy = f"http://127.0.0.1:{free_port()}"
    run(t.server(), "queues", env={"http_proxy": proxy, "all_proxy": proxy})


def test_output_that_can_not_be_written_is_no_success(t):
    server = t.server()
    with open("/dev/full", "wb") as full:
        result = subprocess.run([CORVO, "status"], stdout=full, stderr=subprocess.PIPE, env=environment(server), check=False)
    eq(result.returncode, 1)
    check(b"could not be written" in result.stderr, result.stderr)


def test_a_reader_that_leaves_is_no_fuss(t):
    server, queue = t.server(), t.queue()
    result = subprocess.run(f"'{CORVO}' enqueue {queue} --count 20000 | head -1", shell=True, capture_output=True,
                            env=environment(server), check=False, timeout=60 * SLOW)
    check(ID.fullmatch(result.stdout.decode().strip()) and not result.stderr, result)


# --- Terminals -------------------------------------------------------------------------------------------------------


def widths(data):
    return [len(line) for line in lines_of(data)]


def test_tables_fit_the_terminal(t):
    server = t.fresh()
    client = t.client(server)
    client.enqueue("a.queue.whose.name.goes.on.and.on.until.no.terminal.has.room.for.it")
    client.enqueue("short")
    for columns in (60, 80, 100, 120, 200):
        for command in (["queues"], ["status"]):
            data = screen(server, *command, columns=columns)
            check(max(widths(data)) <= columns, f"{command} at {columns}: {widths(data)}")
    narrow, wide = lines_of(screen(server, "queues")), lines_of(screen(server, "queues", columns=200))
    check("…" in narrow[1] and "…" not in wide[1], narrow)
    check("OLDEST" in wide[0] and "OLDEST" not in narrow[0], wide)
    check("QUEUE" in narrow[0] and "PENDING" in narrow[0], narrow)
    eq(widths(screen(server, "queues", env={"COLUMNS": "200"})), [len(line) for line in wide], "COLUMNS wins")
    piped = run(server, "queues", env={"COLUMNS": "40"}).out.splitlines()
    check("OLDEST" in piped[0] and "no.terminal.has.room.for.it" in piped[1], "a pipe gets everything")
    end = wide[0].index("PENDING") + len("PENDING")
    eq([line[end - 2:end + 1] for line in wide[1:]], [" 1 ", " 1 "], "numbers stand right, below the end of their title")


def test_wide_characters_keep_the_columns(t):
    server = t.fresh()
    client = t.client(server)
    client.enqueue("日本語の待ち行列")
    client.enqueue("plain")
    lines = run(server, "queues").out.splitlines()
    eq(len(lines[1]), len(lines[0]))
    eq(len(lines[2]) + 8, len(lines[0]), "eight of them are as wide as sixteen")


def test_colour_is_for_terminals_that_want_it(t):
    server, queue = t.server(), t.queue()
    job_id = t.client(server).enqueue(queue)
    for arguments in (["status"], ["inspect", job_id], ["--help"], ["inspect", job_id, "-o", "json"]):
        check(SGR.search(screen(server, *arguments)), f"{arguments}: no colour")
        if arguments != ["--help"]:
            check(b"\x1b" not in screen(server, *arguments, "--no-color"), f"{arguments} --no-color")
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            check(b"\x1b" not in screen(server, *arguments, env=env), f"{arguments} {env}")
        check("\x1b" not in run(server, *arguments).out, f"{arguments} in a pipe")
    check(SGR.search(screen(server, "status", env={"NO_COLOR": ""})), "an empty NO_COLOR is none")


def test_progress_is_for_terminals(t):
    server, queue = t.server(), t.queue()
    data = screen(server, "enqueue", queue, "--count", "3000")
    check(ERASE + b"enqueued 3000 of 3000" in data, short(data[-300:]))
    lines = lines_of(data)
    eq((len(lines), lines[-1]), (3001, "3000 jobs enqueued"))
    check(b"enqueued" not in screen(server, "enqueue", queue, "--count", "2000", "-q"), "quiet")
    eq(run(server, "enqueue", queue, "--count", "2000").err, "")


def test_waiting_shows_the_state(t):
    server, queue = t.server(), t.queue()
    terminal = Terminal(server, "enqueue", queue, "--wait").expect(b"is pending")
    work(server, queue).join()
    lines = lines_of(terminal.finish())
    eq([line.split()[1] for line in lines[:2]], ["pending", "completed"])


def test_interrupt_key_on_a_terminal(t):
    server, queue = t.server(), t.queue()
    terminal = Terminal(server, "enqueue", queue, "--wait").expect(b"is pending")
    check(b"interrupted" in terminal.send(b"\x03").finish(130), "no word of it")


# --- Hostile data ----------------------------------------------------------------------------------------------------

HOSTILE_NAME = "q\u202eeman\u2066\u200b"


def hostile_job(t, server):
    """A job with hostile text everywhere, in a queue with a hostile name; the ids of a dead and of a pending one."""
    client = t.client(server)
    queue = t.queue() + HOSTILE_NAME
    text = HOSTILE.encode("utf-16", "surrogatepass").decode("utf-16")
    fields = {"payload": {text: [text]}, "tags": {text[:20]: text[:60]}, "checkpoint": text, "max_retries": 1}
    dead = client.enqueue(queue, **fields)
    job = client.take(queue, worker_id="w" + text, hostname=text)
    client.fail(job, text, backtrace=f"at {text}\nat {text}")
    pending = client.enqueue(queue, **fields)
    eq(job["job_id"], dead)
    return queue, dead, pending


def test_what_jobs_say_can_not_touch_the_terminal(t):
    server = t.server()
    queue, dead, pending = hostile_job(t, server)
    for arguments in (["inspect", dead], ["inspect", pending], ["inspect", dead, "-o", "json"], ["queues"],
                      ["queues", queue], ["queues", "-q"], ["queues", "-o", "json"], ["status"], ["pause", queue],
                      ["resume", queue]):
        check_harmless(screen(server, *arguments), f"terminal {arguments}")
        if "json" not in arguments:
            check_harmless(run(server, *arguments).out.encode(), f"pipe {arguments}")
    page = run(server, "inspect", dead).out
    check("\\u001b[2J" in page and "\\u202e" in page and "\U0001f600" in page, page)
    eq(json.loads(run(server, "inspect", dead, "-o", "json").out), t.client(server).job(dead), "a pipe's JSON")
    eq(json.loads("\n".join(lines_of(screen(server, "inspect", dead, "-o", "json")))), t.client(server).job(dead),
       "a terminal's JSON means the same")


def test_what_is_refused_can_not_touch_the_terminal(t):
    server = t.server()
    name = "x\x1b[2J\u202ey"
    for arguments, code in ((["inspect", name], 3), (["cancel", name], 3), ([name], 2), (["inspect", f"--{name}"], 2),
                            (["enqueue", name], 1), (["enqueue", "q", "--delay", name], 2)):
        data = screen(server, *arguments, code=code)
        check_harmless(data, str(arguments))
        check(code == 1 or b"\\u001b[2J" in data, f"{arguments}: {data!r}")


# --- Help and completion ---------------------------------------------------------------------------------------------


def test_every_command_helps_with_an_example(t):
    names = commands()
    check(len(names) > 25 and "enqueue" in names, names)
    for name in names:
        for text in (run(None, name, "--help").out, run(None, "help", name).out):
            check(f"corvo {name}" in text, f"{name}: {text[:200]}")
        check("\nExamples\n" in run(None, "help", name).out, name)


def test_typos_are_answered_with_what_was_meant(t):
    found = run(None, "enque", code=2)
    eq(found.err, "corvo: 'enque' is not a command. Did you mean 'enqueue'?\nSee 'corvo help'.\n")
    check("--priority" in run(None, "enqueue", "q", "--prioritiy", "high", code=2).err, "a flag")
    found = run(None, code=2)
    check("Usage: corvo" in found.err and not found.out, found)
    check("Usage: corvo" in run(None, "-h").out, "-h")
    for words in (["-q"], ["--output", "json"]):
        eq(run(None, *words, code=2).err, "corvo: which command?\nSee 'corvo help'.\n")
    found = run(None, "help", "enqeue", code=2)
    eq(found.err, "corvo help: 'enqeue' is not a command. Did you mean 'enqueue'?\nSee 'corvo help'.\n")
    eq(run(None, "seed", code=2).err, "corvo: 'seed' is not a command\nSee 'corvo help'.\n")
    eq(run(None, "config", "chek", code=2).err, "corvo config: 'chek' is not a verb. Did you mean 'check'?\n"
       "See 'corvo config --help'.\n")
    eq(run(None, "config", code=2).err, "corvo config: a verb is missing: check or dump\nSee 'corvo config --help'.\n")
    found = run(None, "bench", "--wrkload", "b1", code=2)
    eq(found.err, "corvo bench: unknown option --wrkload: did you mean --workload?\nSee 'corvo bench --help'.\n")
    check("Usage: corvo" in run("no url at all", "help").out, "help asks no server")


def complete(server, *words):
    """What bash would offer for the last of the words."""
    script = (f"source <('{CORVO}' completion bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _corvo; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    result = subprocess.run(["bash", "-c", script, "bash", CORVO, *words], capture_output=True, text=True, check=False,
                            env=environment(server))
    check(result.returncode == 0 and not result.stderr, result)
    return result.stdout.split()


def test_bash_completes_commands_flags_words_and_queues(t):
    server, queue = t.server(), t.queue()
    t.client(server).enqueue(queue)
    eq(complete(server, "enq"), ["enqueue"])
    eq(sorted(complete(server, "")), sorted(commands()))
    check("--priority" in complete(server, "enqueue", "q", "--pr"), "a flag")
    eq(complete(server, "enqueue", "q", "--priority", "n"), ["normal"])
    eq(complete(server, "enqueue", "q", "--priority", "=", "h"), ["high"])
    eq(complete(server, "queues", "-o", "j"), ["json"])
    check(queue in complete(server, "pause", queue[:5]), "a queue")
    eq(complete(server, "completion", ""), ["bash", "zsh", "fish"])
    eq(complete(f"http://127.0.0.1:{free_port()}", "pause", ""), [], "without a server")
    run(None, "completion", "tcsh", code=2)


def test_a_server_that_goes_away_while_it_is_asked(t):
    """The connection ends before the reply: the outcome is not known, and it is said so."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def hang_up():
        for reply in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"SSH-2.0-x\r\n"):
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(reply)
            connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    check("not known" in run(url, "pause", "q", code=7).err, "closed")
    check("not known" in run(url, "pause", "q", code=7).err, "cut")
    check("does not speak HTTP" in run(url, "pause", "q", code=7).err, "something else")
    thread.join()
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    found = run(f"127.0.0.1:{silent.getsockname()[1]}", "queues", "--timeout", "200ms", code=7)
    check("within 0.2 s" in found.err and "--timeout" in found.err, found)
    listener.close()
    silent.close()
