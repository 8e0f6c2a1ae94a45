"""Unique jobs (A5) over HTTP: a key is held by one job of a queue, and by no job for longer than it should be."""
import json

from contract import is_job_id, is_time, like, refused
from harness import check, eq, wait_for

ENQUEUE = "/api/v1/enqueue"
BATCH = "/api/v1/enqueue/batch"


def ask(c, queue, key="k", **fields):
    return c.post(ENQUEUE, {"queue": queue, "unique_key": key, **fields})


def made(c, queue, key="k", **fields):
    """The id of the job that the enqueue makes: the key must be free."""
    reply = ask(c, queue, key, **fields)
    eq(reply.status, 201, f"{key} should be free: {reply}")
    return reply.json()["job_id"]


def holder(c, queue, key="k"):
    """The id and state of who holds the key; as a duplicate tells, which must change nothing."""
    before = c.ok("GET", f"/api/v1/queues/{queue}")["enqueued_total"]
    reply = ask(c, queue, key)
    eq(reply.status, 200, f"{key} should be held: {reply}")
    eq(c.ok("GET", f"/api/v1/queues/{queue}")["enqueued_total"], before, "what a duplicate adds")
    return reply.json()["job_id"], reply.json()["state"]


def test_T4_a_duplicate_is_200_and_names_the_job_with_its_state_and_result(t):
    c, q = t.client(), t.queue()
    job_id = made(c, q, payload={"n": 1})
    duplicate = {"job_id": job_id, "status": "duplicate", "unique_existing": True}
    like(ask(c, q, payload={"n": 2}).json(), {**duplicate, "state": "pending"})
    job = c.take(q)
    eq(job["payload"], {"n": 1}, "the payload of the first")
    like(ask(c, q).json(), {**duplicate, "state": "active"})
    c.ack(job)
    check(made(c, q) != job_id, "a new job")
    job = c.job(job_id)
    eq((job["unique_key"], job["unique_until"]), ("k", "completed"))


def test_results_are_cached_for_the_period(t):
    c, q = t.client(), t.queue()
    result = {"text": "hello", "tokens": 12345678901234567890}
    job_id = made(c, q, "sha256:5f1d", payload={"prompt": "hi"}, unique_period="24h")
    c.ok("POST", f"/api/v1/ack/{c.take(q)['job_id']}", {"result": result})
    for _ in range(3):
        reply = ask(c, q, "sha256:5f1d", payload={"prompt": "hi"}, unique_period="24h")
        eq(reply.status, 200)
        like(reply.json(), {"job_id": job_id, "status": "duplicate", "unique_existing": True, "state": "completed",
                            "result": result, "completed_at": is_time})
    reply = c.ok("POST", BATCH, {"jobs": [{"queue": q, "unique_key": "sha256:5f1d"}, {"queue": q}]}, 201)
    eq([row["status"] for row in reply["results"]], ["duplicate", "pending"])
    eq((reply["job_ids"][0], reply["results"][0]["result"]), (job_id, result))
    short = made(c, q, "soon over", unique_period="300ms")
    eq(c.take(q)["job_id"], reply["job_ids"][1])
    c.ack(c.take(q))
    eq(c.state(short), "completed")
    wait_for("the period to be over", lambda: ask(c, q, "soon over").status == 201)


def test_defect_9_no_end_of_a_job_leaves_its_key_locked(t):
    c, q = t.client(), t.queue()

    def take():
        return c.take(q)

    def reject(job_id):
        c.ok("POST", f"/api/v1/jobs/{job_id}/hold")
        c.ok("POST", f"/api/v1/jobs/{job_id}/reject")

    ends = {
        "cancelled": lambda job_id: c.ok("POST", f"/api/v1/jobs/{job_id}/cancel"),
        "cancelled while active": lambda job_id: take() and c.ok("POST", f"/api/v1/jobs/{job_id}/cancel"),
        "deleted": lambda job_id: c.ok("DELETE", f"/api/v1/jobs/{job_id}"),
        "deleted while active": lambda job_id: take() and c.ok("DELETE", f"/api/v1/jobs/{job_id}"),
        "deleted when it was completed": lambda job_id: (c.ack(take()), c.ok("DELETE", f"/api/v1/jobs/{job_id}")),
        "dead": lambda job_id: c.ok("POST", f"/api/v1/fail/{take()['job_id']}", {"no_retry": True}),
        "rejected": reject,
        "cleared": lambda job_id: c.ok("POST", f"/api/v1/queues/{q}/clear"),
        "destroyed": lambda job_id: c.ok("DELETE", f"/api/v1/queues/{q}"),
    }
    for how, end in ends.items():
        for mode in ("completed", "period"):
            job_id = made(c, q, unique_until=mode, unique_period="1h")
            eq(holder(c, q)[0], job_id, f"{how}, {mode}")
            end(job_id)
            c.ok("DELETE", f"/api/v1/jobs/{made(c, q)}")
    made(c, q, expire_after="50ms", unique_period="1h")
    wait_for("it to expire", lambda: ask(c, q).status == 201)


def test_defect_4_batches_have_unique_keys(t):
    c, q = t.client(), t.queue()
    reply = c.ok("POST", BATCH, {"jobs": [{"queue": q, "unique_key": key} for key in ("a", "b", "a")]}, 201)
    eq([row["status"] for row in reply["results"]], ["pending", "pending", "duplicate"])
    eq(reply["job_ids"][2], reply["job_ids"][0])
    like(reply["results"][2], {"job_id": is_job_id, "status": "duplicate", "unique_existing": True, "state": "pending"})
    refused(c.post(BATCH, {"jobs": [{"queue": q, "unique_key": "new"}, {"queue": q, "priority": "x"}]}), 400,
            "VALIDATION_ERROR")
    made(c, q, "new")


def test_keys_are_a_queues_own(t):
    c, a, b = t.client(), t.queue(), t.queue()
    job, other = made(c, a), made(c, b)
    refused(c.post(f"/api/v1/jobs/{job}/move", {"queue": b}), 400, "MOVE_ERROR", other)
    eq(c.job(job)["queue"], a)
    c.ok("POST", f"/api/v1/jobs/{other}/cancel")
    c.ok("POST", f"/api/v1/jobs/{job}/move", {"queue": b})
    eq(holder(c, b)[0], job)
    made(c, a)


def test_a_retry_is_refused_while_another_job_holds_the_key(t):
    c, q = t.client(), t.queue()
    first = made(c, q)
    c.ok("POST", f"/api/v1/jobs/{first}/cancel")
    second = made(c, q)
    refused(c.post(f"/api/v1/jobs/{first}/retry"), 400, "RETRY_ERROR", second)
    c.ack(c.take(q))
    c.ok("POST", f"/api/v1/jobs/{first}/retry")
    eq(holder(c, q), (first, "pending"))
    refused(c.post(f"/api/v1/jobs/{second}/retry"), 400, "RETRY_ERROR", first)


def test_until_started(t):
    c, q = t.client(), t.queue()
    first = made(c, q, unique_until="started")
    eq(holder(c, q), (first, "pending"))
    job = c.take(q)
    second = made(c, q, unique_until="started")
    c.ack(job)
    eq(holder(c, q), (second, "pending"))


def test_a_period_may_be_whole_seconds_or_a_duration(t):
    c, q = t.client(), t.queue()
    for number, period in enumerate((3600, "3600s", "1h", 0, -1, "", None)):
        made(c, q, str(number), unique_period=period)
    modes = [c.job(holder(c, q, str(number))[0])["unique_until"] for number in range(7)]
    eq(modes, ["period"] * 3 + ["completed"] * 4)
    for wrong in (1.5, 1e30, "soon", "-1s", True, [], 10**12):
        check(ask(c, q, "wrong", unique_period=wrong).status == 400, f"{wrong!r}")
    refused(ask(c, q, "wrong", unique_until="never"), 400, "VALIDATION_ERROR", "never")
    refused(c.post(ENQUEUE, {"queue": q, "unique_until": "started"}), 400, "VALIDATION_ERROR", "unique_key")
    refused(ask(c, q, "k" * 257), 400, "VALIDATION_ERROR", "unique_key")
    made(c, q, "k" * 256)


def test_locks_outlive_a_crash(t):
    server = t.fresh()
    c = t.client(server)
    live, cached, gone = made(c, "q", "live"), made(c, "q", "cached", unique_period="1h"), made(c, "q", "gone")
    c.ok("POST", f"/api/v1/jobs/{live}/hold")
    c.ok("POST", f"/api/v1/ack/{c.take('q')['job_id']}", {"result": [1]})
    c.ok("POST", f"/api/v1/jobs/{gone}/cancel")
    server.kill()
    server.start()
    c = t.client(server)
    eq(holder(c, "q", "live"), (live, "held"))
    eq(ask(c, "q", "cached").json()["result"], [1])
    eq(holder(c, "q", "cached"), (cached, "completed"))
    made(c, "q", "gone")


def test_a_keyed_duplicate_is_answered_again_as_it_was(t):
    c, q = t.client(), t.queue()
    made(c, q)
    headers = {"Idempotency-Key": f"{q}-again"}
    body = {"queue": q, "unique_key": "k"}
    first = c.post(ENQUEUE, body, headers=headers)
    c.ack(c.take(q))
    again = c.post(ENQUEUE, body, headers=headers)
    eq((again.status, again.body, again.headers.get("idempotency-replayed")), (200, first.body, "true"))
    eq(json.loads(first.body)["status"], "duplicate")
    made(c, q)


def test_why_tells_who_holds_the_key(t):
    c, q = t.client(), t.queue()
    first = made(c, q)
    c.ok("POST", f"/api/v1/jobs/{first}/cancel")
    second = made(c, q, unique_period="1h")
    check(second in c.ok("GET", f"/api/v1/jobs/{first}/why")["summary"], "the holder")
    c.ack(c.take(q))
    check("holds its unique key" in c.ok("GET", f"/api/v1/jobs/{second}/why")["summary"], "that it holds it")


def test_retention_of_a_job_counts_instead_of_its_queues(t):
    c = t.client(t.fresh("--retention", "1s"))
    kept, short, none = (c.enqueue("q", retention=time) for time in ("1h", "100ms", "0s"))
    eq(c.job(kept)["retention"], "1h0m0s")
    plain = c.enqueue("q")
    for _ in range(4):
        c.ack(c.take("q"))
    eq(c.get(f"/api/v1/jobs/{none}").status, 404, "nothing of it is kept")
    for job_id in (short, plain):
        wait_for("the job to go", lambda job_id=job_id: c.get(f"/api/v1/jobs/{job_id}").status == 404)
    eq(c.state(kept), "completed")


def test_one_key_for_many_clients_makes_one_job(t):
    c, q = t.client(), t.queue()
    clients = [t.client() for _ in range(16)]
    for number, client in enumerate(clients):
        client.send("POST", ENQUEUE, {"queue": q, "unique_key": "k", "payload": number})
    replies = [client.receive("POST") for client in clients]
    eq(sorted(reply.status for reply in replies), [200] * 15 + [201])
    eq(len({reply.json()["job_id"] for reply in replies}), 1)
    eq(c.ok("GET", f"/api/v1/queues/{q}")["enqueued_total"], 1)
