"""Idempotency-Key (A4) over HTTP: once done, answered again; across crashes; what takes no key and what is no key."""
import json

from contract import refused
from harness import check, eq, request_bytes, wait_for

ENQUEUE = "/api/v1/enqueue"
BATCH = "/api/v1/enqueue/batch"


def keyed(key, **more):
    return {"Idempotency-Key": key, **more}


def same(first, again, what="the repetition"):
    """`again` is the first reply once more, and says so."""
    check("idempotency-replayed" not in first.headers, f"the first is not a replay: {first.headers}")
    eq(again.headers.get("idempotency-replayed"), "true", f"{what}: the header")
    eq((again.status, again.body), (first.status, first.body), what)



def counts(c):
    return c.status()["idempotency"]


def queue(c, name):
    return c.ok("GET", f"/api/v1/queues/{name}")


def queues(c):
    """All queues, without what moves by itself."""
    found = c.ok("GET", "/api/v1/queues")
    for entry in found:
        entry.pop("oldest_ready_age_ms", None)
    return found


def test_each_route_that_writes_takes_a_key(t):
    c = t.client(t.fresh())
    ids = [c.enqueue("q") for _ in range(3)]
    jobs = [c.take("q") for _ in range(2)]
    writes = [
        (ENQUEUE, {"queue": "q", "payload": [1]}),
        (BATCH, {"jobs": [{"queue": "q"}, {"queue": "r", "priority": "high"}]}),
        (f"/api/v1/ack/{jobs[0]['job_id']}", {"result": {"a": 1}}),
        (f"/api/v1/fail/{jobs[1]['job_id']}", {"error": "x"}),
        ("/api/v1/ack/batch", {"acks": [{"job_id": ids[0]}, {"job_id": "job_x"}]}),
        (f"/api/v1/jobs/{ids[2]}/cancel", None),
        ("/api/v1/queues/q/pause", None),
        ("/api/v1/queues/q/resume", None),
    ]
    for path, body in writes:
        first = c.post(path, body, headers=keyed("key-1"))
        check(first.status in (200, 201), f"{path}: {first}")
        before = queues(c)
        same(first, c.post(path, body, headers=keyed("key-1")), path)
        again = c.post(path, body, headers=keyed("key-1"))
        same(first, again, path)
        check(int(again.headers["x-corvo-index"]) > int(first.headers["x-corvo-index"]), f"{again.headers}")
        eq(queues(c), before, f"{path}: the queues")
    eq(counts(c), {"records": len(writes), "replays_total": 2 * len(writes), "mismatches_total": 0,
                   "evicted_early_total": 0})


def test_every_route_of_the_table_that_writes_takes_or_refuses_a_key(t):
    server = t.server()
    c = t.client(server)
    document = c.ok("GET", "/openapi.json")
    takes, refuses = set(), set()
    for path, item in document["paths"].items():
        for method in set(item) - {"get"}:
            names = {parameter["name"] for parameter in item[method]["parameters"]}
            if "consistency" in names:
                continue  # A read: nothing to repeat.
            (takes if "Idempotency-Key" in names else refuses).add(path)
            target = path.replace("{", "none").replace("}", "")
            reply = c.request(method.upper(), target, b"{}", headers=keyed("bad key"))
            refused(reply, 400, "VALIDATION_ERROR", path)
            text = reply.json()["error"]
            check("Idempotency-Key" in text, f"{path}: {text}")
            eq("is not taken here" in text, "Idempotency-Key" not in names, f"{path}: {text}")
    check({"/api/v1/fetch", "/api/v1/fetch/batch", "/api/v1/heartbeat"} <= refuses, f"{sorted(refuses)}")
    check({ENQUEUE, BATCH, "/api/v1/ack/batch", "/api/v1/queues/{queue}/pause"} <= takes, f"{sorted(takes)}")


def test_another_request_with_the_same_key_is_a_mismatch(t):
    c = t.client(t.server())
    first = c.post(ENQUEUE, b'{"queue":"m","payload":1}', headers=keyed("m"))
    eq(first.status, 201)
    refused(c.post(ENQUEUE, b'{"queue":"m","payload":2}', headers=keyed("m")), 422, "IDEMPOTENCY_MISMATCH")
    # The exact body counts, and the query; neither headers nor the connection do.
    refused(c.post(ENQUEUE, b'{"queue":"m", "payload":1}', headers=keyed("m")), 422, "IDEMPOTENCY_MISMATCH")
    refused(c.post(ENQUEUE + "?x=1", b'{"queue":"m","payload":1}', headers=keyed("m")), 422, "IDEMPOTENCY_MISMATCH")
    same(first, t.client(t.server()).post(ENQUEUE, b'{"queue":"m","payload":1}',
                                          headers=keyed("m", traceparent="00-aa-bb-01")))
    # Another path is another scope.
    eq(c.post("/api/v1/queues/m/pause", headers=keyed("m")).status, 200)
    eq(queue(c, "m")["enqueued_total"], 1)


def test_refusals_of_core_are_kept_and_others_are_not(t):
    c = t.client(t.server())
    job_id = c.enqueue("kept")
    first = c.post(f"/api/v1/ack/{job_id}", {}, headers=keyed("k"))
    refused(first, 400, "ACK_ERROR")
    job = c.take("kept")
    same(first, c.post(f"/api/v1/ack/{job_id}", {}, headers=keyed("k")))
    eq(c.state(job_id), "active")
    # Judged anew each time: what the request itself has wrong.
    for body, code in ((b"{", "PARSE_ERROR"), (b"{}", "VALIDATION_ERROR"), (b'{"queue":"a::b"}', "VALIDATION_ERROR"),
                       (b'{"queue":"q","payload":"' + b"x" * 262144 + b'"}', "PAYLOAD_TOO_LARGE")):
        for _ in range(2):
            reply = c.post(ENQUEUE, body, headers=keyed("bad"))
            check(reply.code == code and "idempotency-replayed" not in reply.headers, f"{reply} {reply.headers}")
    eq(c.post(ENQUEUE, {"queue": "kept"}, headers=keyed("bad")).status, 201, "the key is free")
    c.ack(job)


def test_what_is_no_key_and_where_there_is_none(t):
    c = t.client(t.server())
    for key in ("", "a b", "k" * 129, "\u00e9", "a\tb"):
        refused(c.post(ENQUEUE, {"queue": "none"}, headers=keyed(key)), 400, "VALIDATION_ERROR", repr(key))
    for key in ("k" * 128, "!", "~", '"quoted"', "a,b;c"):
        eq(c.post(ENQUEUE, {"queue": "some"}, headers=keyed(key)).status, 201, repr(key))
    raw = request_bytes("POST", ENQUEUE, {"queue": "none"}, keyed("a")).replace(
        b"Idempotency-Key: a\r\n", b"Idempotency-Key: a\r\nidempotency-key: a\r\n")
    c.send_raw(raw)
    refused(c.receive(), 400, "VALIDATION_ERROR", "two keys")
    for path, body in (("/api/v1/fetch", {"queues": ["none"], "wait_ms": 0}),
                       ("/api/v1/fetch/batch", {"queues": ["none"], "wait_ms": 0}),
                       ("/api/v1/heartbeat", {"jobs": {}})):
        refused(c.post(path, body, headers=keyed("k")), 400, "VALIDATION_ERROR", path)
    # A read has nothing to repeat: its key is nobody's business.
    eq(c.get("/api/v1/queues", headers=keyed("not a key")).status, 200)
    eq(c.get("/api/v1/queues/none").status, 404, "no queue came to be")


def test_two_at_once_are_one(t):
    server = t.server()
    body = {"queue": "race", "payload": "x" * 1000}
    for i in range(20):
        clients = [t.client(server) for _ in range(4)]
        for client in clients:
            client.send("POST", ENQUEUE, body, keyed(f"race-{i}"))
        replies = [client.receive() for client in clients]
        eq(len({reply.body for reply in replies}), 1, "different answers")
        eq(sum("idempotency-replayed" not in reply.headers for reply in replies), 1, "how many were the first")
        for client in clients:
            client.close()
    eq(queue(t.client(server), "race")["enqueued_total"], 20)


def test_a_unit_that_failed_is_whole_when_it_is_repeated(t):
    c = t.client(t.server())
    bad = {"jobs": [{"queue": "unit"}, {"queue": "a::b"}]}
    refused(c.post(BATCH, bad, headers=keyed("u")), 400, "VALIDATION_ERROR")
    good = c.post(BATCH, {"jobs": [{"queue": "unit"}, {"queue": "unit"}]}, headers=keyed("u"))
    eq(good.status, 201)
    same(good, c.post(BATCH, {"jobs": [{"queue": "unit"}, {"queue": "unit"}]}, headers=keyed("u")))
    eq(queue(c, "unit")["enqueued_total"], 2)


def test_an_outcome_above_64_kib_is_refused_before_anything_is_done(t):
    c = t.client(t.server())
    jobs = [{"queue": "large"}] * 5000
    refused(c.post(BATCH, {"jobs": jobs}, headers=keyed("large")), 400, "VALIDATION_ERROR")
    eq(c.get("/api/v1/queues/large").status, 404, "the queue")
    eq(c.post(BATCH, {"jobs": jobs[:1500]}, headers=keyed("large")).status, 201)
    eq(c.post(BATCH, {"jobs": jobs}).status, 201, "without a key")


def test_a_lost_reply_is_safe_to_repeat_after_a_crash(t):
    """Kill -9 between the reply and the repetition, and between the request and its reply."""
    server = t.fresh()
    bodies = [json.dumps({"queue": "crash", "payload": i}).encode() for i in range(12)]
    sure = {}
    for i, body in enumerate(bodies):
        client = t.client(server)
        client.send("POST", ENQUEUE, body, keyed(f"crash-{i}"))
        if i % 2 == 0:
            sure[i] = client.receive()
        server.kill()
        server.start()
        client = t.client(server)
        again = client.post(ENQUEUE, body, headers=keyed(f"crash-{i}"))
        if i in sure:
            same(sure[i], again, f"request {i}")
        eq(again.status, 201, f"request {i}")
        eq(client.post(ENQUEUE, body, headers=keyed(f"crash-{i}")).body, again.body)
    c = t.client(server)
    eq(queue(c, "crash")["enqueued_total"], len(bodies))
    status = c.status(verify=True)
    eq(status["scanned_hash"], status["state_hash"])
    eq(counts(c)["records"], len(bodies))


def test_what_was_kept_is_there_after_a_restart_and_goes_when_its_time_is_over(t):
    server = t.fresh("--idempotency-ttl", "2s")
    c = t.client(server)
    first = c.post("/api/v1/queues/q/pause", headers=keyed("k"))
    server.stop()
    server.start()
    c = t.client(server)
    eq(counts(c)["records"], 1)
    same(first, c.post("/api/v1/queues/q/pause", headers=keyed("k")))
    wait_for("the record to go", lambda: counts(c)["records"] == 0)
    again = c.post("/api/v1/queues/q/pause", headers=keyed("k"))
    check("idempotency-replayed" not in again.headers, "over")


def test_the_bound_refuses_while_all_are_young_and_evicts_with_a_warning(t):
    server = t.fresh("--idempotency-max", "3", "--idempotency-min-ttl", "400ms")
    c = t.client(server)
    for i in range(3):
        eq(c.post("/api/v1/queues/q/pause", headers=keyed(f"k{i}")).status, 200)
    reply = c.post("/api/v1/queues/q/pause", headers=keyed("k3"))
    if reply.status != 200:
        check(reply.status == 429 and reply.code == "OVERLOADED" and reply.json()["retry_after_ms"] > 0, f"{reply}")
        eq(c.post("/api/v1/queues/q/resume").status, 200, "without a key")
    wait_for("room", lambda: c.post("/api/v1/queues/q/pause", headers=keyed("k3")).status == 200)
    check(counts(c)["records"] <= 3 and counts(c)["evicted_early_total"] >= 1, f"{counts(c)}")
    wait_for("a warning", lambda: "idempotency-max is too small" in server.log())
