"""Rows of the contract that concern all operations together: see docs/reference/contract-rows.md."""
import re

from contract import refused
from harness import SLOW, check, eq

QUEUES = "/api/v1/queues"


def duration_ms(reply):
    return float(re.search(r"dur=([\d.]+)", reply.headers["server-timing"]).group(1))


def test_defect_11_what_was_told_is_there_after_a_crash(t):
    """Nothing that a client was told lives in a mirror: kill -9, and all of it is read again, to the byte."""
    server = t.fresh()
    c = t.client(server)
    c.enqueue("q", payload={"n": 1}, tags={"team": "x"}, max_retries=3)
    held = c.enqueue("q", payload=[1, 2], checkpoint={"step": 4})
    c.post(f"/api/v1/jobs/{held}/hold", {"reason": "look", "by": "eve"})
    job = c.take("q", worker_id="w-1", hostname="h-1")
    c.heartbeat(**{job["job_id"]: {"progress": {"done": 1}, "checkpoint": {"at": 2}}})
    c.fail(job, error="boom", backtrace="line 1")
    done = c.enqueue("q")
    c.ack(c.take("q"), result={"ok": True})
    c.post(f"{QUEUES}/other/pause")
    keyed = c.post("/api/v1/enqueue", {"queue": "q"}, headers={"Idempotency-Key": "k"})
    reads = [f"/api/v1/jobs/{job_id}{more}" for job_id in (job["job_id"], held, done, keyed.json()["job_id"])
             for more in ("", "/attempts")]
    before = [c.get(path).body for path in reads]
    queues = c.ok("GET", QUEUES)
    server.kill()
    server.start()
    c = t.client(server)
    eq([c.get(path).body for path in reads], before)
    for queue, then in zip(c.ok("GET", QUEUES), queues):
        for moving in ("oldest_ready_age_ms", "throughput_1m", "wait_p50_ms", "wait_p99_ms"):
            queue.pop(moving, None)
            then.pop(moving, None)
        eq(queue, then)
    again = c.post("/api/v1/enqueue", {"queue": "q"}, headers={"Idempotency-Key": "k"})
    eq((again.body, again.headers.get("idempotency-replayed")), (keyed.body, "true"))
    status = c.status(verify=True)
    eq(status["scanned_hash"], status["state_hash"])


def test_defect_38_counters_cost_the_same_with_many_jobs(t):
    c = t.client(t.fresh())
    c.enqueue("many")
    few = min(duration_ms(c.get(QUEUES)) for _ in range(10))
    for _ in range(5):
        c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": "many"}] * 10000}, 201)
    reply = c.get(f"{QUEUES}/many")
    eq(reply.json()["pending"], 50001)
    many = min(duration_ms(c.get(QUEUES)) for _ in range(10))
    check(many < 5 * SLOW, f"{many} ms with 50,001 jobs, {few} ms with one")


# --- Operations on single jobs and queues ----------------------------------------------------------------------------


def test_T32_what_is_not_there_can_be_deleted_unless_it_is_a_job(t):
    c = t.client()
    eq(c.ok("DELETE", f"{QUEUES}/{t.queue()}"), {"status": "deleted", "deleted": 0})
    eq(c.ok("DELETE", f"{QUEUES}/{t.queue()}/throttle"), {"status": "ok"})
    refused(c.request("DELETE", "/api/v1/jobs/job_18eb69ef3d4098660000000001"), 404, "NOT_FOUND")


def test_T33_defect_30_a_name_with_two_colons_is_closed_to_callers(t):
    c, queue = t.client(), t.queue()
    job_id = c.enqueue(queue)
    for method, path, body in (("POST", "/api/v1/enqueue", {"queue": "other::q"}),
                               ("POST", "/api/v1/fetch", {"queues": [queue, "other::q"], "worker_id": "w", "wait_ms": 0}),
                               ("POST", f"/api/v1/jobs/{job_id}/move", {"queue": "other::q"}),
                               ("POST", f"{QUEUES}/other::q/pause", None), ("POST", f"{QUEUES}/other%3A%3Aq/clear", None),
                               ("POST", f"{QUEUES}/other%3a:q/drain", None), ("DELETE", f"{QUEUES}/other::q", None),
                               ("POST", f"{QUEUES}/other::q/throttle", {"rate": 1, "window_ms": 1000}),
                               ("POST", f"{QUEUES}/other::q/concurrency", {"max": 1})):
        refused(c.request(method, path, body), 400, "VALIDATION_ERROR", f"{method} {path}")
    eq(c.job(job_id)["queue"], queue)
    eq(c.state(job_id), "pending")
    check("::" not in c.get(QUEUES).body.decode(), "such a queue was made")


def test_defect_2_clear_and_destroy_take_every_priority(t):
    server = t.fresh()
    c = t.client(server)
    for queue, method, path in (("cleared", "POST", "/clear"), ("destroyed", "DELETE", "")):
        ids = [c.enqueue(queue, priority=priority) for priority in ("critical", "high", "normal", "low") for _ in range(3)]
        ids.append(c.enqueue(queue, delay="1ms"))
        c.ok(method, f"{QUEUES}/{queue}{path}")
        for job_id in ids:
            eq(c.get(f"/api/v1/jobs/{job_id}").status, 404, f"{queue} {job_id}")
    later = c.enqueue("cleared")
    server.kill()
    server.start()
    c = t.client(server)
    eq(c.take("destroyed", "cleared")["job_id"], later)
    eq(c.fetch("destroyed", "cleared", wait_ms=50), None)


def test_defect_5_what_is_not_ready_starves_no_other_job_of_the_claim(t):
    c = t.client(t.fresh())
    for queue in ("full", "slow", "paused", "later", "open"):
        more = {"delay": "1h"} if queue == "later" else {}
        c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": queue, **more}] * 200}, 201)
    c.ok("POST", f"{QUEUES}/full/concurrency", {"max": 1})
    c.ok("POST", f"{QUEUES}/slow/throttle", {"rate": 1, "window_ms": 3600000})
    c.take("full")
    c.take("slow")
    c.post(f"{QUEUES}/paused/pause")
    body = {"queues": ["full", "slow", "paused", "later", "open"], "worker_id": "w", "count": 100, "wait_ms": 0}
    for _ in range(2):
        jobs = c.ok("POST", "/api/v1/fetch/batch", body)["jobs"]
        eq([job["queue"] for job in jobs], ["open"] * 100)


def test_defect_6_a_moved_job_is_not_stranded(t):
    c, old, new = t.client(), t.queue(), t.queue()
    active = c.enqueue(old)
    job = c.take(old)
    failing = c.enqueue(old, retry_base_delay="1h", retry_max_delay="2h")
    c.fail(c.take(old))
    ids = {"active": active, "retrying": failing, "scheduled": c.enqueue(old, delay="150ms"), "held": c.enqueue(old),
           "pending": c.enqueue(old)}
    c.post(f"/api/v1/jobs/{ids['held']}/hold")
    for state, job_id in ids.items():
        c.ok("POST", f"/api/v1/jobs/{job_id}/move", {"queue": new})
        moved = c.job(job_id)
        check(moved["queue"] == new and moved["state"] in (state, "pending"), f"{state}: {moved}")
    eq(c.fetch(old, wait_ms=0), None)
    c.ack(job)
    eq(c.job(active)["state"], "completed")
    c.post(f"/api/v1/jobs/{ids['held']}/approve")
    c.post(f"/api/v1/jobs/{ids['retrying']}/cancel")
    c.post(f"/api/v1/jobs/{ids['retrying']}/retry")
    got = {c.fetch(new, wait_ms=20000)["job_id"] for _ in range(4)}
    eq(got, {ids[state] for state in ("retrying", "scheduled", "held", "pending")})


def test_defect_19_what_is_no_json_is_refused_and_everything_can_be_read(t):
    c, queue = t.client(), t.queue()
    job_id = c.enqueue(queue, payload={"n": 1})
    for raw in (b'{"queue":"%s","payload":nope}', b'{"queue":"%s","payload":{"a":1}', b'{"queue":"%s","payload":"\x00"}',
                b'{"queue":"%s","payload":"\xff"}', b'{"queue":"%s","checkpoint":[1,]}'):
        reply = c.post("/api/v1/enqueue", raw % queue.encode())
        check(reply.status == 400 and reply.code in ("PARSE_ERROR", "VALIDATION_ERROR"), f"{raw}: {reply}")
    job = c.take(queue)
    eq((job["job_id"], job["payload"]), (job_id, {"n": 1}))
    for body in (b'{"jobs":{"%s":{"checkpoint":{]}}}', b'{"jobs":{"%s":{"progress":tru}}}'):
        eq(c.post("/api/v1/heartbeat", body % job_id.encode()).status, 400)
    check(c.job(job_id)["payload"] == {"n": 1} and c.ok("GET", f"{QUEUES}/{queue}")["active"] == 1, "the reads")


def on_cpu_ns(server):
    """How long the server's first thread, its loop, has run."""
    pid = server.process.pid
    with open(f"/proc/{pid}/task/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def change_some(c, server, ids):
    """Nanoseconds on the CPU for one change of each kind to each of the jobs."""
    before = on_cpu_ns(server)
    for job_id in ids:
        c.ok("POST", f"/api/v1/jobs/{job_id}/priority", {"priority": "low"})
        c.ok("POST", f"/api/v1/jobs/{job_id}/hold")
        c.ok("POST", f"/api/v1/jobs/{job_id}/approve")
        c.ok("POST", f"/api/v1/jobs/{job_id}/cancel")
        c.ok("DELETE", f"/api/v1/jobs/{job_id}")
    return on_cpu_ns(server) - before


def test_defect_37_one_job_is_found_without_a_scan_of_its_queue(t):
    server = t.fresh("--durable=false")
    c = t.client(server)
    few_ids = [c.enqueue("few") for _ in range(40)]
    few = min(change_some(c, server, few_ids[:20]), change_some(c, server, few_ids[20:]))
    ids = []
    for _ in range(5):
        ids += c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": "many"}] * 10000}, 201)["job_ids"]
    many = min(change_some(c, server, ids[25000:25020]), change_some(c, server, ids[-20:]))
    check(many < 4 * few + SLOW * 10 * 10**6, f"{many} ns of CPU with 50,000 jobs, {few} with few")
