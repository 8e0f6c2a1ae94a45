"""kill -9 at random moments under load: nothing acknowledged is lost, nothing acked is handed out again, recovery is
exact and the same from a copy of the directory.

What a client does not know (its call broke off) may have happened or not; what it was told must have. A seed (printed;
SEED repeats it) fixes the moments of the kills and the mix of the work. CRASH_ROUNDS sets how many.
"""
import collections
import os
import random
import shutil
import statistics
import threading
import time

from contract import durability
from harness import SLOW, Client, Closed, check, eq, note, request_bytes, short, wait_for

ROUNDS = int(os.environ.get("CRASH_ROUNDS") or (50 if SLOW == 1 else 8))
CLIENTS = 5
COPY_EVERY = 10  # Rounds: then the directory is copied after the kill and recovered twice.
TERM_EVERY = 7   # Rounds: then it is stopped in an orderly way, so that the next kill finds flushed state as well.
QUEUES = ("crash-a", "crash-b")
BATCH = "/api/v1/enqueue/batch"

Ending = collections.namedtuple("Ending", "state index")


class Book:
    """What the clients were told. Each job is known by the number in its payload."""

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.created = {}      # number -> job id, answered 201.
        self.unknown = set()   # Numbers of enqueues that broke off.
        self.delivered = {}    # number -> job id, as handed out.
        self.ended = {}        # job id -> Ending, answered 200.
        self.unsure = set()    # Job ids whose ack or fail broke off.
        self.wrong = []
        self.calls = collections.Counter()

    def next_numbers(self, count):
        with self.lock:
            self.number += count
            return range(self.number - count, self.number)

    def complain(self, text):
        with self.lock:
            self.wrong.append(text)

    def note_delivery(self, job, index):
        number, job_id = job["payload"]["n"], job["job_id"]
        with self.lock:
            self.calls["delivered"] += 1
            known = self.delivered.setdefault(number, job_id)
            if known != job_id:
                self.wrong.append(f"enqueue {number} exists twice: {known} and {job_id}")
            if self.created.get(number, job_id) != job_id:
                self.wrong.append(f"enqueue {number} was answered {self.created[number]} and delivered as {job_id}")
            if number >= self.number:
                self.wrong.append(f"{job_id} was never enqueued")
            ending = self.ended.get(job_id)
            if ending and ending.index < index:
                self.wrong.append(f"{job_id} {ending.state} by entry {ending.index} was handed out by entry {index}")


class Target:
    """Where the server is now. The gate is closed while it is being restarted."""

    def __init__(self):
        self.port = None
        self.gate = threading.Event()
        self.stopped = False


class Worker:
    """A client that enqueues, fetches, acks and fails until it is told to stop."""

    def __init__(self, target, book, seed, large):
        self.target = target
        self.book = book
        self.random = random.Random(seed)
        self.large = large  # The share of large payloads.
        self.client = None
        self.held = collections.deque()  # Deliveries that are still to be ended.
        self.again = None                # An ending that broke off: (job, verb), tried once more after the restart.
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.target.stopped:
            self.target.gate.wait()
            try:
                self.step()
            except Exception as error:  # pylint: disable=broad-except
                self.book.complain(f"a client stopped: {type(error).__name__}: {error}")
                return

    def call(self, path, body):
        """The reply, or None when its fate is unknown."""
        if self.client is None or self.client.port != self.target.port:
            self.client = Client(self.target.port)
        try:
            self.client.connect()
        except OSError:
            time.sleep(0.002)  # Nothing listens there now: nothing was sent.
            return False
        try:
            return self.client.post(path, body)
        except Closed:
            self.client.close()
            return None

    def step(self):
        if self.again:
            self.end_job(*self.again)
        elif self.held and self.random.random() < 0.75:
            self.end_job(self.held.popleft(), "ack" if self.random.random() < 0.85 else "fail")
        elif self.random.random() < 0.5:
            self.enqueue()
        else:
            self.fetch()

    def item(self, number):
        size = 30000 if self.random.random() < self.large else self.random.randrange(60)
        return {"queue": self.random.choice(QUEUES), "payload": {"n": number, "x": "x" * size},
                "max_retries": 1 if self.random.random() < 0.5 else 5, "retry_base_delay": "1h"}

    def enqueue(self):
        count = self.random.choice((1, 1, 1, 10, 40))
        numbers = self.book.next_numbers(count)
        items = [self.item(number) for number in numbers]
        reply = self.call(BATCH, {"jobs": items}) if count > 1 else self.call("/api/v1/enqueue", items[0])
        with self.book.lock:
            if not reply:
                self.book.unknown.update(numbers if reply is None else ())
            elif reply.status == 201:
                ids = reply.json()["job_ids"] if count > 1 else [reply.json()["job_id"]]
                self.book.created.update(zip(numbers, ids))
                self.book.calls["enqueued"] += count
            elif reply.status != 503:
                self.book.wrong.append(f"enqueue: {reply}")

    def fetch(self):
        queues = list(QUEUES) if self.random.random() < 0.5 else [self.random.choice(QUEUES)]
        body = {"queues": queues, "count": self.random.choice((1, 5, 20)), "wait_ms": self.random.choice((0, 20)),
                "lease_duration": 3600}
        reply = self.call("/api/v1/fetch/batch", body)
        if reply and reply.status == 200:
            for job in reply.json()["jobs"]:
                self.book.note_delivery(job, durability(reply)[1])
                self.held.append(job)
        elif reply and reply.status != 503:
            self.book.complain(f"fetch: {reply}")

    def end_job(self, job, verb):
        repeated = self.again is not None
        state = "completed"
        body = {"lease_token": job["lease_token"]}
        if verb == "fail":
            body.update(error="no", no_retry=True)
            state = "dead"
        reply = self.call(f"/api/v1/{verb}/{job['job_id']}", body)
        self.again = None if reply else (job, verb)
        with self.book.lock:
            if reply is None:
                self.book.unsure.add(job["job_id"])
            elif reply and reply.status == 200:
                self.book.ended.setdefault(job["job_id"], Ending(state, durability(reply)[1]))
                self.book.calls["repeated" if repeated else verb] += 1
            elif reply and reply.status == 503:
                self.again = (job, verb)
            elif reply:
                self.book.wrong.append(f"{verb} of {job['job_id']} (repeated: {repeated}): {reply}")


def standing(server):
    """Where a recovered server stands."""
    client = server.client()
    status = client.status(verify=True)
    client.close()
    eq(status["state_hash"], status["scanned_hash"], "state_hash and scanned_hash")
    return status["applied_index"], status["state_hash"]


def get_many(server, paths):
    """The replies to many GETs, pipelined."""
    client = server.client()
    replies = []
    for i in range(0, len(paths), 200):
        some = paths[i:i + 200]
        client.send_raw(b"".join(request_bytes("GET", path) for path in some))
        replies += [client.receive() for _ in some]
    client.close()
    return replies


def check_jobs(server, book):
    """Each job that was promised exists and is in the state that was promised."""
    promised = {**book.delivered, **book.created}
    ids = sorted(set(promised.values()))
    wrong = []
    for job_id, reply in zip(ids, get_many(server, [f"/api/v1/jobs/{job_id}" for job_id in ids])):
        if reply.status != 200:
            wrong.append(f"{job_id} is lost: {reply}")
            continue
        job = reply.json()
        ending = book.ended.get(job_id)
        if ending and job["state"] != ending.state:
            wrong.append(f"{job_id} was {ending.state}, is {job['state']}")
        if not ending and job_id not in book.unsure and job["state"] not in ("pending", "active"):
            wrong.append(f"{job_id} is {job['state']}, but nobody ended it")
        if promised.get(job["payload"]["n"]) != job_id:
            wrong.append(f"{job_id} has the payload of another job: {short(job, 200)}")
    check(not wrong, f"{len(wrong)} of {len(ids)} jobs:\n" + "\n".join(wrong[:20]))
    return len(ids)


def check_copy(t, server, copy):
    """Recovers a copy of what the kill left: the same index and the same state as the original."""
    other = t.new_server(data_dir=copy)
    other.start()
    eq(standing(other), standing(server), "applied index and state hash of the copy, and of the original")
    other.kill()
    shutil.rmtree(copy)


def crash(t, server, target, moment, number):
    """One round: load for a moment, then the end of the process and its recovery; how long that took."""
    time.sleep(moment * SLOW)  # The moment of the kill; nothing is awaited.
    if number % TERM_EVERY == TERM_EVERY - 1:
        eq(server.stop(), 0, "exit code after SIGTERM")
        target.gate.clear()
    else:
        server.kill()
        target.gate.clear()
    copy = None
    if number % COPY_EVERY == COPY_EVERY - 1:
        copy = t.directory("copy")
        shutil.copytree(server.data_dir, copy)
    server.start()
    seconds = server.start_s
    if copy:
        check_copy(t, server, copy)
    target.port = server.port
    target.gate.set()
    return seconds


def crash_rounds(t, server, book, seed, moments, large):
    """Clients at work through one crash after each of the moments; the restart times."""
    target = Target()
    target.port = server.port
    workers = [Worker(target, book, seed * 1000 + i, large) for i in range(CLIENTS)]
    seconds = []
    target.gate.set()
    try:
        for worker in workers:
            worker.thread.start()
        for number, moment in enumerate(moments):
            seconds.append(crash(t, server, target, moment, number))
            check(not book.wrong, "\n".join(book.wrong[:20]))
            if number % COPY_EVERY == 0:
                check_jobs_so_far(server, book)
    finally:
        target.stopped = True
        target.gate.set()
        for worker in workers:
            worker.thread.join(30 * SLOW)
    check(not any(worker.thread.is_alive() for worker in workers), "a client hangs")
    return seconds


def check_the_end(server, book, seconds):
    """After one more kill: every promise is kept, and what is left can be handed out."""
    server.kill()
    server.start()
    count = check_jobs(server, book)
    drain(server, book)
    check(not book.wrong, "\n".join(book.wrong[:20]))
    check_jobs_after_drain(server, book)
    index, _ = standing(server)
    note(f"{count} jobs promised, {len(book.ended)} ended, {len(book.unknown)} enqueues and {len(book.unsure)} endings "
         f"of unknown fate, {dict(book.calls)}, entry {index}")
    note(f"restart: median {statistics.median(seconds) * 1000:.0f} ms, most {max(seconds) * 1000:.0f} ms")
    check(book.calls["ack"] > len(seconds) and book.unknown, f"too little load: {book.calls}")


def a_seed(rounds):
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    note(f"{rounds} rounds, SEED={seed}")
    return seed, random.Random(seed)


def drain(server, book):
    """Hands out all that is left: nothing that was ended may be among it."""
    client = server.client()
    while True:
        body = {"queues": list(QUEUES), "count": 512, "wait_ms": 0, "lease_duration": 3600}
        reply = client.post("/api/v1/fetch/batch", body)
        jobs = reply.json()["jobs"]
        if not jobs:
            break
        for job in jobs:
            book.note_delivery(job, durability(reply)[1])
    client.close()


def check_jobs_so_far(server, book):
    """While clients go on: what was promised before must exist."""
    with book.lock:
        promised = sorted(book.created.values())[-500:]
    for job_id, reply in zip(promised, get_many(server, [f"/api/v1/jobs/{job_id}" for job_id in promised])):
        check(reply.status == 200, f"{job_id} is lost: {reply}")


def check_jobs_after_drain(server, book):
    """The last word: an orderly restart changes nothing of it."""
    before = standing(server)
    eq(server.stop(), 0, "exit code")
    server.start()
    after = standing(server)
    eq(after[1], before[1], "state hash after an orderly restart")
    endings = list(book.ended.items())
    replies = get_many(server, [f"/api/v1/jobs/{job_id}" for job_id, _ in endings])
    eq([reply.json()["state"] for reply in replies], [ending.state for _, ending in endings], "states after the end")


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(t):
    seed, dice = a_seed(ROUNDS)
    server, book = t.fresh(), Book()
    seconds = crash_rounds(t, server, book, seed, [dice.uniform(0.01, 0.16) for _ in range(ROUNDS)], 0.03)
    check_the_end(server, book, seconds)


def test_kill_9_while_the_store_flushes_and_the_log_is_cut(t):
    rounds = max(ROUNDS // 6, 3)
    seed, dice = a_seed(rounds)
    server, book = t.fresh(), Book()
    c = t.client(server)
    kept = [c.enqueue("kept", payload={"n": n}) for n in range(20)]
    for _ in range(16):  # 100 MB, so that the bound on what is not flushed is passed while the kills go on.
        c.ok("POST", BATCH, {"jobs": [{"queue": "kept", "payload": "k" * 250000}] * 25}, 201)
    seconds = crash_rounds(t, server, book, seed, [dice.uniform(0.5, 0.9) for _ in range(rounds)], 0.7)
    log = t.client(server).status()["log"]
    check(log["first_index"] > 1, f"the log was never cut: {log}")
    for job_id, reply in zip(kept, get_many(server, [f"/api/v1/jobs/{job_id}" for job_id in kept])):
        check(reply.status == 200, f"{job_id}, which lived in the part of the log that was cut, is lost: {reply}")
    note(f"the log starts with entry {log['first_index']}")
    check_the_end(server, book, seconds)


def test_the_checker_sees_a_lost_and_a_repeated_job(t):
    """A check that can not fail is a defect: a job that is not there, and an ended job that comes back, are seen."""
    server = t.fresh()
    client = t.client(server)
    book = Book()
    book.number = 2
    book.created = {0: client.enqueue(QUEUES[0], payload={"n": 0}), 1: "job_0000000000000000000000000f"}
    try:
        check_jobs(server, book)
        found = False
    except Exception as failure:  # pylint: disable=broad-except
        found = "is lost" in str(failure)
    check(found, "a lost job was not seen")
    book.created.pop(1)
    book.ended[book.created[0]] = Ending("completed", 1)
    drain(server, book)
    check(any("was handed out by entry" in text for text in book.wrong), f"a repeated job was not seen: {book.wrong}")


def test_a_crash_loses_no_lease_and_the_worker_may_end_its_job_afterwards(t):
    server = t.fresh()
    c = t.client(server)
    ids = [c.enqueue("q", payload=i) for i in range(3)]
    first, second = c.take("q", worker_id="a"), c.take("q", lease_duration=1)
    server.kill()
    server.start()
    c = t.client(server)
    eq(c.job(ids[0])["worker_id"], "a")
    c.ack(first, result="after the crash")
    eq(c.job(ids[0])["result"], "after the crash")
    wait_for("the lease that ran out", lambda: c.state(ids[1]) == "pending")
    eq(c.post(f"/api/v1/ack/{ids[1]}", {"lease_token": second["lease_token"]}).code, "LEASE_LOST")
    server.kill()
    server.start()
    c = t.client(server)
    c.ack(first, result="again")
    eq(c.job(ids[0])["result"], "after the crash")


def test_due_work_is_done_after_a_crash(t):
    server = t.fresh()
    c = t.client(server)
    later, expiring = c.enqueue("q", delay="150ms"), c.enqueue("p", expire_after="150ms")
    retry = c.enqueue("r", retry_backoff="fixed", retry_base_delay="150ms")
    c.fail(c.take("r"))
    server.kill()
    server.start()
    c = t.client(server)
    eq(c.take("q", wait_ms=10000)["job_id"], later)
    eq(c.take("r", wait_ms=10000)["job_id"], retry)
    wait_for("the expiry", lambda: c.state(expiring) == "dead")
