"""Rows of the contract that concern all operations together: see docs/reference/contract-rows.md."""
import re

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
