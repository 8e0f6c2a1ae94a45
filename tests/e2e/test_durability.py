"""Durability shown by recorded system calls, since kill -9 keeps the page cache and proves nothing about syncing.

(a) No byte of the answer to a write leaves before an fdatasync that covers its log entry has returned.
(b) At many moments of the recording the log's directory is built as a power cut could have left it: writes that were
    not synced are missing, torn or out of order. The server must recover from it everything that was answered before.
The same checks over a server that does not sync must fail, both of them.
"""
import collections
import concurrent.futures
import os
import random
import re
import shutil
import threading

import recording
from contract import durability
from harness import Client, Failure, check, eq, note, request_bytes, strace

CLIENTS = 4
STATES = 96
PARALLEL = 2
LARGE = 120000  # Bytes of some payloads: the log rolls into its second segment, and single writes can tear.
BATCH = "/api/v1/enqueue/batch"


class Answered:
    """What clients were told: which marks went into which entry, and what must be true of which job then."""

    def __init__(self):
        self.lock = threading.Lock()
        self.marks = {}     # Entry index -> marks of the requests that it answered.
        self.promises = {}  # Entry index -> [(job id, state, payload or None)].
        self.count = 0

    def note(self, reply, marks, promises):
        word, index, _ = durability(reply)
        with self.lock:
            self.marks.setdefault(index, set()).update(marks)
            self.promises.setdefault(index, []).extend(promises)
            self.count += 1
        return word


def work(port, name, answered, rounds):
    """One client: single and batch enqueues, fetches, acks, fails and heartbeats, each with a mark of its own."""
    client = Client(port)
    queue = f"q{name}"
    dice = random.Random(name)
    held = []
    for i in range(rounds):
        mark = f"mark{name}x{i}x"
        kind = i % 6
        if kind in (0, 1):
            payload = mark + ("p" * LARGE if dice.random() < 0.75 else "")
            reply = client.post("/api/v1/enqueue", {"queue": queue, "payload": payload})
            answered.note(reply, [mark], [(reply.json()["job_id"], None, payload)])
        elif kind == 2:
            payloads = [f"{mark}{n}x" + "b" * 300 for n in range(6)]
            reply = client.post(BATCH, {"jobs": [{"queue": queue, "payload": payload} for payload in payloads]})
            ids = reply.json()["job_ids"]
            answered.note(reply, [f"{mark}{n}x" for n in range(6)],
                          [(job_id, None, payload) for job_id, payload in zip(ids, payloads)])
        elif kind == 3:
            reply = client.post("/api/v1/fetch/batch", {"queues": [queue], "count": 3, "wait_ms": 0,
                                                        "worker_id": mark, "lease_duration": 3600})
            held += reply.json()["jobs"]
            answered.note(reply, [mark], [(job["job_id"], None, None) for job in held])
        elif kind == 4 and held:
            job = held.pop(0)
            reply = client.post(f"/api/v1/ack/{job['job_id']}", {"lease_token": job["lease_token"], "result": mark})
            answered.note(reply, [mark], [(job["job_id"], "completed", job["payload"])])
        elif held:
            job = held.pop(0)
            body = {"lease_token": job["lease_token"], "error": mark, "no_retry": True}
            reply = client.post(f"/api/v1/fail/{job['job_id']}", body)
            answered.note(reply, [mark], [(job["job_id"], "dead", job["payload"])])
    client.close()


class Recorded:
    """A run of a server under strace with its clients' knowledge."""

    def __init__(self, t, *flags):
        output = t.directory("recording")
        server = t.new_server(*flags, wrap=strace(*recording.OPTIONS, output=output))
        server.start()
        pid = server.process.pid
        self.answered = Answered()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            for result in [pool.submit(work, server.port, name, self.answered, 90) for name in range(CLIENTS)]:
                result.result()
        server.kill()
        recording.wait_for_end(output, pid)
        self.calls = recording.read(output)
        self.log_dir = os.path.realpath(os.path.join(server.data_dir, "log"))
        self.state_dir = os.path.realpath(os.path.join(server.data_dir, "state"))
        self.replies = [(call, index) for call in self.calls for index in receipts(call)]
        os.unlink(output)
        shutil.rmtree(server.data_dir)

    def log_calls(self, *names):
        return [call for call in self.calls if call.name in names and call.path.startswith(self.log_dir + "/")]


def receipts(call):
    """The entry indexes that the bytes acknowledge, if the call sends to a client."""
    if call.name not in ("write", "writev", "sendto", "sendmsg") or not call.is_socket:
        return []
    return [int(index) for index in re.findall(rb"X-Corvo-Durability: \w+;[^\r]*;index=(\d+);", call.data)]


# --- (a) -------------------------------------------------------------------------------------------------------------


def unsynced_replies(recorded):
    """Replies that left before their marks were written and synced: texts."""
    writes = recorded.log_calls("pwrite64", "pwritev", "write")
    syncs = [call for call in recorded.log_calls("fdatasync", "fsync") if call.result == 0 and call.end is not None]
    durable_at = {}
    for write in writes:
        later = [sync.end for sync in syncs if sync.path == write.path and write.end is not None
                 and sync.start > write.end]
        for mark in re.findall(rb"mark\d+x\d+x(?:\dx)?", write.data):
            if later:
                durable_at[mark.decode()] = min(min(later), durable_at.get(mark.decode(), min(later)))
    wrong = []
    for call, index in recorded.replies:
        for mark in recorded.answered.marks.get(index, ()):
            when = durable_at.get(mark)
            if when is None or when >= call.start:
                wrong.append(f"entry {index} ({mark}) was answered at {call.start}, durable at {when}")
    return wrong


def check_complete(recorded):
    """The recording must hold every reply that clients got, or the check would be empty."""
    seen = sorted(index for _, index in recorded.replies)
    check(len(seen) == recorded.answered.count, f"{len(seen)} replies recorded, {recorded.answered.count} received")
    eq(set(seen), set(recorded.answered.marks), "entries that were answered")
    check(recorded.answered.count >= 200, f"only {recorded.answered.count} replies")
    tables = [call.path for call in recorded.calls if call.path.endswith(".sst")]
    eq(tables, [], "tables of RocksDB: the state must come from the log alone")


# --- (b) -------------------------------------------------------------------------------------------------------------


def moments(recorded, dice):
    """Positions around the calls that change what is durable, and in between."""
    calls = recorded.log_calls("pwrite64", "fdatasync", "fallocate", "openat") + [
        call for call in recorded.calls if call.name == "fsync" and call.path == recorded.log_dir]
    begun = min(call.start for call, _ in recorded.replies)
    around = sorted({position for call in calls for position in (call.start, call.start + 1, call.end)
                     if position and position > begun})
    large = [call.start + 1 for call in calls if call.name == "pwrite64" and len(call.data) > LARGE]
    rolls = [call.start + 1 for call in calls if call.name in ("openat", "fallocate", "fsync") and call.start > begun]
    rolls += [call.end + 1 for call in calls
              if call.name in ("openat", "fallocate") and call.end and call.start > begun]
    last = max(call.start for call in recorded.calls) + 1
    chosen = dice.sample(around, min(len(around), STATES // 2)) + dice.sample(large, min(len(large), STATES // 4))
    return (sorted(set(rolls)) + chosen + dice.sample(range(begun, last), STATES // 4) + [last])[:STATES + len(rolls)]


def variants(count, dice):
    """Which of the pieces that were not synced a power cut may have kept: (name, numbers)."""
    whole = range(count)
    kinds = [("dropped", set())]
    if count > 0:
        kinds += [("all kept", set(whole))]
    if count > 1:
        kinds += [("torn", set(whole[:count // 2])), ("reordered", set(whole[count // 2:])),
                  ("scattered", {number for number in whole if dice.random() < 0.5})]
    return kinds


def torn_in_a_sector(disk, dice):
    """Half of the bytes of a piece: what a disk without atomic sectors leaves."""
    for file in disk.files.values():
        for number, (offset, data) in enumerate(file.pending):
            if data and dice.random() < 0.7:
                file.pending[number] = (offset, data[:len(data) // 2])


def states(recorded, dice):
    """Yields (what, position, a function that builds the log directory)."""
    for position in moments(recorded, dice):
        disk = recording.Disk(recorded.calls, recorded.log_dir, position)
        kind, kept = dice.choice(variants(len(disk.pending), dice))
        if kind == "all kept" and dice.random() < 0.5:
            kind = "torn within"
            torn_in_a_sector(disk, dice)
            kept = set(range(len(disk.pending)))
        with_unsure = dice.random() < 0.5
        yield f"{kind} at {position} ({len(disk.pending)} pieces open)", position, (
            lambda target, disk=disk, kept=kept, unsure=with_unsure: disk.build(target, kept, unsure))


def promised(recorded, position):
    """What had been answered before the position: job id -> (state or None, payload or None)."""
    jobs = {}
    for call, index in sorted(recorded.replies, key=lambda row: row[1]):
        if call.start < position:
            for job_id, state, payload in recorded.answered.promises[index]:
                old = jobs.get(job_id, (None, None))
                jobs[job_id] = (state or old[0], payload if payload is not None else old[1])
    return jobs


def check_state(t, recorded, state):
    """Recovers from one directory; returns a complaint or None."""
    what, position, build = state
    server = t.new_server()
    os.makedirs(server.data_dir)
    build(os.path.join(server.data_dir, "log"))
    try:
        server.start()
        client = server.client()
        jobs = sorted(promised(recorded, position).items())
        for i in range(0, len(jobs), 100):
            some = jobs[i:i + 100]
            client.send_raw(b"".join(request_bytes("GET", f"/api/v1/jobs/{job_id}") for job_id, _ in some))
            for job_id, (state_word, payload) in some:
                reply = client.receive()
                check(reply.status == 200, f"{job_id} is lost: {reply}")
                job = reply.json()
                check(payload is None or job["payload"] == payload, f"{job_id} has another payload")
                check(state_word is None or job["state"] == state_word, f"{job_id} is {job['state']}, was {state_word}")
        status = client.status(verify=True)
        eq(status["state_hash"], status["scanned_hash"], "state_hash and scanned_hash")
        client.close()
        return None
    except Failure as failure:
        return f"{what}: {failure}"
    finally:
        server.kill()
        shutil.rmtree(server.data_dir, ignore_errors=True)


def failed_states(t, recorded, seed, enough=None):
    """(complaints, kinds of the states that were tried); stops after `enough` complaints."""
    dice = random.Random(seed)
    wrong, tried = [], collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        todo = list(states(recorded, dice))
        for i in range(0, len(todo), PARALLEL * 4):
            some = todo[i:i + PARALLEL * 4]
            wrong += [text for text in pool.map(lambda state: check_state(t, recorded, state), some) if text]
            tried.update(what.split(" at ")[0] for what, _, _ in some)
            if enough and len(wrong) >= enough:
                break
    return wrong, tried


def test_replies_wait_for_the_sync_and_every_power_cut_recovers(t):
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    recorded = Recorded(t)
    check_complete(recorded)
    wrong = unsynced_replies(recorded)
    check(not wrong, f"{len(wrong)} replies left too early:\n" + "\n".join(wrong[:10]))
    segments = {call.path for call in recorded.log_calls("pwrite64") if "segment" in call.path}
    check(len(segments) >= 2, f"the log did not roll: {segments}")
    wrong, tried = failed_states(t, recorded, seed)
    note(f"{recorded.answered.count} replies over {len(recorded.answered.marks)} entries, {tried.total()} crash states "
         f"{dict(tried)}, SEED={seed}")
    check(tried.total() >= 60, f"only {tried} states")
    check(tried["torn"] + tried["torn within"] >= 3 and tried["reordered"] + tried["scattered"] >= 3, f"{tried}")
    check(not wrong, f"{len(wrong)} of {tried.total()} crash states (SEED={seed}):\n" + "\n".join(wrong[:5]))


def test_planted_bug_a_server_that_does_not_sync_fails_both_checks(t):
    recorded = Recorded(t, "--durable=false")
    check_complete(recorded)
    wrong = unsynced_replies(recorded)
    check(len(wrong) > 100, f"(a) found only {len(wrong)} replies that left before a sync")
    failed, tried = failed_states(t, recorded, 7, enough=3)
    check(any("is lost" in text for text in failed), f"(b) found no lost job in {tried}: {failed}")
    note(f"(a) {len(wrong)} replies too early; (b) {len(failed)} of {tried.total()} states fail")
