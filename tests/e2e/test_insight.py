"""Reads that explain: why a job does not run (A8), many jobs at once, workers (A16), the queues' pace (A10, 3.13)."""
import datetime
import json

from contract import ERROR, is_int, is_job_id, is_time, like, refused, time_ns
from harness import SLOW, check, eq, wait_for

WORKERS = "/api/v1/workers"
BULK_GET = "/api/v1/jobs/bulk-get"


def why(c, job_id):
    return c.ok("GET", f"/api/v1/jobs/{job_id}/why")


def gates(c, job_id):
    return [gate["gate"] for gate in why(c, job_id)["gates"]]


def test_why_lists_each_gate_with_its_members(t):
    server = t.fresh()
    c = t.client(server)
    job_id = c.enqueue("q", delay="1h")
    answer = why(c, job_id)
    like(answer, {"job_id": job_id, "state": "scheduled", "runnable": False, "index": is_int, "at": is_time,
                  "summary": "scheduled for later", "gates": [
                      {"gate": "scheduled", "text": "scheduled for later", "until": is_time, "estimate": False},
                      {"gate": "no_worker", "text": "no worker asked since this node leads", "queue": "q",
                       "unknown": True}]})
    waiter = t.client(server)
    waiter.send("POST", "/api/v1/fetch", {"queues": ["q"], "worker_id": "w", "wait_ms": 20000})
    wait_for("the worker to wait", lambda: gates(c, job_id) == ["scheduled"])
    check(time_ns(why(c, job_id)["estimated_start"]) - time_ns(answer["at"]) <= 3600 * 10**9, "when it starts")
    refused(c.get("/api/v1/jobs/job_x/why"), 404, "NOT_FOUND")


def test_why_follows_a_job_through_its_life(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, max_retries=2)
    eq(gates(c, job_id), ["none", "no_worker"])
    c.post(f"/api/v1/queues/{q}/pause")
    eq(gates(c, job_id), ["paused", "no_worker"])
    c.post(f"/api/v1/queues/{q}/resume")
    job = c.take(q, worker_id="w-7")
    answer = why(c, job_id)
    eq((answer["gates"][0]["gate"], answer["gates"][0]["worker_id"]), ("active", "w-7"))
    eq(answer["gates"][0]["lease_expires_at"], job["lease_expires_at"])
    c.fail(job, error="disk on fire")
    answer = why(c, job_id)["gates"][0]
    eq((answer["gate"], answer["attempt"], answer["last_error"]), ("retry_backoff", 1, "disk on fire"))
    c.post(f"/api/v1/jobs/{job_id}/hold", {"reason": "look at it"})
    answer = why(c, job_id)["gates"][0]
    eq((answer["gate"], answer["reason"], answer["kind"]), ("held", "look at it", "api"))
    c.post(f"/api/v1/jobs/{job_id}/cancel")
    like(why(c, job_id)["gates"], [{"gate": "terminal", "text": "it is cancelled", "at": is_time,
                                    "state": "cancelled"}])


def test_why_counts_who_goes_first_and_guesses_when(t):
    c, q = t.client(), t.queue()
    last = [c.enqueue(q) for _ in range(5)][-1]
    c.enqueue(q, priority="high")
    eq(why(c, last)["ahead"], 5)
    check("estimated_start" not in why(c, last), "nobody knows the queue's pace")
    for _ in range(3):
        c.ack(c.take(q))
    eq(why(c, last)["ahead"], 2)
    waiter = t.client()
    waiter.send("POST", "/api/v1/fetch", {"queues": [t.queue()], "worker_id": "w", "wait_ms": 20000})
    c.take(q)  # Somebody runs one of its jobs: it has a worker.
    answer = why(c, last)
    eq((gates(c, last), answer["estimate"]), (["none"], True))
    check(time_ns(answer["estimated_start"]) > time_ns(answer["at"]), f"{answer}")


def test_bulk_get_answers_in_the_order_of_the_request_without_what_is_missing(t):
    c, q = t.client(), t.queue()
    ids = [c.enqueue(q, payload={"n": i}) for i in range(4)]
    job = c.take(q)
    c.fail(job, error="boom", backtrace="line 1")
    found = c.ok("POST", BULK_GET, {"job_ids": [ids[2], "job_x", ids[0], ids[2], "", ids[1]]})["jobs"]
    eq([entry["id"] for entry in found], [ids[2], ids[0], ids[2], ids[1]])
    eq(found[0], c.job(ids[2]), "the whole object")
    like(found[1]["errors"], [dict(ERROR, id=1, job_id=ids[0], attempt=1, error="boom", backtrace="line 1")])
    eq(c.ok("POST", BULK_GET, {"job_ids": []}), {"jobs": []})
    eq(c.ok("POST", BULK_GET, {}), {"jobs": []})
    eq(len(c.ok("POST", BULK_GET, {"job_ids": ids * 250})["jobs"]), 1000)
    refused(c.post(BULK_GET, {"job_ids": ids * 250 + ["one more"]}), 400, "VALIDATION_ERROR")
    refused(c.post(BULK_GET, {"job_ids": "x"}), 400, "PARSE_ERROR")
    reply = c.post(BULK_GET, {"job_ids": ids})
    check("x-corvo-durability" not in reply.headers and int(reply.headers["x-corvo-index"]) > 0, f"{reply.headers}")


def test_bulk_get_of_too_much_is_refused_not_cut(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, payload="x" * 250000)
    eq(len(c.ok("POST", BULK_GET, {"job_ids": [job_id] * 20})["jobs"]), 20)
    refused(c.post(BULK_GET, {"job_ids": [job_id] * 100}), 413, "BATCH_TOO_LARGE")
    eq(c.ok("POST", BULK_GET, {"job_ids": [job_id]})["jobs"][0]["id"], job_id)


def test_a_large_bulk_get_does_not_hold_up_others(t):
    server = t.fresh()
    c, other = t.client(server), t.client(server)
    job_id = c.enqueue("q", payload=["x" * 100] * 2000)
    body = {"job_ids": [job_id] * 70}
    eq(len(c.ok("POST", BULK_GET, body)["jobs"]), 70)
    readers = [t.client(server) for _ in range(4)]
    for reader in readers:
        reader.send("POST", BULK_GET, body)
    for _ in range(50):
        other.enqueue("r")
    for reader in readers:
        eq(len(reader.receive().json()["jobs"]), 70)
    gone = t.client(server)
    gone.send("POST", BULK_GET, body)
    gone.close()
    for reader in readers:
        reader.close()
    readers = [t.client(server) for _ in range(20)]
    for reader in readers:
        reader.send("POST", BULK_GET, {"job_ids": [job_id] * 10})
    statuses = [reader.receive().status for reader in readers]
    check(set(statuses) <= {200, 429} and 200 in statuses, f"{statuses}")
    eq(c.ok("POST", BULK_GET, {"job_ids": [job_id]})["jobs"][0]["id"], job_id, "room again")
    busiest = c.status()["loop_turn_cpu_max_ms"]
    check(busiest < 60 * SLOW, f"one turn of the loop worked for {busiest} ms")


def test_a_read_by_post_waits_for_an_index_as_others_do(t):
    c = t.client()
    refused(c.post(f"{BULK_GET}?min_index={2**60}&wait_ms=0", {"job_ids": []}), 504, "CONSISTENCY_TIMEOUT")
    refused(c.post(f"{BULK_GET}?consistency=maybe", {"job_ids": []}), 400, "VALIDATION_ERROR")


def worker(c, name):
    return next((entry for entry in c.ok("GET", WORKERS) if entry["id"] == name), None)


def test_T13_a_worker_tells_its_queues_as_a_string(t):
    c, q = t.client(), t.queue()
    other = t.queue()
    c.fetch(q, other, worker_id="w-queues", hostname="host-1", wait_ms=0)
    entry = worker(c, "w-queues")
    like(entry, {"id": "w-queues", "hostname": "host-1", "queues": json.dumps([q, other], separators=(",", ":")),
                 "last_heartbeat": is_time, "started_at": is_time, "active_jobs": [], "active": 0, "state": "idle"})
    c.fetch(q, worker_id="w-queues", wait_ms=0)
    eq(worker(c, "w-queues")["queues"], json.dumps([q]))
    c.fetch(q, worker_id="w-nohost", wait_ms=0)
    eq(worker(c, "w-nohost")["hostname"], None)


def test_workers_show_what_they_run_those_heard_of_last_first(t):
    c, q = t.client(), t.queue()
    ids = [c.enqueue(q) for _ in range(3)]
    jobs = [c.take(q, worker_id=f"w-{q}-1"), c.take(q, worker_id=f"w-{q}-1"), c.take(q, worker_id=f"w-{q}-2")]
    first, second = worker(c, f"w-{q}-1"), worker(c, f"w-{q}-2")
    eq((first["active"], sorted(first["active_jobs"]), first["state"]), (2, sorted(ids[:2]), "busy"))
    eq((second["active"], second["active_jobs"]), (1, ids[2:]))
    before = worker(c, f"w-{q}-1")["last_heartbeat"]
    c.heartbeat(**{ids[0]: {}})
    check(time_ns(worker(c, f"w-{q}-1")["last_heartbeat"]) > time_ns(before), "a heartbeat is heard")
    eq(c.ok("GET", WORKERS)[0]["id"], f"w-{q}-1", "who was heard of last")
    for job in jobs:
        c.ack(job)
    eq((worker(c, f"w-{q}-1")["active"], worker(c, f"w-{q}-1")["state"]), (0, "idle"))


def test_defect_41_workers_come_back_after_a_restart_without_a_log_entry(t):
    server = t.fresh()
    c = t.client(server)
    job_id = c.enqueue("q")
    job = c.take("q", worker_id="w-1", hostname="h")
    server.kill()
    server.start()
    c = t.client(server)
    eq(c.ok("GET", WORKERS), [])
    index = c.status()["applied_index"]
    eq(c.fetch("none", worker_id="w-2", wait_ms=0), None)
    eq([entry["id"] for entry in c.ok("GET", WORKERS)], ["w-2"])
    eq(c.status()["applied_index"], index, "presence is not a log entry")
    c.heartbeat(**{job_id: {"lease_token": job["lease_token"]}})
    entry = worker(c, "w-1")
    eq((entry["active_jobs"], entry["hostname"], entry["queues"]), ([job_id], "h", None))


def test_queues_tell_their_pace(t):
    c, q = t.client(), t.queue()
    c.post(f"/api/v1/queues/{q}/pause")
    queue = c.ok("GET", f"/api/v1/queues/{q}")
    eq(queue["throughput_1m"], 0)
    check("wait_p50_ms" not in queue and "oldest_ready_age_ms" not in queue, f"{queue}")
    c.post(f"/api/v1/queues/{q}/resume")
    for _ in range(20):
        c.enqueue(q)
    wait_for("a ready job's age", lambda: c.ok("GET", f"/api/v1/queues/{q}")["oldest_ready_age_ms"] > 0)
    for _ in range(20):
        c.ack(c.take(q))
    queue = c.ok("GET", f"/api/v1/queues/{q}")
    eq(queue["throughput_1m"], 20)
    check(0 < queue["wait_p50_ms"] <= queue["wait_p99_ms"] < 60000, f"{queue}")
    eq(next(entry for entry in c.ok("GET", "/api/v1/queues") if entry["name"] == q)["throughput_1m"], 20)


def test_T19_totals_are_real_numbers_and_throughput_counts_every_way(t):
    server = t.fresh()
    c = t.client(server)
    c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": "q"}] * 5}, 201)
    jobs = [c.take("q") for _ in range(4)]
    c.ok("POST", "/api/v1/ack/batch", {"acks": [{"job_id": job["job_id"]} for job in jobs[:3]]})
    c.fail(jobs[3])
    minutes = c.ok("GET", "/api/v1/metrics/throughput")
    eq(len(minutes), 60)
    for key, want in (("enqueued", 5), ("completed", 3), ("failed", 1)):
        eq(sum(minute[key] for minute in minutes), want, key)
    times = [time_ns(minute["minute"]) for minute in minutes]
    eq([later - earlier for earlier, later in zip(times, times[1:])], [60 * 10**9] * 59)
    check(times[-1] % (60 * 10**9) == 0, "a minute's start")
    now = datetime.datetime.now(datetime.timezone.utc).timestamp() * 10**9
    check(-60 * 10**9 < now - times[-1] < 120 * 10**9, f"{minutes[-1]} at {now}")
    queue = c.ok("GET", "/api/v1/queues/q")
    eq([queue[key] for key in ("enqueued_total", "completed_total", "failed_total", "failed")], [5, 3, 1, 1])
    check(all(is_job_id(job["job_id"]) for job in jobs), "ids")


def test_why_tells_the_limits_of_a_queue(t):
    c, q = t.client(), t.queue()
    c.ok("POST", f"/api/v1/queues/{q}/throttle", {"rate": 1, "window_ms": 3600000})
    ids = [c.enqueue(q) for _ in range(3)]
    job = c.take(q)
    answer = why(c, ids[1])
    gate = answer["gates"][0]
    eq([gate[key] for key in ("gate", "queue", "limit", "window_ms", "used", "estimate")],
       ["rate_limit", q, 1, 3600000, 1, False])
    eq(answer["summary"], f"rate limit of queue {q}: 1 per 3600000 ms")
    eq(answer["estimated_start"], gate["until"])
    later = why(c, ids[2])
    eq((time_ns(later["estimated_start"]) - time_ns(gate["until"]), later["estimate"]), (3600 * 10**9, True))
    c.ok("DELETE", f"/api/v1/queues/{q}/throttle")
    c.ok("POST", f"/api/v1/queues/{q}/concurrency", {"max": 1})
    gate = why(c, ids[1])["gates"][0]
    eq([gate[key] for key in ("gate", "limit", "active", "holders")], ["concurrency", 1, 1, [job["job_id"]]])
    c.ack(job)
    eq(gates(c, ids[1]), ["none", "no_worker"])
