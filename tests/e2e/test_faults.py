"""Storage that fails, disks that are full, files that are damaged, and mistakes of the one who starts the server: what
was acknowledged stays, and the text says what is wrong."""
import glob
import os
import re
import shutil
import socket
import subprocess
import threading

from contract import refused
from harness import CORVO, SLOW, Closed, check, eq, fail, note, own_mount, strace, wait_for

BATCH = "/api/v1/enqueue/batch"


def enqueue_until_refused(client, most=5000, payload="x"):
    """(ids answered 201, the first reply that was not)."""
    ids = []
    for i in range(most):
        reply = client.post("/api/v1/enqueue", {"queue": "q", "payload": f"{i}{payload}"})
        if reply.status != 201:
            return ids, reply
        ids.append(reply.json()["job_id"])
    return fail(f"{most} jobs were accepted")


def check_all_there(client, ids, state=None):
    missing = [job_id for job_id in ids if client.get(f"/api/v1/jobs/{job_id}").status != 200]
    check(not missing, f"{len(missing)} of {len(ids)} acknowledged jobs are lost, the first is {missing[:1]}")
    if state:
        eq({client.state(job_id) for job_id in ids}, {state} if ids else set())


# --- A sync or a write that fails ------------------------------------------------------------------------------------


def stop_after_fault(t, call, when):
    """A server whose `call` fails from the when-th time on (of each thread), until it refuses."""
    server = t.new_server(wrap=strace("-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}+"))
    t.watch(server).start()
    c = t.client(server)
    return server, c, *enqueue_until_refused(c)


def check_failed_storage(t, server, c, what):
    """It acknowledges nothing more, says why, and reads go on."""
    for path, body in (("/api/v1/enqueue", {"queue": "q"}), (BATCH, {"jobs": [{"queue": "q"}]}),
                       ("/api/v1/heartbeat", {"jobs": {"x": {}}}), ("/api/v1/fetch", {"queues": ["q"], "wait_ms": 100}),
                       ("/api/v1/queues/q/pause", None), ("/api/v1/ack/job_x", {})):
        refused(c.post(path, body), 503, "STORAGE_FAILED", f"{path} after {what}")
    ready = c.get("/readyz")
    eq((ready.status, ready.json()["status"], ready.json()["reason"]), (503, "not_ready", "storage_failed"))
    text = ready.json().get("error", "")
    check("nput/output error" in text, f"/readyz does not say why: {ready}")
    check("nput/output error" in server.log(), f"the log does not say why:\n{server.log()}")
    eq(c.get("/healthz").status, 200)
    eq(c.get("/api/v1/queues").status, 200)
    eq(c.status()["status"], "degraded")


def check_restart(t, server, ids):
    server.kill()
    server.wrap = []
    server.start()
    c = t.client(server)
    check_all_there(c, ids, "pending")
    status = c.status(verify=True)
    eq(status["state_hash"], status["scanned_hash"])
    total = c.ok("GET", "/api/v1/queues/q")["pending"]
    check(len(ids) <= total <= len(ids) + 1, f"{len(ids)} acknowledged, {total} there")
    c.enqueue("q")


def test_a_failed_fdatasync_stops_acknowledging_at_once(t):
    server, c, ids, reply = stop_after_fault(t, "fdatasync", 40)
    refused(reply, 503, "STORAGE_FAILED", "the write whose sync failed")
    check(len(ids) > 5, f"only {len(ids)} jobs before the fault")
    check_failed_storage(t, server, c, "a failed sync")
    check_all_there(c, ids)
    check_restart(t, server, ids)
    note(f"fdatasync failed after {len(ids)} acknowledged jobs")


def test_a_failed_write_of_the_log_stops_acknowledging_at_once(t):
    server, c, ids, reply = stop_after_fault(t, "pwrite64", 30)
    refused(reply, 503, "STORAGE_FAILED", "the write that failed")
    check_failed_storage(t, server, c, "a failed write")
    check_restart(t, server, ids)


def test_a_failed_sync_answers_those_who_wait(t):
    server = t.new_server(wrap=strace("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=30+"))
    t.watch(server).start()
    waiter, c = t.client(server), t.client(server)
    waiter.send("POST", "/api/v1/fetch", {"queues": ["empty"], "wait_ms": 60000})
    wait_for("the waiter", lambda: c.status()["waiters"] == 1)
    enqueue_until_refused(c)
    refused(waiter.receive(), 503, "STORAGE_FAILED", "the waiting fetch")


def test_many_writers_hear_of_a_failed_sync_and_none_is_told_a_lie(t):
    server = t.new_server(wrap=strace("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=60+"))
    t.watch(server).start()
    accepted, wrong, lock = [], [], threading.Lock()

    def work():
        client = server.client()
        try:
            ids, reply = enqueue_until_refused(client)
        except Closed as error:
            ids, reply = [], error
        with lock:
            accepted.extend(ids)
            if getattr(reply, "code", None) != "STORAGE_FAILED":
                wrong.append(repr(reply))
        client.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eq(wrong, [])
    server.kill()
    server.wrap = []
    server.start()
    check_all_there(t.client(server), accepted, "pending")
    note(f"{len(accepted)} acknowledged before the sync failed")


# --- No space --------------------------------------------------------------------------------------------------------


def fill(c):
    """Enqueues until the server refuses; (ids, reply)."""
    return enqueue_until_refused(c, 1000, "f" * 250000)


def check_full(c, reply):
    refused(reply, 507, "DISK_FULL", "the write without space")
    refused(c.post("/api/v1/enqueue", {"queue": "q", "payload": "f" * 250000}), 507, "DISK_FULL", "the next write")
    eq(c.get("/api/v1/queues/q").status, 200, "a read")
    eq(c.get("/healthz").status, 200)
    ready = c.get("/readyz")
    eq((ready.status, ready.json().get("reason")), (503, "disk_full"), "/readyz")


def accepts_again(c):
    reply = c.post("/api/v1/enqueue", {"queue": "q", "payload": "again"})
    check(reply.status in (201, 507), f"{reply}")
    return reply.status == 201


def test_no_space_for_a_segment_refuses_writes_until_it_can_be_made(t):
    data = t.directory()
    segment = os.path.join(os.path.realpath(os.path.dirname(data)), os.path.basename(data), "log/segment-0000000002")
    wrap = strace("-P", segment, "-e", "trace=fallocate", "-e", "inject=fallocate:error=ENOSPC:when=1..8")
    server = t.watch(t.new_server(data_dir=data, wrap=wrap)).start()
    c = t.client(server)
    ids, reply = fill(c)
    check_full(c, reply)
    check("no space" in server.log().lower(), f"the log does not say why:\n{server.log()}")
    check_all_there(c, ids[:3] + ids[-3:])
    wait_for("the server to accept writes again by itself", lambda: accepts_again(c), 60)
    eq(c.get("/readyz").status, 200)
    wait_for("the log to say so", lambda: "there is room again" in server.log())
    more = [c.enqueue("q") for _ in range(10)]
    server.kill()
    server.wrap = []
    server.start()
    check_all_there(t.client(server), ids + more, "pending")


def mounted(t, size):
    """(server on a file system of its own, its directory as we see it), or None when nothing can be mounted here."""
    data = t.directory("mounted")
    os.makedirs(data)
    wrap = own_mount(data, size)
    if wrap is None:
        return None
    server = t.new_server(data_dir=os.path.join(data, "corvo"), wrap=wrap)
    t.watch(server).start()
    return server, f"/proc/{server.process.pid}/root{data}"


def test_a_full_disk_refuses_writes_serves_reads_and_recovers(t):
    found = mounted(t, "128m")
    if found is None:
        return
    server, directory = found
    c = t.client(server)
    c.enqueue("q", payload="first")
    ballast = os.path.join(directory, "ballast")
    with open(ballast, "wb") as file:
        left = os.statvfs(directory)
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize)
    eq(os.statvfs(directory).f_bavail, 0, "free blocks")
    ids, reply = fill(c)
    check_full(c, reply)
    check_all_there(c, ids[:3] + ids[-3:])
    job = c.get(f"/api/v1/jobs/{ids[0]}").json()
    eq(job["state"], "pending", "a read while the disk is full")
    os.unlink(ballast)
    wait_for("the server to accept writes again by itself", lambda: accepts_again(c), 60)
    done = c.take("q")
    c.ack(done)
    check_all_there(c, ids)
    status = c.status(verify=True)
    eq(status["state_hash"], status["scanned_hash"])
    note(f"{len(ids)} jobs of 250 KB before the disk was full")
    eq(server.stop(), 0, "exit code")


def test_a_server_on_a_full_disk_can_be_stopped(t):
    found = mounted(t, "96m")
    if found is None:
        return
    server, directory = found
    c = t.client(server)
    c.enqueue("q")
    with open(os.path.join(directory, "ballast"), "wb") as file:
        left = os.statvfs(directory)
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize)
    _, reply = fill(c)
    refused(reply, 507, "DISK_FULL")
    code = server.stop()
    check(code in (0, 1), f"exit code {code}:\n{server.log()}")


# --- Damaged files ---------------------------------------------------------------------------------------------------


def segments(server):
    return sorted(glob.glob(os.path.join(server.data_dir, "log", "segment-*")))


def used(path):
    """Offset behind the last byte that is not zero."""
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def filled(t, count=100, payload="x"):
    """A directory with that many jobs, left by a kill."""
    server = t.fresh()
    c = t.client(server)
    ids = [c.enqueue("q", payload=f"{i}{payload}") for i in range(count)]
    server.kill()
    return server, ids


def refuses_to_start(server, *words):
    """The server must end with 1 and a text that has all the words; returns the text."""
    since = os.path.getsize(server.log_path)
    server.spawn()
    code = server.wait_exit()
    text = server.log(since)
    eq(code, 1, f"exit code with the text {text!r}")
    for word in words:
        check(re.search(word, text), f"the text does not say {word!r}: {text!r}")
    check(text.startswith("corvo server: ") or "corvo server: " in text, f"{text!r}")
    return text


def test_a_flipped_bit_in_the_log_is_named_and_nothing_is_dropped(t):
    server, ids = filled(t)
    path = segments(server)[0]
    size = used(path)
    for where in (size // 2, size - 500, 9000, 40):
        flip(path, where)
        text = refuses_to_start(server, "segment-0000000001")
        check(where < 100 or re.search(r"\d{3,}", text), f"no offset in {text!r}")
        flip(path, where)
    server.start()
    check_all_there(t.client(server), ids, "pending")


def test_a_log_that_was_cut_short_is_noticed(t):
    server, _ = filled(t)
    c_server = server.start()
    eq(c_server.stop(), 0)  # An orderly end: the state says how far the log must reach.
    path = segments(server)[0]
    with open(path, "r+b") as file:
        file.truncate(used(path) // 2)
    refuses_to_start(server, "segment-0000000001|log")


def three_segments(t):
    """A directory with entries in two segments and a third file that is ready, left by a kill; and its jobs."""
    server = t.fresh()
    c = t.client(server)
    ids = []
    while len(segments(server)) < 3:
        jobs = [{"queue": "q", "payload": "s" * 250000}] * 25
        ids += c.ok("POST", BATCH, {"jobs": jobs}, 201)["job_ids"]
        check(len(ids) < 500, f"{segments(server)}")
    server.kill()
    return server, ids


def test_a_missing_segment_is_named(t):
    server, ids = three_segments(t)
    for numbers in ((0,), (1,), (2,), (1, 2), (0, 1), (0, 1, 2)):
        other = t.new_server(data_dir=t.directory())
        shutil.copytree(server.data_dir, other.data_dir)
        for path in [segments(other)[number] for number in numbers]:
            os.unlink(path)
        open(other.log_path, "ab").close()
        words = r"segment-(000000000\d|\*)"
        if numbers[0] > 0:  # A file that is still there names the one that is not.
            words = rf"segment-000000000{numbers[0] + 1} is missing"
        refuses_to_start(other, words)
        refuses_to_start(other, words)  # The refused start has changed nothing.
        shutil.rmtree(other.data_dir)
    server.start()
    check_all_there(t.client(server), ids, "pending")


def test_the_newest_segments_are_missed_at_any_time(t):
    """They are deleted after a kill, again after each kill: no start in between has forgotten that they were there."""
    server, ids = three_segments(t)
    for _ in range(3):
        server.start()
        c = t.client(server)
        ids.append(c.enqueue("q", payload="x"))
        server.kill()
        kept = t.directory()
        os.makedirs(kept)
        paths = segments(server)[1:]
        for path in paths:
            shutil.move(path, kept)
        refuses_to_start(server, "segment-0000000002 is missing")
        for path in paths:
            shutil.move(os.path.join(kept, os.path.basename(path)), path)
    server.start()
    check_all_there(t.client(server), ids, "pending")


def test_one_damaged_copy_of_the_term_is_mended_two_are_refused(t):
    server, ids = filled(t, 20)
    metas = sorted(glob.glob(os.path.join(server.data_dir, "log", "meta-*")))
    eq(len(metas), 2)
    for path in metas:
        flip(path, 20)
        server.start()
        check_all_there(t.client(server), ids, "pending")
        server.kill()
    for path in metas:
        flip(path, 20)
    refuses_to_start(server, "meta")


def test_a_torn_tail_is_cut_and_said(t):
    """A power cut in the middle of a write that nobody was answered for: the last record's last byte is not there."""
    server, ids = filled(t)
    path = segments(server)[0]
    flip(path, used(path) - 1)
    since = os.path.getsize(server.log_path)
    server.start()
    c = t.client(server)
    check_all_there(c, ids[:-1], "pending")
    eq(c.get(f"/api/v1/jobs/{ids[-1]}").status, 404, "the job of the record that is torn")
    check("torn" in server.log(since), f"nothing is said of it:\n{server.log(since)}")


def test_a_data_directory_that_is_a_file_is_refused(t):
    path = t.directory("file")
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    server = t.new_server(data_dir=path)
    open(server.log_path, "ab").close()
    refuses_to_start(server, re.escape(path))


# --- Mistakes of the one who starts it -------------------------------------------------------------------------------


def test_a_second_server_on_the_same_directory_is_refused(t):
    first = t.fresh()
    c = t.client(first)
    job_id = c.enqueue("q")
    second = t.new_server(data_dir=first.data_dir)
    open(second.log_path, "ab").close()
    text = refuses_to_start(second, "another|in use|locked|lock")
    eq(c.state(job_id), "pending", "the first one")
    c.enqueue("q")
    note(f"second server: {text.strip().splitlines()[-1][:160]}")


def test_a_port_in_use_is_explained(t):
    holder = socket.create_server(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    server = t.new_server(bind=f"127.0.0.1:{port}")
    open(server.log_path, "ab").close()
    refuses_to_start(server, str(port), "in use")
    holder.close()


def run_corvo(*arguments, env=None):
    done = subprocess.run([CORVO, *arguments], capture_output=True, timeout=20 * SLOW, check=False,
                          env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_wrong_options_exit_2_and_suggest(t):
    data = ["--data-dir", t.directory()]
    for arguments, words in (
            (["--data-dri", "x"], ["data-dri", "did you mean --data-dir"]), (["--durabel"], ["did you mean --durable"]),
            (["--what-is-this"], ["what-is-this", "--help"]), ([*data, "--durable=maybe"], ["durable", "maybe"]),
            ([*data, "--max-body-size", "lots"], ["max-body-size", "lots"]),
            ([*data, "--max-body-size", "1"], ["max-body-size", "range"]),
            ([*data, "--idle-timeout", "-5s"], ["idle-timeout"]),
            ([*data, "--log-level", "loud"], ["log-level", "loud"]), (["--bind"], ["bind", "value"]),
            (["surprise"], ["surprise"]), (["--bind="], ["bind"])):
        code, out, text = run_corvo("server", *arguments)
        eq((code, out), (2, ""), f"{arguments}: {text!r}")
        for word in words:
            check(word in text, f"{arguments}: {word!r} is not in {text!r}")
    code, _, text = run_corvo("server", *data, env={"CORVO_DURABLE": "maybe"})
    check(code == 2 and "CORVO_DURABLE" in text, f"{code} {text!r}")


def test_help_and_version_are_there(t):
    code, out, _ = run_corvo("server", "--help")
    check(code == 0 and "--data-dir" in out and "--durable" in out, f"{code} {out!r}")
    code, out, _ = run_corvo("version")
    check(code == 0 and out.startswith("corvo "), f"{code} {out!r}")
    code, _, text = run_corvo("frobnicate")
    check(code == 2 and "frobnicate" in text, f"{code} {text!r}")
    eq(run_corvo()[0], 2)


def test_engines_that_are_not_built_are_refused_not_replaced(t):
    for engine in ("bolt", "pebble"):
        server = t.new_server("--raft-store", engine)
        open(server.log_path, "ab").close()
        refuses_to_start(server, engine)
    server = t.fresh("--raft-store", "badger")
    t.client(server).enqueue("q")


def test_an_address_that_is_none_is_refused(t):
    for bind in ("nonsense", "127.0.0.1:99999", "127.0.0.1:x", "300.1.1.1:80"):
        server = t.new_server(bind=bind)
        open(server.log_path, "ab").close()
        refuses_to_start(server, "|".join(re.escape(part) for part in bind.split(":")))
