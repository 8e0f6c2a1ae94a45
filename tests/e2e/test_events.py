"""GET /cluster/events (reference 3.12, A14): what is kept, in order, without a gap, after a restart too."""
from contract import is_int, is_job_id, like, refused
from harness import check, eq, wait_for

EVENTS = "/api/v1/cluster/events"


def events(c, **query):
    return c.ok("GET", EVENTS + "?" + "&".join(f"{key}={value}" for key, value in query.items()))["events"]


def test_defect_22_events_are_on_and_tell_the_life_of_a_job(t):
    server = t.fresh()
    c = t.client(server)
    job_id = c.enqueue("q", max_retries=2)
    c.fail(c.take("q"))
    c.post(f"/api/v1/jobs/{job_id}/retry")
    c.post("/api/v1/queues/q/pause")
    found = events(c)
    like(found[0], {"seq": 1, "type": "enqueued", "job_id": is_job_id, "queue": "q", "at_ns": is_int, "job_seq": 1,
                    "state": "pending", "namespace": "default"})
    of_job = [event for event in found if event["job_id"] == job_id]
    eq([event["type"] for event in of_job][:4], ["enqueued", "started", "failed", "retrying"])
    eq([event["job_seq"] for event in of_job], list(range(1, len(of_job) + 1)), "job_seq has no gap")
    like(found[-1], {"seq": is_int, "type": "queue.paused", "job_id": "", "queue": "q", "at_ns": is_int,
                     "namespace": "default"})
    server.kill()
    server.start()
    eq(events(t.client(server)), found, "after a crash")


def test_pages_have_every_number_once(t):
    c = t.client(t.fresh())
    for size in (1, 300, 2, 1500):
        c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": "q"}] * size}, 201)
    for limit in (1000, 77):
        seen, after = [], 0
        while True:
            page = events(c, after_seq=after, limit=limit)
            if not page:
                break
            seen += [event["seq"] for event in page]
            after = seen[-1]
        eq(seen, list(range(1, 1804)), f"in pages of {limit}")
    eq(len(events(c)), 100, "the default")
    eq(len(events(c, limit=5000)), 1000, "the most")
    answer = c.ok("GET", f"{EVENTS}?after_seq=1803")
    eq((answer["events"], answer["oldest_seq"], answer["last_seq"]), ([], 1, 1803))


def test_bad_queries_are_refused(t):
    c = t.client()
    for query in ("after_seq=x", "after_seq=-1", "limit=0", "limit=x", "limit=-5", "after_seq=18446744073709551615"):
        refused(c.get(f"{EVENTS}?{query}"), 400, "VALIDATION_ERROR", query)


def test_defect_15_events_that_are_gone_are_410_with_the_oldest(t):
    c = t.client(t.fresh("--events-max", "10"))
    for _ in range(3):
        c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": "q"}] * 600}, 201)
        c.enqueue("q")

    def oldest():
        return c.ok("GET", EVENTS)["oldest_seq"]

    wait_for("old events to go", lambda: oldest() > 1)
    reply = c.get(f"{EVENTS}?after_seq=1")
    eq((reply.status, reply.code, reply.json()["oldest_seq"]), (410, "EVENTS_GONE", oldest()))
    eq(events(c)[0]["seq"], oldest(), "from the oldest")
    check(events(c, after_seq=oldest() - 1)[0]["seq"] == oldest(), "right behind the last that is gone")


def test_a_server_without_events_says_so(t):
    server = t.fresh("--lifecycle-events=false")
    c = t.client(server)
    c.enqueue("q")
    wait_for("the setting", lambda: c.get(EVENTS).status == 501)
    refused(c.get(EVENTS), 501, "UNSUPPORTED")
