"""Starts that are refused: each says on one line what is wrong and what to do, exits with 1, and changes nothing."""
import json
import os
import re
import resource
import socket
import subprocess

from harness import CORVO, SLOW, check, eq, note, strace


def refused(t, flags=(), data_dir=None, words=(), wrap=(), code=1, bind="127.0.0.1:0", preexec=None, env=None):
    """Runs a server that must refuse; its last line has all the words. Returns that line."""
    data_dir = data_dir or t.directory()
    command = [*wrap, CORVO, "server", "--bind", bind, "--data-dir", data_dir, *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30 * SLOW, check=False, preexec_fn=preexec,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", **(env or {})})
    eq(done.stdout, "", "standard output")
    eq(done.returncode, code, f"exit code with the text {done.stderr!r}")
    line = done.stderr.splitlines()[-1]
    check(line.startswith("corvo server: ") or "--log-format" in flags, line)
    for word in words:
        check(re.search(word, line), f"no {word!r} in {line!r}")
    return line


def kept(t):
    """The directory of a server that ran and was stopped, and its jobs."""
    server = t.fresh()
    c = t.client(server)
    ids = [c.enqueue("q") for _ in range(10)]
    eq(server.stop(), 0)
    return server, ids


def starts_again(t, server, ids):
    server.start()
    c = t.client(server)
    eq({c.state(job_id) for job_id in ids}, {"pending"})
    eq(server.stop(), 0)


def edit(path, *replacements):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for old, new in replacements:
        check(re.search(old, text), f"no {old} in {text}")
        text = re.sub(old, new, text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def test_a_port_in_use(t):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused(t, bind=f"127.0.0.1:{port}", words=[f"address 127.0.0.1:{port} is in use", "ss -ltnp", "--bind"])
        line = refused(t, ["--log-format", "json"], bind=f"127.0.0.1:{port}")
        eq((json.loads(line)["refusal"], json.loads(line)["level"]), ("address-in-use", "error"))


def test_a_data_directory_in_use_names_the_process(t):
    server = t.fresh()
    pid = server.process.pid
    refused(t, data_dir=server.data_dir, words=[f"is in use by process {pid}: stop that process", "--data-dir"])
    t.client(server).enqueue("q")


def test_foreign_data(t):
    path = t.directory()
    os.makedirs(path)
    with open(os.path.join(path, "photo.jpg"), "w", encoding="ascii") as file:
        file.write("x")
    refused(t, data_dir=path, words=["'photo.jpg', which is not Corvo's", "choose an empty"])
    eq(os.listdir(path), ["photo.jpg"], "the directory afterwards")


def test_a_data_directory_that_is_a_file(t):
    path = t.directory()
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    refused(t, data_dir=path, words=["is a file, and --data-dir wants a directory"])
    refused(t, data_dir=os.path.join(path, "below"), words=["is a file, and --data-dir wants a directory"])


def test_data_of_another_node_and_another_cluster(t):
    server, ids = kept(t)
    refused(t, ["--node-id", "b"], server.data_dir, ["belongs to node 'node-1', and --node-id is 'b'", "old --node-id"])
    version = os.path.join(server.data_dir, "VERSION")
    with open(version, encoding="utf-8") as file:
        before = file.read()
    edit(version, (r'cluster-id = "\w+"', 'cluster-id = "00000000000000ff"'))
    refused(t, data_dir=server.data_dir, words=["the log is of cluster [0-9a-f]{16}, and VERSION says 00000000000000ff"])
    with open(version, "w", encoding="utf-8") as file:
        file.write(before)
    starts_again(t, server, ids)


def test_data_of_a_later_version(t):
    server, ids = kept(t)
    version = os.path.join(server.data_dir, "VERSION")
    with open(version, encoding="utf-8") as file:
        before = file.read()
    for key, what in (("format", "the data format"), ("tables", "the number of tables"),
                      ("operations", "the highest operation")):
        edit(version, (rf"{key} = \d+", f"{key} = 9000"), (r'written-by = "[^"]*"', 'written-by = "9.1.0"'))
        refused(t, data_dir=server.data_dir, words=[f"written by corvo 9.1.0: {what} is 9000", "start that version"])
        with open(version, "w", encoding="utf-8") as file:
            file.write(before)
    starts_again(t, server, ids)


def test_data_from_before_versions_is_taken_over(t):
    server, ids = kept(t)
    os.unlink(os.path.join(server.data_dir, "VERSION"))
    starts_again(t, server, ids)
    check(os.path.exists(os.path.join(server.data_dir, "VERSION")), "no VERSION was written")
    check("brought up to data format" in server.log(), server.log())


def test_a_missing_log(t):
    server, ids = kept(t)
    os.rename(os.path.join(server.data_dir, "log"), os.path.join(server.data_dir, "gone"))
    refused(t, data_dir=server.data_dir, words=["log is missing", "restore a backup"])
    os.rename(os.path.join(server.data_dir, "gone"), os.path.join(server.data_dir, "log"))
    starts_again(t, server, ids)


def test_no_data_and_no_bootstrap(t):
    path = t.directory()
    refused(t, ["--bootstrap=false"], path, ["there is no data", "mount or restore", "--bootstrap=true"])
    check(not os.path.exists(path), "the directory was made")
    server, ids = kept(t)
    server.flags.append("--bootstrap=false")
    starts_again(t, server, ids)


def without_privileges():
    """Root may write anywhere: not without these capabilities."""
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"] if os.getuid() == 0 else []


def test_no_permission(t):
    path = t.directory()
    os.makedirs(path, 0o500)
    wrap = without_privileges()
    refused(t, data_dir=path, wrap=wrap, words=["Permission denied", "chown"])
    refused(t, data_dir=os.path.join(path, "below"), wrap=wrap, words=["Permission denied", "chown"])
    server, ids = kept(t)
    for part in ("log", "state", "LOCK", "VERSION"):
        full = os.path.join(server.data_dir, part)
        mode = os.stat(full).st_mode & 0o777
        os.chmod(full, 0)
        refused(t, data_dir=server.data_dir, wrap=wrap, words=["Permission denied", part])
        os.chmod(full, mode)
    starts_again(t, server, ids)


def mounted(t, script, data, **more):
    """A refusal inside mounts of its own; nothing when nothing can be mounted here."""
    probe = subprocess.run(["unshare", "-m", "sh", "-c", script, data, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        note(f"nothing can be mounted here ({probe.stderr.decode().strip()})")
        return
    refused(t, wrap=["unshare", "-m", "sh", "-c", script, data], **more)


def test_a_read_only_disk(t):
    server, ids = kept(t)
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    mounted(t, script, server.data_dir, data_dir=server.data_dir, words=["Read-only file system", "mount it for writing"])
    starts_again(t, server, ids)


def test_a_full_disk_at_the_start(t):
    data = t.directory("mounted")
    os.makedirs(data)
    script = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
    mounted(t, script, data, data_dir=os.path.join(data, "corvo"), words=["MiB", "free some space"])
    refused(t, wrap=strace("-e", "trace=fallocate", "-e", "inject=fallocate:error=ENOSPC"),
            words=["No space left|disk", "free some space"])


def test_too_few_files(t):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    refused(t, preexec=few, words=["may open 200 files, and needs more than 320", "LimitNOFILE"])


def test_few_files_lower_the_connections(t):
    server = t.fresh("--max-connections", "5000", wrap=["prlimit", "--nofile=400:400"])
    check(re.search(r" warn .*max-connections is 80, not 5000", server.log()), server.log())


def test_a_damaged_log_names_file_and_offset(t):
    server = t.fresh()
    c = t.client(server)
    for _ in range(50):
        c.enqueue("q")
    server.kill()
    path = os.path.join(server.data_dir, "log", "segment-0000000001")
    with open(path, "r+b") as file:
        middle = (8192 + len(file.read().rstrip(b"\0"))) // 2  # Of the records: the head is two pages.
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))
    refused(t, data_dir=server.data_dir, words=[r"segment-0000000001: offset \d+", "restore a backup", "refusals.md"])


def test_wrong_usage_exits_with_2(t):
    refused(t, ["--nonsense"], code=2, words=["unknown option"])
    refused(t, ["--raft-store", "bolt"], words=["bolt is not built yet"])
    refused(t, bind="300.1.1.1:80", words=["300.1.1.1", "choose another --bind"])
