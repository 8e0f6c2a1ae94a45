"""The view: what its SQLite file says is what the jobs' own rows say, whatever happened to server and file.

The rows are asked for through GET and bulk-get, which know nothing of the view; the file is read with Python's sqlite3.
VIEW_OPERATIONS sets how many random operations there are, VIEW_KILLS how often the server is killed among them.
"""
import os
import random
import shutil
import sqlite3
import threading
import time

from contract import refused, time_ns
from harness import SLOW, Closed, check, eq, fail, note, own_mount, short, wait_for

OPERATIONS = int(os.environ.get("VIEW_OPERATIONS") or (6000 if SLOW == 1 else 1500))
KILLS = int(os.environ.get("VIEW_KILLS") or 5)
STATES = [None, "pending", "scheduled", "active", "retrying", "held", "completed", "dead", "cancelled"]
PRIORITIES = ["critical", "high", "normal", "low"]
HOLDS = [None, "api", "agent", "guardrail", "budget", "policy", "dependency"]
BATCH = "/api/v1/enqueue/batch"
REBUILD = "/api/v1/admin/rebuild-sqlite"

# What is shown: a job whose queue was cleared or destroyed is gone, though its row may still be there.
SHOWN = """SELECT j.seq, j.created, q.name, j.state, j.priority, j.attempt, j.started, j.completed, j.run_at,
                  j.expire_at, j.hold_kind, j.held_at, j.worker
           FROM jobs j JOIN queues q ON q.id = j.queue
           WHERE j.moved > q.destroyed_below AND (j.state NOT IN (1, 2, 4) OR j.moved > q.cleared_below)"""


# --- Comparing -------------------------------------------------------------------------------------------------------


def view_path(server):
    return os.path.join(server.data_dir, "view", "view.sqlite")


def file_of(server):
    return sqlite3.connect(f"file:{view_path(server)}?mode=ro", uri=True, timeout=20)


def ms(text):
    return None if text is None else time_ns(text) // 1_000_000


def row_of_job(job):
    """What the file must say of a job, from what GET says."""
    hold = job.get("hold") or {}
    return (job["queue"], job["state"], PRIORITIES[job["priority"]], job["attempt"], ms(job.get("started_at")),
            ms(job.get("completed_at")), ms(job.get("scheduled_at")), ms(job.get("expire_at")), hold.get("kind"),
            ms(hold.get("at")), "worker_id" in job)


def jobs_of_file(db):
    return {f"job_{created:016x}{seq:010x}": (name, STATES[state], PRIORITIES[priority], attempt, started, completed,
                                              run_at, expire_at, HOLDS[hold or 0], held_at, worker is not None)
            for seq, created, name, state, priority, attempt, started, completed, run_at, expire_at, hold, held_at, worker
            in db.execute(SHOWN)}


def jobs_of_rows(c, ids):
    """{id: row} of those that exist, through bulk-get."""
    found = {}
    ids = sorted(ids)
    for at in range(0, len(ids), 1000):
        for job in c.ok("POST", "/api/v1/jobs/bulk-get", {"job_ids": ids[at:at + 1000]})["jobs"]:
            found[job["id"]] = row_of_job(job)
    return found


def check_terms(db):
    """Each job is found by its queue, and by its state when that is an end."""
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE name GLOB 'terms_[0-9]*' AND sql LIKE '%fts5%'"):
        part = int(table.split("_")[1])
        span = (part << 22, (part + 1) << 22)
        for letter, column, where in (("q", "queue", "1"), ("s", "state", "state >= 6")):
            for (value,) in db.execute(f"SELECT DISTINCT {column} FROM jobs WHERE {where}").fetchall():
                lost = db.execute(
                    f"SELECT count(*) FROM jobs WHERE {column} = ? AND {where} AND seq >= ? AND seq < ? AND seq NOT IN "
                    f"(SELECT rowid FROM {table} WHERE {table} MATCH ?)", (value, *span, f"{letter}{value}")).fetchone()
                eq(lost[0], 0, f"jobs with {column} {value} that its term does not find")


def check_errors(db, c, ids):
    """The errors of some jobs, one by one."""
    for job_id in ids:
        reply = c.get(f"/api/v1/jobs/{job_id}")
        if reply.status != 200:
            continue
        want = [(error["id"], error["error"], ms(error["created_at"]))
                for error in reply.json().get("errors", [])]
        got = db.execute("SELECT id, text, at FROM err WHERE seq = ? ORDER BY id", (int(job_id[-10:], 16),)).fetchall()
        eq(got, want, f"errors of {job_id}")


def settle(c):
    """Waits until the view has all that is applied."""
    def through():
        status = c.status()
        return status["view_index"] == int(status["applied_index"]) and status["view"]["state"] == "ready" and status

    return wait_for("the view to have all that is applied", through, 60)


def compare(server, c, ids, open_file=file_of):
    """The file against the rows of these ids, and of all that the file knows. Returns how many jobs that were."""
    for _ in range(5):
        status = settle(c)
        db = open_file(server)
        try:
            in_file = jobs_of_file(db)
            in_rows = jobs_of_rows(c, set(ids) | set(in_file))
            if c.status()["applied_index"] != status["applied_index"]:
                continue  # A job became due meanwhile.
            for job_id in sorted(in_file.keys() | in_rows.keys()):
                if in_file.get(job_id) != in_rows.get(job_id):
                    fail(f"{job_id}: the file says {in_file.get(job_id)}, its row {in_rows.get(job_id)}")
            check_terms(db)
            failed = [row[0] for row in db.execute("SELECT DISTINCT seq FROM err ORDER BY seq DESC LIMIT 50")]
            by_seq = {int(job_id[-10:], 16): job_id for job_id in in_file}
            check_errors(db, c, [by_seq[seq] for seq in failed if seq in by_seq])
            return len(in_file)
        finally:
            db.close()
    return fail("the server does not come to rest")


# --- Random work -----------------------------------------------------------------------------------------------------


class Work:
    """Random operations of all kinds; what breaks off with the server may have happened or not."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.ids = set()
        self.some = []     # Ids to pick from, the newest.
        self.held = {}     # Lease tokens by id.
        self.done = 0

    def note(self, ids):
        self.ids.update(ids)
        self.some = (self.some + ids)[-3000:]
        self.done += len(ids)

    def job(self):
        r = self.random
        job = {"queue": f"q{r.randrange(8)}", "payload": {"n": r.randrange(10**6)}, "max_retries": r.randrange(3),
               "retry_backoff": "fixed", "retry_base_delay": r.choice(["10ms", "1h"])}
        if r.random() < 0.3:
            job["tags"] = {"k": r.randrange(50), "name": r.choice(["ada", "bob", "\u00e9\"'%"])}
        if r.random() < 0.2:
            job["priority"] = r.choice(PRIORITIES)
        if r.random() < 0.05:
            job["scheduled_at"] = "2031-05-06T07:08:09.123456Z"
        if r.random() < 0.05:
            job["expire_after"] = r.choice(["50ms", "2h"])
        return job

    def enqueue(self, c, count):
        reply = c.post(BATCH, {"jobs": [self.job() for _ in range(count)]})
        check(reply.status in (200, 201), f"enqueue/batch: {reply}")
        self.note(reply.json()["job_ids"])

    def fetch(self, c, count):
        reply = c.post("/api/v1/fetch/batch", {"queues": [f"q{self.random.randrange(8)}"], "count": count, "wait_ms": 0,
                                               "worker_id": f"w{self.random.randrange(20)}",
                                               "lease_duration": self.random.choice([1, 3600])})
        check(reply.status in (200, 204), f"fetch/batch: {reply}")
        jobs = reply.json()["jobs"] if reply.status == 200 else []
        self.held.update((job["job_id"], job["lease_token"]) for job in jobs)
        self.done += len(jobs)

    def ack(self, c, count):
        taken = [self.held.popitem() for _ in range(min(count, len(self.held)))]
        if taken:
            c.post("/api/v1/ack/batch", {"acks": [{"job_id": job_id, "lease_token": token} for job_id, token in taken]})
            self.done += len(taken)

    def fail(self, c, count):
        for _ in range(min(count, len(self.held))):
            job_id, token = self.held.popitem()
            c.post(f"/api/v1/fail/{job_id}", {"lease_token": token, "error": f"no route to {self.random.randrange(99)}"})
            self.done += 1

    def single(self, c):
        job_id = self.random.choice(self.some)
        what, body = self.random.choice((
            ("cancel", {}), ("hold", {"reason": "look"}), ("approve", {}), ("reject", {"reason": "no"}), ("retry", {}),
            ("move", {"queue": f"q{self.random.randrange(8)}"}), ("delete", None)))
        if what == "delete":
            c.request("DELETE", f"/api/v1/jobs/{job_id}")
        else:
            c.post(f"/api/v1/jobs/{job_id}/{what}", body)
        self.done += 1

    def queue(self, c):
        name = f"q{self.random.randrange(8)}"
        if self.random.random() < 0.5:
            c.post(f"/api/v1/queues/{name}/clear")
        else:
            c.request("DELETE", f"/api/v1/queues/{name}")
        self.done += 1

    def some_work(self, c, large):
        p = self.random.random()
        if p < 0.25:
            self.enqueue(c, self.random.randrange(1, large))
        elif p < 0.5:
            self.fetch(c, self.random.randrange(1, large))
        elif p < 0.65:
            self.ack(c, self.random.randrange(1, large))
        elif p < 0.75:
            self.fail(c, self.random.randrange(1, 20))
        elif p < 0.997 or not self.some:
            if self.some:
                self.single(c)
        else:
            self.queue(c)


def kill_within(server, work, client, seconds):
    """Works until the server is killed, which happens at some moment."""
    timer = threading.Timer(seconds, server.process.kill)
    timer.start()
    try:
        while True:
            work.some_work(client, 100)
    except Closed:
        pass
    finally:
        timer.cancel()
        server.kill()


def test_the_view_equals_the_rows_after_random_work_and_kills(t):
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    server = t.fresh()
    work = Work(seed)
    began = time.monotonic()
    large = 500 if OPERATIONS >= 100_000 else 40
    counts = []
    c = t.client(server)
    for part in range(KILLS):
        while work.done < OPERATIONS * (part + 1) // KILLS:
            work.some_work(c, large)
        kill_within(server, work, c, work.random.uniform(0.01, 0.7))
        server.start()
        c = t.client(server)
        # Compared before anything else is done, and on the way.
        counts.append(compare(server, c, work.ids))
    verified = c.status(verify=True)
    eq(verified["scanned_hash"], verified["state_hash"], "state hash")
    eq(verified["view"]["rebuilds_total"], 0, "rebuilds: the view must follow, not begin anew")
    note(f"seed {seed}: {work.done} operations, {KILLS} kills, {len(work.ids)} jobs made; "
         f"compared {counts} jobs, all equal; {time.monotonic() - began:.0f} s")


# --- The file goes away, or is not what it was -----------------------------------------------------------------------


def filled(t, *flags, jobs=500):
    """A server with some jobs of each kind; (server, work)."""
    server = t.fresh(*flags)
    c = t.client(server)
    work = Work(7)
    while len(work.ids) < jobs:
        work.some_work(c, 40)
    return server, work


def rebuilds(c):
    return c.status()["view"]["rebuilds_total"]


def test_a_deleted_file_is_made_anew(t):
    server, work = filled(t)
    eq(server.stop(), 0, "exit code")
    shutil.rmtree(os.path.dirname(view_path(server)))
    server.start()
    c = t.client(server)
    compare(server, c, work.ids)
    eq(rebuilds(c), 1, "rebuilds")

    # While it is open, and the server dies before it can notice.
    os.unlink(view_path(server))
    work.enqueue(c, 10)
    server.kill()
    server.start()
    c = t.client(server)
    compare(server, c, work.ids)
    eq(rebuilds(c), 1, "rebuilds")


def test_nothing_is_made_anew_without_need(t):
    server, work = filled(t)
    for stop in (server.stop, server.kill, server.stop):
        settle(t.client(server))
        stop()
        server.start()
        c = t.client(server)
        compare(server, c, work.ids)
        eq(rebuilds(c), 0, f"rebuilds after {stop.__name__}")


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x40]))


def replace_with(path, data):
    with open(path, "wb") as file:
        file.write(data)


def damages(path):
    """Ways to damage the file, each named."""
    size = os.path.getsize(path)
    pages = random.Random(3).sample(range(1, size // 4096), 4)
    yield "its first byte", lambda: flip(path, 0)
    yield "its format", lambda: flip(path, 63)
    yield "the schema", lambda: write_at(path, 200, b"\xff" * 400)
    for page in pages:
        yield f"a byte of page {page + 1}", lambda page=page: flip(path, page * 4096 + 4000)
    yield "a page of zeros", lambda: write_at(path, pages[0] * 4096, bytes(4096))
    yield "the last byte", lambda: flip(path, size - 1)
    yield "half of it", lambda: os.truncate(path, size // 2)
    yield "a part of a page", lambda: os.truncate(path, size - 1000)
    yield "all of it", lambda: os.truncate(path, 0)
    yield "something else", lambda: replace_with(path, b"this is not a database\n" * 2000)


def test_a_damaged_file_is_made_anew(t):
    server, work = filled(t)
    settle(t.client(server))
    eq(server.stop(), 0, "exit code")
    path = view_path(server)
    names = [name for name, _ in damages(path)]
    for at, name in enumerate(names):
        list(damages(path))[at][1]()
        server.start()
        c = t.client(server)
        work.enqueue(c, 3)
        compare(server, c, work.ids)
        eq(rebuilds(c), 1, f"rebuilds after damage to {name}")
        eq(server.stop(), 0, "exit code")
    note(f"damaged after a stop: {', '.join(names)}")


def test_a_file_damaged_after_a_crash_is_made_anew(t):
    """Without a seal SQLite's check has to find it: structure, not every byte."""
    server, work = filled(t)
    path = view_path(server)
    for name, damage in (("its first byte", lambda: flip(path, 0)), ("its format", lambda: flip(path, 63)),
                         ("half of it", lambda: os.truncate(path, os.path.getsize(path) // 2)),
                         ("a page of zeros", lambda: write_at(path, 4096 * 3, bytes(4096)))):
        settle(t.client(server))
        eq(server.stop(), 0, "exit code")
        server.start()
        settle(t.client(server))  # The file has all of it: SQLite's log is empty.
        server.kill()
        check(not os.path.exists(path + ".seal"), "a seal of a file that is open")
        damage()
        server.start()
        c = t.client(server)
        compare(server, c, work.ids)
        eq(rebuilds(c), 1, f"rebuilds after damage to {name}")


def test_a_directory_in_its_place_is_said_and_harms_nobody(t):
    server, work = filled(t)
    eq(server.stop(), 0, "exit code")
    shutil.rmtree(os.path.dirname(view_path(server)))
    os.makedirs(os.path.join(view_path(server), "x"))
    server.start()
    c = t.client(server)
    status = wait_for("the view to say that it can not go on",
                      lambda: c.status()["view"]["state"] == "stopped" and c.status())
    check(status["view"].get("error"), f"no word of what is wrong: {status['view']}")
    work.enqueue(c, 3)
    shutil.rmtree(view_path(server))
    compare(server, c, work.ids)
    check("the view follows again" in server.log(), f"the log does not say that it goes on:\n{server.log()}")


def test_a_file_of_a_later_version_is_made_anew(t):
    server, work = filled(t)
    eq(server.stop(), 0, "exit code")
    db = sqlite3.connect(view_path(server))
    eq(db.execute("PRAGMA user_version").fetchone()[0], 1, "format")
    db.execute("PRAGMA user_version = 2")
    db.execute("ALTER TABLE jobs RENAME TO tasks")
    db.commit()
    db.close()
    os.unlink(view_path(server) + ".seal")
    server.start()
    c = t.client(server)
    compare(server, c, work.ids)
    eq(rebuilds(c), 1, "rebuilds")


def test_a_file_of_another_cluster_is_made_anew(t):
    one, _ = filled(t)
    other, work = filled(t)
    eq((one.stop(), other.stop()), (0, 0), "exit codes")
    shutil.rmtree(os.path.dirname(view_path(other)))
    shutil.copytree(os.path.dirname(view_path(one)), os.path.dirname(view_path(other)))
    other.start()
    c = t.client(other)
    compare(other, c, work.ids)
    eq(rebuilds(c), 1, "rebuilds")


def test_a_file_further_than_the_log_is_made_anew(t):
    """As after a power cut without --durable: the log has forgotten what the view knows."""
    server, work = filled(t)
    eq(server.stop(), 0, "exit code")
    before = t.directory("before")
    shutil.copytree(server.data_dir, before)
    server.start()
    c = t.client(server)
    work.enqueue(c, 50)
    settle(c)
    eq(server.stop(), 0, "exit code")
    view = os.path.dirname(view_path(server))
    shutil.rmtree(os.path.join(before, "view"))
    shutil.copytree(view, os.path.join(before, "view"))
    older = t.watch(t.new_server(data_dir=before)).start()
    c = t.client(older)
    compare(older, c, work.ids)
    eq(rebuilds(c), 1, "rebuilds")


def test_without_a_view(t):
    server = t.fresh("--view=false")
    c = t.client(server)
    work = Work(9)
    work.enqueue(c, 20)
    refused(c.post(REBUILD), 501, "UNSUPPORTED")
    eq(c.status()["view"], {"state": "off"})
    check(not os.path.exists(view_path(server)), "there is a file though there is no view")
    for _ in range(3):
        work.enqueue(c, 20)
    eq(server.stop(), 0, "exit code")
    server.flags = []
    server.start()
    compare(server, t.client(server), work.ids)


# --- Made anew while it serves ---------------------------------------------------------------------------------------


def test_rebuild_while_serving(t):
    server, work = filled(t, jobs=3000 if SLOW == 1 else 600)
    c = t.client(server)
    replies = []

    def ask():
        client = server.client()
        replies.append(client.post(REBUILD))
        client.close()

    askers = [threading.Thread(target=ask) for _ in range(5)]
    for asker in askers:
        asker.start()
    while any(asker.is_alive() for asker in askers):
        work.some_work(c, 40)
    for reply in replies:
        eq(reply.status, 200, short(reply))
        body = reply.json()
        eq((body["status"], body["rebuilt"], type(body["duration_ms"]), len(body)), ("ok", True, int, 3), "reply")
    compare(server, c, work.ids)
    status = c.status()
    check(1 <= status["view"]["rebuilds_total"] <= 5, f"rebuilds: {status['view']}")
    rebuilt = status["sqlite_rebuild"]
    eq((rebuilt["ran"], rebuilt["last_success"], type(rebuilt["last_duration_ms"])), (True, True, int), "status")
    time_ns(rebuilt["last_started_at"])
    check(not os.path.exists(view_path(server) + ".new"), "the new file is still there")


def test_who_asked_for_a_rebuild_may_leave(t):
    server, work = filled(t)
    for _ in range(3):
        client = server.client()
        client.send("POST", REBUILD)
        client.close()
    wait_for("the rebuild that nobody waits for", lambda: rebuilds(t.client(server)) > 0)
    compare(server, t.client(server), work.ids)
    eq(server.stop(), 0, "exit code")


def test_killed_while_it_is_made(t):
    server, work = filled(t, jobs=3000 if SLOW == 1 else 600)
    for delay in (0.0, 0.005, 0.02, 0.05):
        client = server.client()
        client.send("POST", REBUILD)
        time.sleep(delay)  # A moment of the rebuild, whichever.
        server.kill()
        client.close()
        server.start()
        compare(server, t.client(server), work.ids)


# --- A full disk -----------------------------------------------------------------------------------------------------


def mounted_view(t, size):
    """(server whose view has a file system of its own, the view's directory as we see it), or None."""
    data = t.directory("mounted")
    view = os.path.join(data, "view")
    os.makedirs(view)
    wrap = own_mount(view, size)
    if wrap is None:
        return None
    os.rmdir(view)
    fresh = t.new_server(data_dir=data).start()  # A directory that is the server's own may have a view.
    eq(fresh.stop(), 0, "exit code")
    server = t.new_server(data_dir=data, wrap=wrap)
    t.watch(server).start()
    return server, f"/proc/{server.process.pid}/root{view}"


def test_a_full_disk_stops_the_view_and_nothing_else(t):
    found = mounted_view(t, "16m")
    if found is None:
        return
    server, directory = found
    c = t.client(server)
    work = Work(11)
    work.enqueue(c, 30)
    settle(c)
    ballast = os.path.join(directory, "ballast")
    with open(ballast, "wb") as file:
        left = os.statvfs(directory)
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize)

    def stopped():
        work.enqueue(c, 40)
        return c.status()["view"]["state"] == "stopped" and c.status()

    status = wait_for("the view to say that it is full", stopped, 30)
    check("full" in status["view"]["error"], f"the reason: {status['view']}")
    eq(status["status"], "healthy", "the server's own health")
    eq(c.get("/readyz").status, 200, "/readyz")
    check(status["view_lag_ms"] > 0, f"no lag: {status}")
    work.enqueue(c, 10)
    os.unlink(ballast)

    def copied(_):
        """SQLite follows the link /proc/N/root, and would look at our own file system."""
        seen = t.directory("seen")
        shutil.copytree(directory, seen)
        return sqlite3.connect(os.path.join(seen, "view.sqlite"))

    compare(server, c, work.ids, copied)
    check("the view follows again" in server.log(), f"the log does not say that it goes on:\n{server.log()}")
    eq(server.stop(), 0, "exit code")


# --- What is told ----------------------------------------------------------------------------------------------------


def test_defect_11_nothing_is_dropped_on_the_way_to_the_view(t):
    server = t.fresh()
    c = t.client(server)
    work = Work(13)
    for _ in range(10):
        work.enqueue(c, 40)
    status = settle(c)
    eq(status["view_lag_ms"], 0, "lag")
    eq(status["sqlite_mirror"]["lag"], 0, "lag of the mirror")
    eq(status["sqlite_mirror"]["dropped"], 0, "dropped")
    check(status["view"]["rows_total"] >= len(work.ids), f"rows: {status['view']}")
    text = c.get("/api/v1/metrics").body.decode()
    for line in (f"corvo_view_index {status['view_index']}", "corvo_view_lag_seconds 0",
                 "corvo_sqlite_mirror_lag_updates 0", "corvo_sqlite_mirror_dropped_total 0"):
        check(any(found.startswith(line) for found in text.splitlines()), f"/metrics has no line {line!r}")
