"""Queues (A10): their objects to the last row, retention, leases and tokens, the requests that change them."""
import concurrent.futures
import threading

from contract import is_int, is_time, like, refused
from harness import check, eq, short, wait_for

COUNTS = ("pending", "active", "held", "completed", "dead", "scheduled", "retrying", "cancelled", "enqueued", "failed",
          "ready", "blocked", "enqueued_total", "completed_total", "failed_total")
BARE = {"name", "paused", "created_at", "draining", "drained", "throughput_1m", *COUNTS}


def queue_of(c, q):
    return c.ok("GET", f"/api/v1/queues/{q}")


def counts(queue, **others):
    """Asserts that all counts are 0 but those that are named."""
    eq({name: queue[name] for name in COUNTS}, {name: others.get(name, 0) for name in COUNTS}, "counts")


# --- The object ------------------------------------------------------------------------------------------------------


def test_T19_A10_a_queue_object_has_every_row(t):
    c, q = t.client(), t.queue()
    c.ok("POST", f"/api/v1/queues/{q}/resume")
    bare = queue_of(c, q)
    eq(set(bare), BARE, "keys of a queue that has nothing")
    counts(bare)
    like(bare["created_at"], is_time)
    for _ in range(2):
        c.enqueue(q)
    c.enqueue(q, delay="1h")
    c.ok("POST", f"/api/v1/jobs/{c.enqueue(q)}/hold")
    c.ok("POST", f"/api/v1/jobs/{c.enqueue(q)}/cancel")
    c.enqueue(q, max_retries=1, priority="critical")
    c.fail(c.take(q))
    c.enqueue(q, priority="critical", retry_base_delay="1h")
    c.fail(c.take(q))
    c.enqueue(q, priority="critical")
    c.ack(c.take(q))
    c.enqueue(q, priority="critical")
    c.take(q)
    queue = queue_of(c, q)
    eq(set(queue), BARE | {"oldest_pending_at", "oldest_ready_age_ms", "wait_p50_ms", "wait_p99_ms"}, "keys")
    counts(queue, pending=2, active=1, held=1, completed=1, dead=1, scheduled=1, retrying=1, cancelled=1, enqueued=9,
           failed=2, ready=2, enqueued_total=9, completed_total=1, failed_total=2)
    eq(queue["throughput_1m"], 1)
    check(0 <= queue["wait_p50_ms"] <= queue["wait_p99_ms"], short(queue))
    check(is_int(queue["oldest_ready_age_ms"]) and queue["oldest_ready_age_ms"] >= 0, short(queue))
    listed = [row for row in c.ok("GET", "/api/v1/queues") if row["name"] == q]
    eq([set(row) for row in listed], [set(queue)], "the row of the list")


def test_A10_ages_grow_while_nobody_takes_the_oldest(t):
    c, q = t.client(), t.queue()
    c.enqueue(q)
    since = queue_of(c, q)["oldest_pending_at"]
    wait_for("age", lambda: queue_of(c, q)["oldest_ready_age_ms"] > 20)
    eq(queue_of(c, q)["oldest_pending_at"], since)
    c.take(q)
    check("oldest_ready_age_ms" not in queue_of(c, q), "nothing is ready")


def test_A10_queues_are_sorted_and_unknown_ones_are_404(t):
    c, q = t.client(), t.queue()
    for name in (f"{q}.b", f"{q}.a", f"{q}.A"):
        c.ok("POST", f"/api/v1/queues/{name}/pause")
    names = [queue["name"] for queue in c.ok("GET", "/api/v1/queues")]
    eq(names, sorted(names, key=str.encode))
    refused(c.get(f"/api/v1/queues/{q}"), 404, "NOT_FOUND")
    c.ok("DELETE", f"/api/v1/queues/{q}.a")
    refused(c.get(f"/api/v1/queues/{q}.a"), 404, "NOT_FOUND", "a queue that was destroyed")
    eq(queue_of(c, f"{q}.b")["paused"], True)


def test_A10_draining_and_drained_are_told(t):
    c, q = t.client(), t.queue()
    for _ in range(2):
        c.enqueue(q)
    job = c.take(q)
    eq(c.ok("POST", f"/api/v1/queues/{q}/drain"), {"status": "draining"})
    state = queue_of(c, q)
    eq((state["paused"], state["draining"], state["drained"]), (True, True, False))
    eq(c.fetch(q, wait_ms=0), None, "a job of a queue that drains")
    c.enqueue(q)
    c.ack(job)
    state = queue_of(c, q)
    eq((state["drained"], state["pending"]), (True, 2))
    eq(c.ok("POST", f"/api/v1/queues/{q}/resume"), {"status": "resumed"})
    state = queue_of(c, q)
    eq((state["paused"], state["draining"], state["drained"]), (False, False, False))


# --- Retention and leases --------------------------------------------------------------------------------------------


def test_A10_retention_is_set_shown_and_obeyed(t):
    c, q = t.client(), t.queue()
    old = c.enqueue(q)
    c.ack(c.take(q))
    body = {"completed": "1h", "dead": None, "cancelled": "0s"}
    eq(c.ok("PUT", f"/api/v1/queues/{q}/retention", body), {"status": "ok"})
    eq(queue_of(c, q)["retention"], {"completed": "1h0m0s", "cancelled": "0s"})
    cancelled = c.enqueue(q)
    c.ok("POST", f"/api/v1/jobs/{cancelled}/cancel")
    refused(c.get(f"/api/v1/jobs/{cancelled}"), 404, "NOT_FOUND")
    eq(c.state(old), "completed")
    # What ended before is judged by it, too.
    c.ok("PUT", f"/api/v1/queues/{q}/retention", {"completed": "1ms"})
    eq(queue_of(c, q)["retention"], {"completed": "1ms"})
    wait_for("the purge", lambda: c.get(f"/api/v1/jobs/{old}").status == 404)
    eq(queue_of(c, q)["completed"], 0)
    c.ok("PUT", f"/api/v1/queues/{q}/retention", {})
    check("retention" not in queue_of(c, q), "all is the server's again")


def test_A10_retention_and_lease_bodies_are_checked(t):
    c, q = t.client(), t.queue()
    refused(c.request("PUT", f"/api/v1/queues/{q}/retention"), 400, "PARSE_ERROR")
    refused(c.request("PUT", f"/api/v1/queues/{q}/retention", {"dead": "soon"}), 400, "VALIDATION_ERROR")
    refused(c.request("PUT", f"/api/v1/queues/{q}/retention", {"dead": 60}), 400, "PARSE_ERROR")
    refused(c.request("PUT", f"/api/v1/queues/{q}/lease", {"default_lease": "999ms"}), 400, "VALIDATION_ERROR")
    refused(c.request("PUT", f"/api/v1/queues/{q}/lease", {"default_lease": "25h"}), 400, "VALIDATION_ERROR")
    refused(c.request("PUT", "/api/v1/queues/a%3A%3Ab/lease", {}), 400, "VALIDATION_ERROR")
    reply = c.post(f"/api/v1/queues/{q}/lease", {})
    refused(reply, 405, "METHOD_NOT_ALLOWED")
    eq(reply.headers["allow"], "PUT")
    refused(c.get(f"/api/v1/queues/{q}"), 404, "NOT_FOUND", "a queue that only refused requests named")


def test_A10_a_default_lease_is_for_fetches_that_ask_for_none(t):
    c, q = t.client(), t.queue()
    for _ in range(3):
        c.enqueue(q)
    eq(c.ok("PUT", f"/api/v1/queues/{q}/lease", {"default_lease": "5m"}), {"status": "ok"})
    eq(queue_of(c, q)["default_lease"], "5m0s")
    eq([c.take(q)["lease_duration"], c.take(q, lease_duration=7)["lease_duration"]], [300, 7])
    c.ok("PUT", f"/api/v1/queues/{q}/lease", {})
    eq(c.take(q)["lease_duration"], 60)
    check("default_lease" not in queue_of(c, q), "the server's again")


def expect_tokens(c, job):
    """What comes without a token is refused and changes nothing; what comes with one works."""
    job_id = job["job_id"]
    before = c.job(job_id)
    refused(c.post(f"/api/v1/ack/{job_id}"), 400, "ACK_ERROR")
    refused(c.post(f"/api/v1/fail/{job_id}", {"error": "x"}), 400, "FAIL_ERROR")
    reply = c.ok("POST", "/api/v1/ack/batch", {"acks": [{"job_id": job_id}]})
    eq((reply["acked"], reply["results"][0]["code"]), (0, "ACK_ERROR"))
    reply = c.heartbeat(**{job_id: {"progress": 1}})
    like(reply["jobs"], {job_id: {"status": "cancel", "reason": "lease_lost"}})
    eq(c.job(job_id), before, "the job after what was refused")
    eq(c.heartbeat(**{job_id: {"lease_token": job["lease_token"]}})["acked"], [job_id])
    eq(c.ok("POST", f"/api/v1/ack/{job_id}", headers={"X-Corvo-Lease-Token": job["lease_token"]}), {"status": "ok"})
    eq(c.state(job_id), "completed")


def test_A3_a_queue_that_requires_lease_tokens_refuses_what_has_none(t):
    c, q = t.client(), t.queue()
    c.enqueue(q)
    job = c.take(q)
    c.ok("PUT", f"/api/v1/queues/{q}/lease", {"require_token": True})
    eq(queue_of(c, q)["require_lease_token"], True)
    expect_tokens(c, job)
    c.ok("PUT", f"/api/v1/queues/{q}/lease", {"require_token": False})
    check("require_lease_token" not in queue_of(c, q), "absent when unset")
    c.enqueue(q)
    job_id = c.take(q)["job_id"]
    eq(c.ok("POST", f"/api/v1/ack/{job_id}"), {"status": "ok"})


def test_A3_require_lease_token_is_an_option_of_the_server(t):
    server = t.fresh("--require-lease-token")
    c, q = t.client(server), t.queue()
    c.enqueue(q)
    job = c.take(q)
    c.ok("PUT", f"/api/v1/queues/{q}/lease", {"require_token": False})
    expect_tokens(c, job)


def test_A4_settings_of_queues_take_an_idempotency_key(t):
    c, q = t.client(), t.queue()
    for path, body, other in (("retention", {"dead": "1h"}, {"dead": "2h"}),
                              ("lease", {"default_lease": "10s"}, {"default_lease": "20s"})):
        path = f"/api/v1/queues/{q}/{path}"
        key = {"Idempotency-Key": t.queue(".key")}
        eq(c.ok("PUT", path, body, headers=key), {"status": "ok"})
        c.ok("PUT", path, other)
        again = c.request("PUT", path, body, headers=key)
        eq((again.status, again.headers.get("idempotency-replayed")), (200, "true"))
        refused(c.request("PUT", path, other, headers=key), 422, "IDEMPOTENCY_MISMATCH")
    queue = queue_of(c, q)
    eq((queue["retention"], queue["default_lease"]), ({"dead": "2h0m0s"}, "20s"))


def test_A14_settings_of_queues_are_events(t):
    server = t.fresh()
    c, q = t.client(server), t.queue()
    c.ok("PUT", f"/api/v1/queues/{q}/retention", {"completed": "90s"})
    c.ok("PUT", f"/api/v1/queues/{q}/retention", {"completed": "90s"})
    c.ok("PUT", f"/api/v1/queues/{q}/lease", {"require_token": True, "default_lease": "2m"})
    events = c.ok("GET", "/api/v1/cluster/events")["events"]
    eq([(event["type"], event["data"]) for event in events],
       [("queue.config", {"retention": {"completed": "1m30s", "dead": None, "cancelled": None}}),
        ("queue.config", {"require_lease_token": True, "default_lease": "2m0s"})])


def test_settings_outlive_a_crash(t):
    server = t.fresh()
    c, q = t.client(server), t.queue()
    c.ok("PUT", f"/api/v1/queues/{q}/retention", {"completed": "90s", "dead": "0s"})
    c.ok("PUT", f"/api/v1/queues/{q}/lease", {"require_token": True, "default_lease": "2m"})
    before = queue_of(c, q)
    server.kill()
    server.start()
    eq(queue_of(t.client(server), q), before)


# --- Nothing comes back ----------------------------------------------------------------------------------------------


def test_defect_2_nothing_is_handed_out_after_clear_or_destroy(t):
    """Workers fetch while jobs of every kind are there and the queue is cleared and destroyed: what was delivered
    after the reply is none of those that were enqueued before it."""
    server = t.server()
    c, q = t.client(server), t.queue()
    over = threading.Event()

    def work():
        worker, seen = server.client(), []
        while not over.is_set():
            reply = worker.ok("POST", "/api/v1/fetch/batch", {"queues": [q], "count": 3, "wait_ms": 20})
            seen += [job["job_id"] for job in reply["jobs"]]
        worker.close()
        return seen

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(work) for _ in range(3)]
        struck = set()
        try:
            for turn in range(12):
                for n in range(20):
                    more = {"delay": "30ms"} if n % 4 == 3 else {}
                    struck.add(c.enqueue(q, priority=("critical", "high", "normal", "low")[n % 4], **more))
                c.ok(*(("POST", f"/api/v1/queues/{q}/clear") if turn % 2 else ("DELETE", f"/api/v1/queues/{q}")))
                left = {job_id for job_id in struck if c.get(f"/api/v1/jobs/{job_id}").status == 200}
                check(not left or turn % 2, f"{len(left)} jobs outlived the destroy of their queue")
                waiting = [job_id for job_id in left if c.state(job_id) in ("pending", "scheduled", "retrying")]
                eq(waiting, [], "jobs that wait after a clear")
            c.enqueue(q, tags={"last": 1})
            wait_for("the last job", lambda: not queue_of(c, q)["pending"])
        finally:
            over.set()
        delivered = [job_id for worker in workers for job_id in worker.result()]
    eq(len(set(delivered)), len(delivered), "jobs delivered, each once")
    check(len(delivered) > 0, "the workers got none at all")
