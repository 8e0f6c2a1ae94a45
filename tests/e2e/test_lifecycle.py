"""The life of a job over REST, from enqueue to its end: replies and the job itself after each step, field by field.

Tests named after a trap (T..) or a defect (defect_..) show that row of the contract.
"""
import statistics
import threading
import time

from contract import (BATCH, ERROR, TAGS, is_job_id, is_text, is_time, is_token, job_like, like, refused, rfc3339,
                      start_fetch, time_ns)
from harness import SLOW, check, eq, note, short, wait_for


# --- Enqueue and what a job looks like -------------------------------------------------------------------------------


def test_enqueue_answers_201_with_exactly_these_fields(t):
    c = t.client()
    reply = c.post("/api/v1/enqueue", {"queue": t.queue()})
    eq(reply.status, 201)
    eq(reply.headers.get("content-type"), "application/json")
    check(reply.body.endswith(b"}\n") and b": " not in reply.body, f"not compact JSON and a newline: {reply.body!r}")
    like(reply.json(), {"job_id": is_job_id, "status": "pending", "unique_existing": False})


def test_a_plain_job_has_its_defaults_and_nothing_else(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job_like(c.job(job_id), "pending", id=job_id, queue=q)


def test_every_plain_field_of_enqueue_is_kept(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, payload={"a": [1, {"b": None}]}, priority="high", max_retries=9, retry_backoff="linear",
                       retry_base_delay="1m30s", retry_max_delay="1w", expire_after="2d", tags=TAGS,
                       checkpoint={"at": 3})
    job = c.job(job_id)
    job_like(job, "pending", id=job_id, queue=q, payload={"a": [1, {"b": None}]}, priority=1, max_retries=9,
             retry_backoff="linear", retry_base_delay_ms=90000, retry_max_delay_ms=604800000, expire_at=is_time,
             tags=TAGS, checkpoint={"at": 3})
    eq(time_ns(job["expire_at"]) - time_ns(job["created_at"]), 2 * 86400 * 10**9, "expire_at - created_at")


def test_payload_forms_are_kept_and_absent_is_an_empty_object(t):
    c, q = t.client(), t.queue()
    for payload in (None, 0, -1.5, "", "text", [], [1, [2]], {}, True, False):
        eq(c.job(c.enqueue(q, payload=payload))["payload"], payload, "payload")
        eq(c.take(q)["payload"], payload, "delivered payload")
    eq(c.job(c.enqueue(q))["payload"], {})


def test_defect_21_json_is_kept_to_the_digit(t):
    """Order of keys, big integers and spelling of numbers stay; white space outside strings goes."""
    c, q = t.client(), t.queue()
    raw = b'{"z" : 12345678901234567890123, "a":[1.0, 1e5,\n -0.00],"u":"\\u00e9 \\"x\\"  y", "d":{"k":1}}'
    kept = b'{"z":12345678901234567890123,"a":[1.0,1e5,-0.00],"u":"\\u00e9 \\"x\\"  y","d":{"k":1}}'
    body = b'{"queue":"' + q.encode() + b'","payload":' + raw + b',"checkpoint":' + raw + b',"tags":' + raw + b"}"
    job_id = c.ok("POST", "/api/v1/enqueue", body, 201)["job_id"]
    path = f"/api/v1/jobs/{job_id}"
    text = c.get(path).body
    for name in (b"payload", b"checkpoint", b"tags"):
        check(b'"' + name + b'":' + kept in text, f"{name.decode()} changed: {text!r}")
    fetched = c.post("/api/v1/fetch", {"queues": [q], "wait_ms": 0})
    check(b'"payload":' + kept in fetched.body, f"payload changed on delivery: {fetched.body!r}")
    token = fetched.json()["lease_token"].encode()
    beat = (b'{"jobs":{"' + job_id.encode() + b'":{"lease_token":"' + token + b'","progress":' + raw +
            b',"checkpoint":' + raw + b"}}}")
    c.ok("POST", "/api/v1/heartbeat", beat)
    text = c.get(path).body
    check(b'"progress":' + kept in text and b'"checkpoint":' + kept in text, f"heartbeat values changed: {text!r}")
    c.ok("POST", f"/api/v1/ack/{job_id}", b'{"lease_token":"' + token + b'","result":' + raw + b"}")
    text = c.get(path).body
    check(b'"result":' + kept in text, f"result changed: {text!r}")


def test_T37_times_are_rfc3339_in_utc_and_close_to_now(t):
    c, q = t.client(), t.queue()
    before = time.time_ns()
    job = c.job(c.enqueue(q))
    check(before - 5 * 10**9 < time_ns(job["created_at"]) < time.time_ns() + 5 * 10**9, f"created_at {job}")


def test_T12_priority_takes_words_in_any_case_and_numbers(t):
    c, q = t.client(), t.queue()
    for given, number in (("critical", 0), ("HIGH", 1), ("Normal", 2), ("low", 3), (0, 0), (1, 1), (2, 2), (3, 3)):
        eq(c.job(c.enqueue(q, priority=given))["priority"], number, f"priority {given!r}")
    eq(c.job(c.enqueue(q, priority=""))["priority"], 2, "an empty word counts as none")
    for wrong in ("urgent", " ", 4, -1):
        refused(c.post("/api/v1/enqueue", {"queue": q, "priority": wrong}), 400, "VALIDATION_ERROR", f"{wrong!r}")


def test_durations_take_go_units_and_days_and_weeks(t):
    c, q = t.client(), t.queue()
    for given, ms in (("0", 0), ("1h30m", 5400000), ("1.5s", 1500), ("250ms", 250), ("7d", 604800000),
                      ("2w", 1209600000)):
        eq(c.job(c.enqueue(q, retry_base_delay=given))["retry_base_delay_ms"], ms, given)
    eq(c.job(c.enqueue(q, retry_base_delay=""))["retry_base_delay_ms"], 5000, "an empty one counts as none")
    for wrong in (" ", "5", "five", "1y", "-1s", "1s ", "1..5s", "s"):
        reply = c.post("/api/v1/enqueue", {"queue": q, "retry_base_delay": wrong})
        refused(reply, 400, "VALIDATION_ERROR", f"retry_base_delay {wrong!r}")


def test_null_means_absent_in_optional_fields(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, priority=None, max_retries=None, retry_backoff=None, retry_base_delay=None, delay=None,
                       scheduled_at=None, expire_after=None)
    job_like(c.job(job_id), "pending", id=job_id, queue=q)


def test_T26_a_payload_above_the_limit_is_413_with_its_own_code(t):
    c, q = t.client(), t.queue()
    big = "x" * (256 * 1024)
    refused(c.post("/api/v1/enqueue", {"queue": q, "payload": big}), 413, "PAYLOAD_TOO_LARGE")
    c.enqueue(q, payload=big[:-2])
    reply = c.post(BATCH, {"jobs": [{"queue": q}, {"queue": q, "payload": big}]})
    refused(reply, 413, "PAYLOAD_TOO_LARGE")
    check("1" in reply.json()["error"], f"the index is not named: {reply}")


def test_names_and_ids_are_bounded(t):
    c = t.client()
    c.enqueue("q" * 200)
    for queue in ("q" * 201, "", "a\nb", "a\u0000b", "ns::q", "::"):
        refused(c.post("/api/v1/enqueue", {"queue": queue}), 400, "VALIDATION_ERROR", f"queue {short(queue)}")
    reply = c.post("/api/v1/fetch", {"queues": ["q"], "worker_id": "w" * 129, "wait_ms": 0})
    refused(reply, 400, "VALIDATION_ERROR")


def test_unsupported_fields_are_refused_never_dropped(t):
    c, q = t.client(), t.queue()
    fields = {
        "agent": {}, "parent_id": "job_x",
        "depends_on": ["job_x"], "on_dependency_failure": "run", "chain_id": "chn_x",
        "chain_step": 1, "chain_config": {}, "chain": {"steps": [{"queue": q}, {"queue": q}]},
    }
    for name, value in fields.items():
        refused(c.post("/api/v1/enqueue", {"queue": q, name: value}), 501, "UNSUPPORTED", name)
        refused(c.post(BATCH, {"jobs": [{"queue": q}, {"queue": q, name: value}]}), 501, "UNSUPPORTED", name)
    refused(c.post(BATCH, {"jobs": [{"queue": q}], "batch": {"callback_queue": q}}), 501, "UNSUPPORTED", "batch")
    headers = {"X-Corvo-Namespace": "other"}
    refused(c.post("/api/v1/enqueue", {"queue": q}, headers=headers), 501, "UNSUPPORTED", "namespace")
    refused(c.get("/api/v1/queues", headers=headers), 501, "UNSUPPORTED", "namespace")
    c.ok("POST", "/api/v1/enqueue", {"queue": q}, 201, headers={"X-Corvo-Namespace": "default"})
    eq(c.ok("GET", f"/api/v1/queues/{q}")["enqueued"], 1, "jobs that exist")


def test_reserved_names_of_fairness_are_refused(t):
    c, q = t.client(), t.queue()
    for name, value in (("fair_key", "a"), ("fair_weight", 2)):
        reply = c.post("/api/v1/enqueue", {"queue": q, name: value})
        check(reply.status in (400, 501) and reply.code in ("VALIDATION_ERROR", "UNSUPPORTED"), f"{name}: {reply}")


# --- enqueue/batch ---------------------------------------------------------------------------------------------------


def test_T29_enqueue_batch_answers_ids_in_order_and_an_empty_batch_id(t):
    c, q = t.client(), t.queue()
    reply = c.ok("POST", BATCH, {"jobs": [{"queue": q, "payload": i} for i in range(20)]}, 201)
    result = {"job_id": is_job_id, "status": "pending", "unique_existing": False}
    like(reply, {"job_ids": [is_job_id] * 20, "batch_id": "", "results": [result] * 20})
    eq([row["job_id"] for row in reply["results"]], reply["job_ids"])
    eq(sorted(set(reply["job_ids"])), reply["job_ids"], "ids are distinct and grow")
    eq([c.job(job_id)["payload"] for job_id in reply["job_ids"]], list(range(20)))


def test_defect_4_batch_items_take_every_field_of_enqueue(t):
    c, q = t.client(), t.queue()
    later = rfc3339(time.time_ns() + 3600 * 10**9)
    reply = c.ok("POST", BATCH, {"jobs": [
        {"queue": q, "scheduled_at": later}, {"queue": q, "delay": "1h"}, {"queue": q, "expire_after": "1h"},
        {"queue": q, "priority": "critical", "tags": TAGS, "checkpoint": [1], "max_retries": 7}]}, 201)
    eq([row["status"] for row in reply["results"]], ["scheduled", "scheduled", "pending", "pending"])
    jobs = [c.job(job_id) for job_id in reply["job_ids"]]
    eq(time_ns(jobs[0]["scheduled_at"]), time_ns(later.rstrip("0Z") + "Z") if later.endswith("0Z") else time_ns(later))
    eq(time_ns(jobs[1]["scheduled_at"]) - time_ns(jobs[1]["created_at"]), 3600 * 10**9)
    check("expire_at" in jobs[2], f"expire_after was dropped: {jobs[2]}")
    eq([jobs[3][name] for name in ("priority", "tags", "checkpoint", "max_retries")], [0, TAGS, [1], 7])
    handed_out = c.ok_or_empty("/api/v1/fetch/batch", {"queues": [q], "count": 9, "wait_ms": 0})["jobs"]
    eq([job["job_id"] for job in handed_out], [reply["job_ids"][3], reply["job_ids"][2]], "not the scheduled ones")


def test_enqueue_batch_is_all_or_nothing(t):
    c, q = t.client(), t.queue()
    hour = rfc3339(time.time_ns() + 3600 * 10**9)
    wrong = [{"queue": ""}, {}, {"queue": q, "priority": "x"}, {"queue": q, "delay": "1s", "scheduled_at": hour},
             {"queue": q, "retry_backoff": "x"}]
    for job in wrong:
        refused(c.post(BATCH, {"jobs": [{"queue": q}, {"queue": q}, job]}), 400, "VALIDATION_ERROR", f"{job}")
    refused(c.post(BATCH, {"jobs": []}), 400, "VALIDATION_ERROR", "no jobs")
    refused(c.post(BATCH, {}), 400, "VALIDATION_ERROR", "no jobs")
    reply = c.get(f"/api/v1/queues/{q}")
    check(reply.status == 404 or reply.json()["enqueued"] == 0, f"a refused batch left something: {reply}")


def test_defect_39_batches_of_thousands_and_bodies_above_4_mib_pass(t):
    c, q = t.client(), t.queue()
    reply = c.ok("POST", BATCH, {"jobs": [{"queue": q, "payload": i} for i in range(2500)]}, 201)
    eq(len(set(reply["job_ids"])), 2500)
    reply = c.ok("POST", BATCH, {"jobs": [{"queue": q, "payload": "x" * 200000} for _ in range(25)]}, 201)
    eq(len(reply["job_ids"]), 25)
    eq(c.ok("GET", f"/api/v1/queues/{q}")["pending"], 2525)
    first = c.take(q)
    eq(first["payload"], 0)


def test_a_batch_above_one_entry_is_refused_whole(t):
    c, q = t.client(), t.queue()
    reply = c.post(BATCH, {"jobs": [{"queue": q, "payload": "x" * 250000} for _ in range(40)]})
    refused(reply, 413, "BATCH_TOO_LARGE", "10 MB of jobs")
    reply = c.post(BATCH, {"jobs": [{"queue": q}] * 10001})
    check(reply.status in (400, 413) and reply.code in ("BATCH_TOO_LARGE", "VALIDATION_ERROR"), f"10001 jobs: {reply}")
    eq(c.get(f"/api/v1/queues/{q}").status, 404, "the queue exists")
    c.ok("POST", BATCH, {"jobs": [{"queue": q}] * 10000}, 201)


# --- Order -----------------------------------------------------------------------------------------------------------


def test_priorities_go_first_and_equal_ones_in_order(t):
    c, q = t.client(), t.queue()
    given = ["low", "normal", "critical", "high", "normal", "critical", "low", "high"]
    ids = [c.enqueue(q, priority=word) for word in given]
    got = [c.take(q)["job_id"] for _ in ids]
    eq(got, [ids[i] for i in (2, 5, 3, 7, 1, 4, 0, 6)], "order")
    eq(c.fetch(q, wait_ms=0), None)


def test_a_job_that_comes_back_goes_to_the_end_of_its_priority(t):
    c, q = t.client(), t.queue()
    first, second = c.enqueue(q, retry_backoff="none"), c.enqueue(q)
    c.fail(c.take(q))
    wait_for("the retry", lambda: c.state(first) == "pending")
    eq([c.take(q)["job_id"], c.take(q)["job_id"]], [second, first])


def test_queues_of_a_fetch_are_tried_in_the_order_given(t):
    c, a, b = t.client(), t.queue(), t.queue()
    in_a = [c.enqueue(a, priority="low") for _ in range(2)]
    in_b = [c.enqueue(b, priority="critical") for _ in range(2)]
    eq([c.take(b, a)["job_id"] for _ in range(3)], [in_b[0], in_b[1], in_a[0]])
    jobs = c.ok_or_empty("/api/v1/fetch/batch", {"queues": [b, a], "count": 5, "wait_ms": 0})["jobs"]
    eq([job["job_id"] for job in jobs], [in_a[1]])
    in_a = [c.enqueue(a) for _ in range(3)]
    in_b = [c.enqueue(b) for _ in range(3)]
    jobs = c.ok_or_empty("/api/v1/fetch/batch", {"queues": [a, b], "count": 4, "wait_ms": 0})["jobs"]
    eq([job["job_id"] for job in jobs], in_a + in_b[:1], "a batch fills from the first queue first")


# --- Fetch -----------------------------------------------------------------------------------------------------------


def test_a_delivered_job_has_exactly_these_fields(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, payload=[1], checkpoint={"c": 1}, tags=TAGS, max_retries=5)
    plain = c.enqueue(q)
    job = c.take(q, worker_id="w-1", hostname="h-1", lease_duration=45)
    like(job, {"job_id": job_id, "queue": q, "payload": [1], "attempt": 1, "max_retries": 5, "lease_duration": 45,
               "checkpoint": {"c": 1}, "tags": TAGS, "lease_token": is_token, "lease_expires_at": is_time})
    like(c.take(q), {"job_id": plain, "queue": q, "payload": {}, "attempt": 1, "max_retries": 3, "lease_duration": 60,
                     "lease_token": is_token, "lease_expires_at": is_time})
    after = c.job(job_id)
    job_like(after, "active", id=job_id, queue=q, payload=[1], attempt=1, max_retries=5, tags=TAGS,
             checkpoint={"c": 1}, worker_id="w-1", hostname="h-1", lease_expires_at=job["lease_expires_at"],
             started_at=is_time)
    eq(time_ns(after["lease_expires_at"]) - time_ns(after["started_at"]), 45 * 10**9, "lease")


def test_traceparent_of_the_enqueue_is_delivered(t):
    c, q = t.client(), t.queue()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    job_id = c.ok("POST", "/api/v1/enqueue", {"queue": q}, 201, headers={"traceparent": trace})["job_id"]
    eq(c.take(q)["traceparent"], trace)
    eq(c.job(job_id)["traceparent"], trace)


def test_T1_timeout_is_the_lease_unless_lease_duration_says_so(t):
    c, q = t.client(), t.queue()
    for asked, lease in (({"timeout": 7}, 7), ({"timeout": 300}, 300), ({}, 60), ({"timeout": 0}, 60),
                         ({"timeout": 7, "lease_duration": 20}, 20), ({"lease_duration": 20}, 20)):
        c.enqueue(q)
        job = c.take(q, **asked)
        eq(job["lease_duration"], lease, f"{asked}")
        stored = c.job(job["job_id"])
        eq(time_ns(stored["lease_expires_at"]) - time_ns(stored["started_at"]), lease * 10**9, f"{asked}")


def test_T2_T3_empty_fetch_is_204_and_empty_batch_is_an_empty_list(t):
    c, q = t.client(), t.queue()
    reply = c.post("/api/v1/fetch", {"queues": [q], "wait_ms": 0})
    eq((reply.status, reply.body), (204, b""))
    eq(reply.headers.get("content-type"), None)
    reply = c.post("/api/v1/fetch/batch", {"queues": [q], "count": 3, "wait_ms": 0})
    eq((reply.status, reply.body), (200, b'{"jobs":[]}\n'))


def test_an_empty_poll_is_answered_a_little_early(t):
    c, q = t.client(), t.queue()
    for path in ("/api/v1/fetch", "/api/v1/fetch/batch"):
        began = time.monotonic()
        reply = c.post(path, {"queues": [q], "timeout": 1})
        took = time.monotonic() - began
        check(reply.status == (204 if path.endswith("fetch") else 200), f"{reply}")
        check(0.4 < took < 1.0 * SLOW, f"a poll of 1 s was answered after {took:.3f} s")
    began = time.monotonic()
    eq(c.post("/api/v1/fetch", {"queues": [q], "timeout": 30, "wait_ms": 120}).status, 204)
    took = time.monotonic() - began
    check(0.1 < took < 0.5 * SLOW, f"wait_ms 120 was answered after {took:.3f} s")


def test_fetch_batch_takes_up_to_count_and_clamps_it(t):
    c, q = t.client(), t.queue()
    c.ok("POST", BATCH, {"jobs": [{"queue": q}] * 600}, 201)
    for count, want in ((3, 3), (0, 1), (-5, 1), (None, 1), (1000, 512), (50, 50), (512, 600 - 3 - 3 - 512 - 50)):
        body = {"queues": [q], "count": count, "wait_ms": 0}
        jobs = c.ok_or_empty("/api/v1/fetch/batch", body)["jobs"]
        eq(len(jobs), want, f"jobs for count {count}")
        for job in jobs:
            like(job, {"job_id": is_job_id, "queue": q, "payload": {}, "attempt": 1, "max_retries": 3,
                       "lease_duration": 60, "lease_token": is_token, "lease_expires_at": is_time}, "item")


def test_defect_36_enqueue_wakes_a_waiting_fetch_at_once(t):
    q, c = t.queue(), t.client()
    waits = []
    for _ in range(20):
        waiter = start_fetch(t, q)
        began = time.monotonic()
        job_id = c.enqueue(q)
        job = waiter.receive().json()
        waits.append((time.monotonic() - began) * 1000)
        eq(job["job_id"], job_id)
        c.ack(job)
    median = statistics.median(waits)
    note(f"enqueue to delivery at a waiting worker: median {median:.2f} ms, most {max(waits):.2f} ms")
    check(median < 50 * SLOW, f"median {median:.1f} ms")


def test_waiting_fetches_are_served_in_the_order_in_which_they_came(t):
    q, c = t.queue(), t.client()
    waiters = [start_fetch(t, q) for _ in range(5)]
    ids = [c.enqueue(q) for _ in range(5)]
    eq([waiter.receive().json()["job_id"] for waiter in waiters], ids)


def test_a_waiting_fetch_is_woken_by_everything_that_makes_a_job_ready(t):
    c = t.client()
    ways = {
        "a delay that is over": lambda q: c.enqueue(q, delay="30ms"),
        "a time that has come": lambda q: c.enqueue(q, scheduled_at=rfc3339(time.time_ns() + 30 * 10**6)),
        "the second queue": lambda q: c.enqueue(q + "b"),
        "a batch": lambda q: c.ok("POST", BATCH, {"jobs": [{"queue": q}]}, 201)["job_ids"][0],
    }
    for what, make in ways.items():
        q = t.queue()
        waiter = start_fetch(t, q, q + "b")
        job_id = make(q)
        reply = waiter.receive()
        check(reply.status == 200 and reply.json()["job_id"] == job_id, f"{what}: {reply}")


def test_a_retry_and_a_lost_lease_wake_a_waiting_fetch(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, retry_backoff="fixed", retry_base_delay="20ms")
    job = c.take(q)
    waiter = start_fetch(t, q)
    c.fail(job)
    eq(waiter.receive().json()["attempt"], 2)
    q = t.queue()
    job_id = c.enqueue(q)
    c.take(q, lease_duration=1)
    waiter = start_fetch(t, q)
    job = waiter.receive().json()
    eq((job["job_id"], job["attempt"]), (job_id, 2))


def test_a_client_that_goes_away_while_it_waits_takes_no_job(t):
    c, q = t.client(), t.queue()
    before = c.status()["waiters"]
    start_fetch(t, q).close()
    wait_for("the waiter to be forgotten", lambda: c.status()["waiters"] == before)
    job_id = c.enqueue(q)
    eq(c.take(q)["job_id"], job_id)
    eq(c.job(job_id)["attempt"], 1)


def test_two_waiters_never_get_the_same_job(t):
    q = t.queue()
    server = t.server()
    taken, lock = [], threading.Lock()

    def work():
        c = server.client()
        while True:
            job = c.fetch(q, wait_ms=300)
            if job is None:
                break
            with lock:
                taken.append(job["job_id"])
        c.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    c = t.client()
    ids = [c.enqueue(q) for _ in range(200)]
    for thread in threads:
        thread.join()
    eq(sorted(taken), sorted(ids))


def test_defect_35_empty_polls_and_reads_write_nothing_to_the_log(t):
    server = t.fresh()
    c = t.client(server)
    c.enqueue("other")
    before = c.status()
    for _ in range(20):
        eq(c.fetch("empty", wait_ms=0), None)
        c.get("/api/v1/queues")
        c.get("/api/v1/jobs/none")
    eq(c.fetch("empty", wait_ms=400), None)
    after = c.status()
    eq([after[name] for name in ("applied_index", "commit_index")], [before[name] for name in
                                                                     ("applied_index", "commit_index")])
    eq(after["log"]["syncs"], before["log"]["syncs"], "syncs of the log")


# --- Ack -------------------------------------------------------------------------------------------------------------


def test_ack_completes_a_job(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q, hostname="h")
    reply = c.ack(job, result={"sum": 3}, checkpoint=[9])
    like(reply, {"status": "ok"})
    after = c.job(job_id)
    job_like(after, "completed", id=job_id, queue=q, attempt=1, result={"sum": 3}, checkpoint=[9],
             started_at=is_time, completed_at=is_time)
    check(time_ns(after["completed_at"]) >= time_ns(after["started_at"]), f"{after}")
    eq(c.fetch(q, wait_ms=0), None)


def test_ack_results_of_every_form_are_stored(t):
    c, q = t.client(), t.queue()
    for result in (None, 0, "", "x", [], {}, False):
        job_id = c.enqueue(q)
        c.ack(c.take(q), result=result)
        job = c.job(job_id)
        check("result" in job, f"result {result!r} was not stored: {job}")
        eq(job["result"], result)
    job_id = c.enqueue(q)
    c.ack(c.take(q))
    check("result" not in c.job(job_id), "a result that was not given")


def test_ack_without_a_token_is_taken_while_the_job_is_active(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    c.take(q)
    like(c.ok("POST", f"/api/v1/ack/{job_id}"), {"status": "ok"})
    refused(c.post(f"/api/v1/ack/{job_id}"), 400, "ACK_ERROR", "a second ack without a token")
    eq(c.state(job_id), "completed")


def test_T9_operations_on_unknown_jobs_answer_with_their_own_code(t):
    c = t.client()
    for job_id in ("job_0000000000000000000000000f", "nonsense", "job_", "j" * 64):
        refused(c.post(f"/api/v1/ack/{job_id}", {}), 400, "ACK_ERROR", job_id)
        refused(c.post(f"/api/v1/fail/{job_id}", {"error": "x"}), 400, "FAIL_ERROR", job_id)
        refused(c.post(f"/api/v1/jobs/{job_id}/cancel"), 400, "CANCEL_ERROR", job_id)
        refused(c.get(f"/api/v1/jobs/{job_id}"), 404, "NOT_FOUND", job_id)


def test_T17_a_garbage_ack_body_counts_as_none_and_a_garbage_fail_body_is_refused(t):
    c, q = t.client(), t.queue()
    for body in (b"garbage", b"{", b"[1]", b"\xff\xfe", b"", b"   "):
        job_id = c.enqueue(q)
        c.take(q)
        refused(c.post(f"/api/v1/fail/{job_id}", body), 400, "PARSE_ERROR", f"fail {body!r}")
        eq(c.state(job_id), "active")
        like(c.ok("POST", f"/api/v1/ack/{job_id}", body), {"status": "ok"}, f"ack {body!r}")
        eq(c.state(job_id), "completed")


def test_ack_of_a_job_that_is_not_active_is_refused(t):
    c, q = t.client(), t.queue()
    pending = c.enqueue(q)
    later = c.enqueue(q, delay="1h")
    for job_id, state in ((pending, "pending"), (later, "scheduled")):
        refused(c.post(f"/api/v1/ack/{job_id}", {}), 400, "ACK_ERROR", state)
        refused(c.post(f"/api/v1/fail/{job_id}", {"error": "x"}), 400, "FAIL_ERROR", state)
        eq(c.state(job_id), state)


def test_unsupported_fields_of_ack_are_refused(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q)
    fields = {"agent_status": "continue", "step_status": "exit", "hold_reason": "x", "usage": {"input_tokens": 1}}
    for name, value in fields.items():
        body = {"lease_token": job["lease_token"], name: value}
        refused(c.post(f"/api/v1/ack/{job_id}", body), 501, "UNSUPPORTED", name)
        reply = c.post("/api/v1/ack/batch", {"acks": [{"job_id": job_id, **body}]})
        check(reply.code == "UNSUPPORTED" or reply.json()["results"][0]["code"] == "UNSUPPORTED", f"{name}: {reply}")
    eq(c.state(job_id), "active")


def test_ack_batch_answers_for_each_item_in_order(t):
    c, q = t.client(), t.queue()
    ids = [c.enqueue(q) for _ in range(4)]
    jobs = [c.take(q) for _ in range(3)]
    old = jobs[2]
    c.fail(old)
    acks = [{"job_id": ids[0], "lease_token": jobs[0]["lease_token"], "result": 1}, {"job_id": "job_nobody"},
            {"job_id": ids[1]}, {"job_id": ids[3]}, {"job_id": ids[2], "lease_token": old["lease_token"]}]
    reply = c.ok("POST", "/api/v1/ack/batch", {"acks": acks})
    good = {"status": "ok", "state": "completed"}
    like(reply, {"acked": 2, "results": [
        {"job_id": ids[0], **good},
        {"job_id": "job_nobody", "status": "error", "code": "ACK_ERROR", "error": is_text},
        {"job_id": ids[1], **good},
        {"job_id": ids[3], "status": "error", "code": "ACK_ERROR", "error": is_text},
        {"job_id": ids[2], "status": "error", "code": "LEASE_LOST", "error": is_text}]})
    eq([c.state(job_id) for job_id in ids], ["completed", "completed", "retrying", "pending"])
    eq(c.job(ids[0])["result"], 1)


def test_defect_3_the_same_id_twice_in_a_batch_counts_once(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    c.take(q)
    reply = c.ok("POST", "/api/v1/ack/batch", {"acks": [{"job_id": job_id}, {"job_id": job_id}]})
    eq((reply["acked"], reply["results"][1]["code"]), (1, "ACK_ERROR"))
    eq(c.ok("GET", f"/api/v1/queues/{q}")["completed"], 1)


def test_ack_batch_bounds(t):
    c = t.client()
    refused(c.post("/api/v1/ack/batch", {"acks": []}), 400, "VALIDATION_ERROR", "empty")
    refused(c.post("/api/v1/ack/batch", {}), 400, "VALIDATION_ERROR", "missing")
    refused(c.post("/api/v1/ack/batch", {"acks": [{"job_id": "x"}] * 513}), 400, "VALIDATION_ERROR", "513")
    refused(c.post("/api/v1/ack/batch", {"acks": [{"job_id": "x"}, {}]}), 400, "VALIDATION_ERROR", "no id")
    eq(c.ok("POST", "/api/v1/ack/batch", {"acks": [{"job_id": "x"}] * 512})["acked"], 0)


# --- Fail, retries, backoff, dead ------------------------------------------------------------------------------------


def test_fail_answers_when_the_next_attempt_comes_and_records_the_error(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q)
    reply = c.fail(job, "it broke", backtrace="a\nb")
    like(reply, {"status": "retrying", "next_attempt_at": is_time, "attempts_remaining": 2})
    after = c.job(job_id)
    job_like(after, "retrying", id=job_id, queue=q, attempt=1, started_at=is_time, failed_at=is_time,
             scheduled_at=reply["next_attempt_at"],
             errors=[dict(ERROR, id=1, job_id=job_id, attempt=1, error="it broke", backtrace="a\nb")])
    eq(time_ns(reply["next_attempt_at"]) - time_ns(after["failed_at"]), 5 * 10**9, "default backoff")


def backoffs(c, q, tries, **settings):
    """The delays in ms after each of the first failures of a job."""
    job_id = c.enqueue(q, max_retries=tries + 1, **settings)
    found = []
    for _ in range(tries):
        job = c.take(q, wait_ms=10000)
        reply = c.fail(job)
        eq(reply["status"], "retrying")
        due = time_ns(reply["next_attempt_at"]) - time_ns(c.job(job_id)["failed_at"])
        found.append(due / 10**6)
    return found


def test_backoff_grows_as_the_strategy_says_and_stops_at_the_cap(t):
    c = t.client()
    for strategy, want in (("none", [0, 0, 0, 0]), ("fixed", [10] * 4), ("linear", [10, 20, 30, 40]),
                           ("exponential", [10, 20, 40, 80])):
        got = backoffs(c, t.queue(), 4, retry_backoff=strategy, retry_base_delay="10ms")
        eq(got, [float(ms) for ms in want], strategy)
    got = backoffs(c, t.queue(), 4, retry_backoff="exponential", retry_base_delay="10ms", retry_max_delay="25ms")
    eq(got, [10.0, 20.0, 25.0, 25.0], "capped")
    got = backoffs(c, t.queue(), 4, retry_backoff="LINEAR", retry_base_delay="10ms", retry_max_delay="0")
    eq(got, [10.0, 20.0, 30.0, 40.0], "0 is no cap")


def test_a_retry_is_delivered_when_it_is_due_not_before(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, retry_backoff="fixed", retry_base_delay="250ms")
    reply = c.fail(c.take(q))
    eq(c.fetch(q, wait_ms=0), None)
    job = c.take(q, wait_ms=10000)
    eq((job["job_id"], job["attempt"]), (job_id, 2))
    after = c.job(job_id)
    check("scheduled_at" not in after, f"{after}")
    late = time_ns(after["started_at"]) - time_ns(reply["next_attempt_at"])
    check(0 <= late < 500 * 10**6 * SLOW, f"started {late / 1e6} ms after it was due")


def test_T5_max_retries_counts_attempts(t):
    c = t.client()
    for given, tries in ((0, 1), (1, 1), (2, 2), (3, 3)):
        q = t.queue()
        job_id = c.enqueue(q, max_retries=given, retry_backoff="none")
        for attempt in range(1, tries + 1):
            reply = c.fail(c.take(q, wait_ms=10000), f"no {attempt}")
            if attempt < tries:
                like(reply, {"status": "retrying", "next_attempt_at": is_time, "attempts_remaining": tries - attempt})
        like(reply, {"status": "dead", "attempts_remaining": 0}, f"max_retries {given}")
        after = c.job(job_id)
        eq((after["state"], after["attempt"], len(after["errors"])), ("dead", tries, tries))
        eq([(row["id"], row["attempt"], row["error"]) for row in after["errors"]],
           [(n, n, f"no {n}") for n in range(1, tries + 1)])
        eq(c.fetch(q, wait_ms=0), None)


def test_a_dead_job_keeps_its_errors_and_loses_its_lease(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, max_retries=1)
    c.fail(c.take(q, hostname="h"), "the end")
    job_like(c.job(job_id), "dead", id=job_id, queue=q, attempt=1, max_retries=1, started_at=is_time,
             failed_at=is_time, errors=[dict(ERROR, id=1, job_id=job_id, attempt=1, error="the end")])


def test_no_retry_is_dead_at_once(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, max_retries=9)
    like(c.fail(c.take(q), no_retry=True), {"status": "dead", "attempts_remaining": 0})
    eq(c.state(job_id), "dead")


def test_long_errors_are_cut_and_marked(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, retry_backoff="none")
    c.fail(c.take(q), "e" * 20000, backtrace="\u00e9" * 60000)
    row = c.job(job_id)["errors"][0]
    eq((len(row["error"].encode()), row["error"][-1]), (8192, "\u2026"))
    check(65530 < len(row["backtrace"].encode()) <= 65536 and row["backtrace"][-1] == "\u2026",
          f"backtrace of {len(row['backtrace'].encode())} bytes")


def test_the_last_fifty_errors_are_kept(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, max_retries=60, retry_backoff="none")
    for attempt in range(1, 56):
        c.fail(c.take(q, wait_ms=10000), f"no {attempt}")
    eq([row["error"] for row in c.job(job_id)["errors"]], [f"no {n}" for n in range(6, 56)])
