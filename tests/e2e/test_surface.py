"""Queues, and what every reply has: receipts, headers, methods and paths; restarts."""
from contract import BATCH, TAGS, durability, is_time, like, refused, start_fetch, time_ns
from harness import check, eq, request_bytes, wait_for


# --- Queues ----------------------------------------------------------------------------------------------------------


def test_pause_and_resume(t):
    c, q = t.client(), t.queue()
    like(c.ok("POST", f"/api/v1/queues/{q}/pause"), {"status": "paused"})
    job_id = c.enqueue(q)
    eq(c.fetch(q, wait_ms=0), None)
    eq(c.ok("GET", f"/api/v1/queues/{q}")["paused"], True)
    waiter = start_fetch(t, q)
    like(c.ok("POST", f"/api/v1/queues/{q}/resume"), {"status": "resumed"})
    eq(waiter.receive().json()["job_id"], job_id)
    eq(c.ok("GET", f"/api/v1/queues/{q}")["paused"], False)
    c.ok("POST", f"/api/v1/queues/{q}/resume")
    c.ok("POST", f"/api/v1/queues/{q}/pause")
    c.ok("POST", f"/api/v1/queues/{q}/pause")


def test_a_paused_queue_does_not_block_the_others_of_a_fetch(t):
    c, a, b = t.client(), t.queue(), t.queue()
    c.enqueue(a)
    in_b = c.enqueue(b)
    c.ok("POST", f"/api/v1/queues/{a}/pause")
    eq(c.take(a, b)["job_id"], in_b)
    eq(c.fetch(a, b, wait_ms=0), None)


def test_a_paused_queue_lets_active_jobs_finish(t):
    c, q = t.client(), t.queue()
    first, second = c.enqueue(q), c.enqueue(q, retry_backoff="none")
    one, two = c.take(q), c.take(q)
    c.ok("POST", f"/api/v1/queues/{q}/pause")
    c.ack(one)
    c.fail(two)
    wait_for("the retry", lambda: c.state(second) == "pending")
    eq((c.state(first), c.fetch(q, wait_ms=0)), ("completed", None))


def test_T19_queue_objects_have_real_numbers(t):
    c, q = t.client(), t.queue()
    completed, dead, active, retrying = (c.enqueue(q, max_retries=2) for _ in range(4))
    jobs = [c.take(q) for _ in range(4)]
    c.ack(jobs[0])
    c.fail(jobs[1], no_retry=True)
    c.fail(jobs[3])
    pending, scheduled, cancelled = c.enqueue(q), c.enqueue(q, delay="1h"), c.enqueue(q)
    c.ok("POST", f"/api/v1/jobs/{cancelled}/cancel")
    eq([c.state(job) for job in (completed, dead, active, retrying, pending, scheduled, cancelled)],
       ["completed", "dead", "active", "retrying", "pending", "scheduled", "cancelled"])
    queue = c.ok("GET", f"/api/v1/queues/{q}")
    want = {"name": q, "paused": False, "pending": 1, "active": 1, "held": 0, "completed": 1, "dead": 1,
            "scheduled": 1, "retrying": 1, "cancelled": 1, "enqueued": 7}
    eq({key: queue.get(key) for key in want}, want)
    check(is_time(queue["created_at"]) and time_ns(queue["created_at"]) > 0, f"created_at: {queue}")
    eq(queue["oldest_pending_at"], c.job(pending)["created_at"])
    eq(queue["failed"], 2, "failed")
    for name, number in (("ready", 1), ("blocked", 0), ("enqueued_total", 7), ("completed_total", 1)):
        if name in queue:
            eq(queue[name], number, name)


def test_queues_are_listed_by_name(t):
    c, base = t.client(), t.queue()
    for suffix in ("b", "a", "c"):
        c.enqueue(base + suffix)
    c.ok("POST", f"/api/v1/queues/{base}d/pause")
    names = [queue["name"] for queue in c.ok("GET", "/api/v1/queues")]
    eq([name for name in names if name.startswith(base)], [base + suffix for suffix in "abcd"])
    eq(names, sorted(names))
    refused(c.get(f"/api/v1/queues/{base}none"), 404, "NOT_FOUND")


def test_defect_45_path_names_are_percent_decoded(t):
    c, base = t.client(), t.queue()
    for suffix, path in (("/x y", "%2Fx%20y"), ("+%", "+%25"), ("\u00fc", "%C3%BC"), ("?#", "%3f%23")):
        c.enqueue(base + suffix)
        eq(c.ok("POST", f"/api/v1/queues/{base}{path}/pause")["status"], "paused")
        queue = c.ok("GET", f"/api/v1/queues/{base}{path}")
        eq((queue["name"], queue["paused"], queue["pending"]), (base + suffix, True, 1))
    job_id = c.enqueue(base)
    eq(c.ok("GET", "/api/v1/jobs/" + "".join(f"%{byte:02x}" for byte in job_id.encode()))["id"], job_id)
    for path in ("%zz", "%", "%2", "a%00b"):
        refused(c.post(f"/api/v1/queues/{path}/pause"), 400, "VALIDATION_ERROR", path)


# --- What every reply has --------------------------------------------------------------------------------------------


def test_T27_every_reply_has_server_timing_cors_and_the_node(t):
    c, q = t.client(), t.queue()
    for reply in (c.post("/api/v1/enqueue", {"queue": q}), c.get("/api/v1/queues"), c.get("/nowhere"),
                  c.post("/api/v1/enqueue", b"{"), c.post("/api/v1/fetch", {"queues": ["none"], "wait_ms": 0}),
                  c.get("/healthz"), c.request("OPTIONS", "/api/v1/enqueue"), c.request("PUT", "/api/v1/enqueue"),
                  c.request("HEAD", "/api/v1/queues"), c.get("/openapi.json"), c.get("/readyz"), c.get("/api/v1/info")):
        head = reply.headers
        timing = head.get("server-timing", "")
        check(timing.startswith("proc;dur=") and len(timing.split(".")[-1]) == 3 and float(timing[9:]) >= 0,
              f"Server-Timing {timing!r} in {reply}")
        eq(head.get("access-control-allow-origin"), "*", f"{reply}")
        eq(head.get("access-control-allow-methods"), "GET, POST, PUT, DELETE, OPTIONS")
        eq(head.get("access-control-allow-headers"), "Content-Type, Authorization, X-API-Key, X-Corvo-Namespace")
        eq(head.get("x-corvo-node"), "node-1")
        check("date" in head, f"no Date in {reply}")


def test_writes_carry_a_receipt_and_reads_the_index_they_reflect(t):
    c, q = t.client(), t.queue()
    write = c.post("/api/v1/enqueue", {"queue": q})
    word, index, term = durability(write)
    eq((word, write.headers["x-corvo-index"]), ("synced", str(index)))
    check(index > 0 and term > 0, f"index {index} term {term}")
    job_id = write.json()["job_id"]
    seen = index
    for reply in (c.post("/api/v1/fetch", {"queues": [q], "wait_ms": 0}), c.post(f"/api/v1/ack/{job_id}"),
                  c.post(BATCH, {"jobs": [{"queue": q}]}), c.post("/api/v1/heartbeat", {"jobs": {"x": {}}}),
                  c.post("/api/v1/ack/batch", {"acks": [{"job_id": job_id}]}), c.post(f"/api/v1/queues/{q}/pause"),
                  c.post(f"/api/v1/queues/{q}/resume"), c.post("/api/v1/fetch", {"queues": [q], "wait_ms": 0})):
        eq(durability(reply)[0], "synced")
        check(durability(reply)[1] > seen, f"the index did not grow: {reply.headers}")
        seen = durability(reply)[1]
    for reply in (c.get(f"/api/v1/jobs/{job_id}"), c.get("/api/v1/queues"), c.get("/api/v1/cluster/status")):
        check(int(reply.headers["x-corvo-index"]) >= seen, f"{reply.headers}")
        check("x-corvo-durability" not in reply.headers, "a read has a receipt")
    for reply in (c.post("/api/v1/enqueue", {}), c.post("/api/v1/ack/none"), c.get("/api/v1/jobs/none")):
        check("x-corvo-durability" not in reply.headers, f"a refusal has a receipt: {reply.headers}")


def test_a_server_that_does_not_sync_says_so(t):
    c = t.client(t.fresh("--durable=false", "--node-id", "n-7"))
    reply = c.post("/api/v1/enqueue", {"queue": "q"})
    eq((durability(reply)[0], reply.headers["x-corvo-node"]), ("unsynced", "n-7"))
    eq(c.status()["durable"], False)


def test_T14_status_has_indexes_as_strings(t):
    status = t.client().status(verify=True)
    check(status["applied_index"].isdigit() and status["commit_index"].isdigit(), f"{status}")
    eq(status["state_hash"], status["scanned_hash"])
    eq((status["status"], status["durable"], status["node_id"]), ("healthy", True, "node-1"))


def test_T30_everything_is_open_while_there_is_no_key(t):
    c = t.client()
    for headers in ({}, {"X-API-Key": "whatever"}, {"Authorization": "Bearer x"}):
        eq(c.get("/api/v1/queues", headers=headers).status, 200)


def test_defect_44_health_readiness_and_info(t):
    c = t.client()
    eq(c.ok("GET", "/healthz")["status"], "ok")
    ready = c.ok("GET", "/readyz")
    eq((ready["status"], ready["role"]), ("ready", "leader"))
    info = c.ok("GET", "/api/v1/info")
    check(info["server_version"] and info["node_id"] == "node-1" and isinstance(info["features"], list), f"{info}")


def test_head_answers_as_get_without_the_body(t):
    c = t.client()
    job_id = c.enqueue(t.queue())
    for path in (f"/api/v1/jobs/{job_id}", "/healthz", "/openapi.json", "/api/v1/jobs/none"):
        whole, head = c.get(path), c.request("HEAD", path)
        eq((head.status, head.body), (whole.status, b""), path)
        eq(head.headers.get("content-length"), str(len(whole.body)), path)
        eq(head.headers.get("content-type"), whole.headers.get("content-type"))
    eq(c.get("/healthz").status, 200)


def test_options_is_200_everywhere(t):
    c = t.client()
    for path in ("/", "/api/v1/enqueue", "/nowhere", "/api/v1/jobs/x/cancel"):
        reply = c.request("OPTIONS", path)
        eq((reply.status, reply.body), (200, b""), path)


def test_wrong_methods_are_405_with_allow_and_unknown_paths_404_in_json(t):
    c = t.client()
    for method, path, allow in (("GET", "/api/v1/enqueue", "POST"), ("DELETE", "/api/v1/enqueue", "POST"),
                                ("PUT", "/api/v1/queues", "GET"), ("POST", "/api/v1/jobs/x", "GET"),
                                ("PATCH", "/healthz", "GET"), ("POST", "/openapi.json", "GET")):
        reply = c.request(method, path)
        refused(reply, 405, "METHOD_NOT_ALLOWED", f"{method} {path}")
        check(allow in reply.headers.get("allow", "").split(", "), f"Allow: {reply.headers.get('allow')!r}")
    for path in ("/", "/api", "/api/v1", "/api/v1/", "/api/v1/jobs", "/api/v1/jobs/", "/api/v1/jobs/x/", "/healthz/",
                 "/api/v1/ack", "/API/V1/QUEUES", "//healthz", "/api/v1/queues/a/b"):
        refused(c.get(path), 404, "NOT_FOUND", path)


def test_pipelined_requests_are_answered_in_order(t):
    c, q = t.client(), t.queue()
    data = b"".join(request_bytes("POST", "/api/v1/enqueue", {"queue": q, "payload": i}) for i in range(30))
    c.send_raw(data + request_bytes("GET", f"/api/v1/queues/{q}"))
    ids = [c.receive().json()["job_id"] for _ in range(30)]
    eq(c.receive().json()["pending"], 30)
    eq([c.job(job_id)["payload"] for job_id in ids], list(range(30)))


def test_defect_1_a_restart_changes_no_id_and_no_state(t):
    server = t.fresh()
    c = t.client(server)
    ids = [c.enqueue("q", payload=i, retry_backoff="none") for i in range(30)]
    ids += [c.enqueue("q", delay="1h"), c.enqueue("other", tags=TAGS)]
    for i in range(20):
        job = c.take("q")
        if i % 3 == 0:
            c.ack(job, result=i)
        elif i % 3 == 1:
            c.fail(job, no_retry=True)
    wait_for("nothing due", lambda: all(c.state(job_id) != "retrying" for job_id in ids))
    before = {job_id: c.job(job_id) for job_id in ids}
    hashes = {c.status(verify=True)[name] for name in ("state_hash", "scanned_hash")}
    for end in (server.kill, server.stop):
        end()
        server.start()
        c = t.client(server)
        eq({job_id: c.job(job_id) for job_id in ids}, before, "jobs after a restart")
        hashes |= {c.status(verify=True)[name] for name in ("state_hash", "scanned_hash")}
    eq(len(hashes), 1, f"state hashes before and after {hashes}")


def test_more_than_may_be_pending_is_overloaded_with_a_hint_and_harms_nobody(t):
    server = t.fresh("--raft-max-pending", "2")
    clients = [t.client(server) for _ in range(40)]
    accepted, refusals = 0, []

    def round_of_calls():
        nonlocal accepted
        for client in clients:
            client.send_raw(request_bytes("POST", "/api/v1/enqueue", {"queue": "q"}))
        for reply in [client.receive() for client in clients]:
            accepted += reply.status == 201
            if reply.status != 201:
                refusals.append(reply)
        return refusals

    wait_for("a refusal", round_of_calls)
    for reply in refusals:
        eq((reply.status, reply.code), (429, "OVERLOADED"))
        hint = reply.json()["retry_after_ms"]
        check(10 <= hint <= 2000, f"hint {hint}")
        eq(reply.headers["retry-after"], f"{hint / 1000:.3f}")
    eq(clients[0].get("/api/v1/queues/q").json()["pending"], accepted, "what was acknowledged is there, nothing else")
    eq(clients[0].post("/api/v1/enqueue", {"queue": "q"}).status, 201)
