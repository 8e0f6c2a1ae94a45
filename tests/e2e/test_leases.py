"""Leases, their tokens and heartbeats (A3), cancelling, and work that time does: scheduling and expiry."""
import time

from contract import ERROR, is_job_id, is_time, job_like, like, refused, rfc3339, time_ns
from harness import SLOW, check, eq, short, wait_for


# --- Leases and tokens (A3) ------------------------------------------------------------------------------------------


def released(t, c, **settings):
    """(stale, current): the delivery of a job whose lease ran out, and its next delivery."""
    q = t.queue()
    c.enqueue(q, **settings)
    stale = c.take(q, lease_duration=1)
    current = c.take(q, wait_ms=20000)
    eq((current["job_id"], current["attempt"]), (stale["job_id"], 2))
    return stale, current


def test_A3_each_delivery_has_its_own_token(t):
    c, q = t.client(), t.queue()
    ids = [c.enqueue(q, retry_backoff="none") for _ in range(3)]
    tokens = set()
    for _ in range(3):
        for _ in ids:
            job = c.take(q, wait_ms=10000)
            tokens.add(job["lease_token"])
            if job["attempt"] < 3:
                c.fail(job)
    eq(len(tokens), 9)


def test_A3_defect_7_a_stale_worker_can_not_touch_a_job_that_was_leased_again(t):
    c = t.client()
    stale, current = released(t, c)
    job_id, token = stale["job_id"], stale["lease_token"]
    before = c.job(job_id)
    refused(c.post(f"/api/v1/ack/{job_id}", {"lease_token": token, "result": 1}), 409, "LEASE_LOST", "ack")
    refused(c.post(f"/api/v1/fail/{job_id}", {"lease_token": token, "error": "x"}), 409, "LEASE_LOST", "fail")
    reply = c.heartbeat(**{job_id: {"lease_token": token, "progress": 1, "checkpoint": 1}})
    like(reply["jobs"], {job_id: {"status": "cancel", "reason": "lease_lost"}})
    eq(reply["canceled"], [job_id])
    result = c.ok("POST", "/api/v1/ack/batch", {"acks": [{"job_id": job_id, "lease_token": token}]})
    eq((result["acked"], result["results"][0]["code"]), (0, "LEASE_LOST"))
    eq(c.job(job_id), before, "the job after refused calls")
    c.ack(current)
    eq(c.state(job_id), "completed")


def test_A3_a_repeated_ack_answers_as_the_first_and_changes_nothing(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q)
    first = c.ack(job, result="first")
    before = c.job(job_id)
    eq(c.ack(job, result="second"), first, "replayed ack")
    reply = c.ok("POST", "/api/v1/ack/batch", {"acks": [{"job_id": job_id, "lease_token": job["lease_token"]}]})
    eq(reply["results"], [{"job_id": job_id, "status": "ok", "state": "completed"}])
    eq(c.job(job_id), before, "the job after a replayed ack")
    refused(c.post(f"/api/v1/fail/{job_id}", {"error": "x", "lease_token": job["lease_token"]}), 409, "LEASE_LOST",
            "another verb")


def test_A3_a_repeated_fail_answers_as_the_first_and_changes_nothing(t):
    c, q = t.client(), t.queue()
    for tries, settings in ((1, {"max_retries": 1}), (3, {"retry_backoff": "fixed", "retry_base_delay": "1h"})):
        job_id = c.enqueue(q, **settings)
        job = c.take(q)
        first = c.fail(job)
        before = c.job(job_id)
        eq(c.fail(job, "another text"), first, "replayed fail")
        eq(c.job(job_id), before, f"the job after a replayed fail ({tries})")
        reply = c.post(f"/api/v1/ack/{job_id}", {"lease_token": job["lease_token"]})
        refused(reply, 409, "LEASE_LOST", "another verb")


def test_A3_a_repeated_fail_does_not_touch_the_next_lease(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, retry_backoff="none")
    old = c.take(q)
    first = c.fail(old)
    new = c.take(q, wait_ms=10000)
    before = c.job(job_id)
    eq(c.fail(old), first, "replayed fail")
    refused(c.post(f"/api/v1/ack/{job_id}", {"lease_token": old["lease_token"]}), 409, "LEASE_LOST", "another verb")
    eq(c.job(job_id), before, "the job")
    c.ack(new)


def test_A3_tokens_that_do_not_parse_are_400(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q)
    good = job["lease_token"]
    for token in ("garbage", "x" * 65, "x" * 5000, good + "x", good[:-1], good[1:], "\u00e9", " ", "."):
        body = {"lease_token": token, "error": "x"}
        refused(c.post(f"/api/v1/ack/{job_id}", body), 400, "VALIDATION_ERROR", f"ack {short(token, 40)}")
        refused(c.post(f"/api/v1/fail/{job_id}", body), 400, "VALIDATION_ERROR", f"fail {short(token, 40)}")
        reply = c.post("/api/v1/heartbeat", {"jobs": {job_id: {"lease_token": token}}})
        refused(reply, 400, "VALIDATION_ERROR", f"heartbeat {short(token, 40)}")
    eq(c.state(job_id), "active")


def test_A3_the_token_of_another_job_is_refused(t):
    c, q = t.client(), t.queue()
    first, second = c.enqueue(q), c.enqueue(q)
    one, two = c.take(q), c.take(q)
    for job_id, token in ((first, two["lease_token"]), (second, one["lease_token"])):
        reply = c.post(f"/api/v1/ack/{job_id}", {"lease_token": token})
        check(reply.status in (400, 409) and reply.code in ("VALIDATION_ERROR", "LEASE_LOST"), f"{reply}")
        eq(c.state(job_id), "active")


def test_A3_the_header_carries_the_token_when_the_body_has_none(t):
    c = t.client()
    stale, current = released(t, c)
    job_id = stale["job_id"]
    old, new = ({"X-Corvo-Lease-Token": job["lease_token"]} for job in (stale, current))
    refused(c.post(f"/api/v1/ack/{job_id}", headers=old), 409, "LEASE_LOST", "ack, no body")
    refused(c.post(f"/api/v1/ack/{job_id}", {"result": 1}, headers=old), 409, "LEASE_LOST", "ack")
    refused(c.post(f"/api/v1/fail/{job_id}", {"error": "x"}, headers=old), 409, "LEASE_LOST", "fail")
    refused(c.post(f"/api/v1/ack/{job_id}", headers={"X-Corvo-Lease-Token": "?"}), 400, "VALIDATION_ERROR", "garbage")
    refused(c.post(f"/api/v1/ack/{job_id}", {"lease_token": stale["lease_token"]}, headers=new), 409, "LEASE_LOST",
            "the body wins")
    like(c.ok("POST", f"/api/v1/ack/{job_id}", headers=new), {"status": "ok"})
    eq(c.state(job_id), "completed")


def test_A3_cancel_ends_the_epoch(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q)
    c.ok("POST", f"/api/v1/jobs/{job_id}/cancel")
    refused(c.post(f"/api/v1/ack/{job_id}", {"lease_token": job["lease_token"]}), 409, "LEASE_LOST", "ack")
    reply = c.post(f"/api/v1/fail/{job_id}", {"error": "x", "lease_token": job["lease_token"]})
    refused(reply, 409, "LEASE_LOST", "fail")
    refused(c.post(f"/api/v1/ack/{job_id}"), 400, "ACK_ERROR", "ack without a token")
    eq(c.state(job_id), "cancelled")


def test_A3_a_lost_lease_is_recorded_and_the_job_is_pending_again(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    leased = c.take(q, lease_duration=1, hostname="h")
    wait_for("the reclaim", lambda: c.state(job_id) == "pending")
    after = c.job(job_id)
    job_like(after, "pending", id=job_id, queue=q, attempt=1, started_at=is_time,
             errors=[dict(ERROR, id=1, job_id=job_id, attempt=1, error="lease expired", kind="lease_expired")],
             **({"failed_at": is_time} if "failed_at" in after else {}))
    late = time_ns(after["errors"][0]["created_at"]) - time_ns(leased["lease_expires_at"])
    check(0 <= late < 10**9 * SLOW, f"reclaimed {late / 1e6} ms after the lease ended")
    c.ack(c.take(q))


def test_defect_7_a_job_that_keeps_losing_its_worker_dies(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, max_retries=2)
    c.take(q, lease_duration=1)
    c.take(q, lease_duration=1, wait_ms=20000)
    wait_for("the end of the second lease", lambda: c.state(job_id) == "dead")
    eq([row["kind"] for row in c.job(job_id)["errors"]], ["lease_expired"] * 2)
    eq(c.fetch(q, wait_ms=0), None)


# --- Heartbeat -------------------------------------------------------------------------------------------------------


def test_heartbeat_answers_for_each_job_and_in_the_three_arrays(t):
    c, q = t.client(), t.queue()
    active, cancelled, completed, dead, pending = (c.enqueue(q, max_retries=1) for _ in range(5))
    jobs = {job["job_id"]: job for job in (c.take(q) for _ in range(4))}
    c.ok("POST", f"/api/v1/jobs/{cancelled}/cancel")
    c.ack(jobs[completed])
    c.fail(jobs[dead])
    nobody = "job_0000000000000000000000000f"
    ids = [active, cancelled, nobody, completed, dead, pending]
    reply = c.heartbeat(**{job_id: {} for job_id in ids})
    like(reply, {
        "jobs": {active: {"status": "ok", "lease_expires_at": is_time},
                 **{job_id: {"status": "cancel", "reason": reason} for job_id, reason in (
                     (cancelled, "cancelled"), (nobody, "unknown"), (completed, "completed"), (dead, "dead"),
                     (pending, "pending"))}},
        "acked": [active], "unknown": [nobody], "canceled": [cancelled, completed, dead, pending]})
    eq(list(reply["jobs"]), ids, "order")
    eq([c.state(job_id) for job_id in (pending, dead)], ["pending", "dead"])


def test_heartbeat_of_nothing_answers_nothing(t):
    c = t.client()
    for body in ({"jobs": {}}, {}):
        eq(c.ok("POST", "/api/v1/heartbeat", body), {"jobs": {}, "acked": [], "unknown": [], "canceled": []})


def test_T18_an_unknown_job_is_told_to_stop(t):
    reply = t.client().heartbeat(nobody={})
    eq(reply["jobs"], {"nobody": {"status": "cancel", "reason": "unknown"}})
    eq(reply["unknown"], ["nobody"])


def test_defect_16_heartbeat_does_not_shorten_a_lease(t):
    c, q = t.client(), t.queue()
    for lease in (300, 20):
        job_id = c.enqueue(q)
        job = c.take(q, lease_duration=lease)
        reply = c.heartbeat(**{job_id: {"lease_token": job["lease_token"]}})["jobs"][job_id]
        gained = time_ns(reply["lease_expires_at"]) - time_ns(job["lease_expires_at"])
        check(0 <= gained < 5 * 10**9 * SLOW, f"lease of {lease} s: extended by {gained / 1e9} s")
        eq(c.job(job_id)["lease_expires_at"], reply["lease_expires_at"])


def test_heartbeat_keeps_a_job_alive_beyond_its_first_lease(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    job = c.take(q, lease_duration=2)
    first_end = time_ns(job["lease_expires_at"])

    def beat():
        reply = c.heartbeat(**{job_id: {"lease_token": job["lease_token"]}})["jobs"][job_id]
        eq(reply["status"], "ok")
        return time_ns(reply["lease_expires_at"]) > first_end + 2300 * 10**6

    wait_for("the first lease to be over", beat, pause_s=0.05)
    job_now = c.job(job_id)
    eq((job_now["state"], job_now["attempt"]), ("active", 1))
    c.ack(job)


def test_T28_progress_and_checkpoint_of_any_form_are_kept(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, retry_backoff="none", max_retries=50)
    for value in (50, "half", [1, 2], {"b": 1, "a": 2}, True, None):
        job = c.take(q, wait_ms=10000)
        c.heartbeat(**{job_id: {"progress": value, "checkpoint": value}})
        now = c.job(job_id)
        check("progress" in now and "checkpoint" in now, f"{value!r} is not there: {now}")
        eq((now["progress"], now["checkpoint"]), (value, value))
        c.fail(job)
    again = c.take(q, wait_ms=10000)
    check("checkpoint" in again, f"the last checkpoint is not delivered: {again}")
    eq(again["checkpoint"], None)


def test_a_heartbeat_without_progress_leaves_the_last_one(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, checkpoint="start", retry_backoff="none")
    eq(c.take(q)["checkpoint"], "start")
    c.heartbeat(**{job_id: {"progress": 1, "checkpoint": "middle"}})
    c.heartbeat(**{job_id: {}})
    now = c.job(job_id)
    eq((now["progress"], now["checkpoint"]), (1, "middle"))
    c.ok("POST", f"/api/v1/fail/{job_id}", {"error": "x"})
    eq(c.take(q, wait_ms=10000)["checkpoint"], "middle")


# --- Cancel ----------------------------------------------------------------------------------------------------------


def test_cancel_of_waiting_jobs(t):
    c, q = t.client(), t.queue()
    retrying = c.enqueue(q)
    c.fail(c.take(q))
    pending, scheduled = c.enqueue(q), c.enqueue(q, delay="1h")
    for job_id in (pending, scheduled, retrying):
        like(c.ok("POST", f"/api/v1/jobs/{job_id}/cancel"), {"status": "cancelled"})
        eq(c.state(job_id), "cancelled")
        refused(c.post(f"/api/v1/jobs/{job_id}/cancel"), 400, "CANCEL_ERROR", "twice")
    eq(c.fetch(q, wait_ms=0), None)
    job_like(c.job(pending), "cancelled", id=pending, queue=q,
             **{key: is_time for key in ("completed_at", "failed_at") if key in c.job(pending)})


def test_T7_cancel_of_an_active_job_answers_cancelling_but_is_final(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    c.take(q, worker_id="w-9", hostname="h-9")
    like(c.ok("POST", f"/api/v1/jobs/{job_id}/cancel"), {"status": "cancelling"})
    after = c.job(job_id)
    eq((after["state"], after.get("worker_id"), after.get("hostname")), ("cancelled", "w-9", "h-9"))
    eq(c.heartbeat(**{job_id: {}})["jobs"][job_id], {"status": "cancel", "reason": "cancelled"})
    eq(c.fetch(q, wait_ms=0), None)


def test_cancel_of_finished_jobs_is_refused(t):
    c, q = t.client(), t.queue()
    done, dead = c.enqueue(q), c.enqueue(q, max_retries=1)
    c.ack(c.take(q))
    c.fail(c.take(q))
    for job_id, state in ((done, "completed"), (dead, "dead")):
        refused(c.post(f"/api/v1/jobs/{job_id}/cancel"), 400, "CANCEL_ERROR", state)
        eq(c.state(job_id), state)


# --- Time: scheduling and expiry -------------------------------------------------------------------------------------


def test_scheduled_at_and_delay_hold_a_job_back_until_they_are_due(t):
    c = t.client()
    for how in ("delay", "scheduled_at"):
        q = t.queue()
        wanted = {"delay": "300ms"} if how == "delay" else {"scheduled_at": rfc3339(time.time_ns() + 300 * 10**6)}
        reply = c.ok("POST", "/api/v1/enqueue", {"queue": q, **wanted}, 201)
        like(reply, {"job_id": is_job_id, "status": "scheduled", "unique_existing": False})
        before = c.job(reply["job_id"])
        job_like(before, "scheduled", id=reply["job_id"], queue=q, scheduled_at=is_time)
        eq(c.fetch(q, wait_ms=0), None)
        job = c.take(q, wait_ms=10000)
        eq(job["job_id"], reply["job_id"])
        after = c.job(job["job_id"])
        late = time_ns(after["started_at"]) - time_ns(before["scheduled_at"])
        check(0 <= late < 500 * 10**6 * SLOW, f"{how}: started {late / 1e6} ms after it was due")


def test_T6_a_time_in_the_past_is_scheduled_and_promoted_at_once(t):
    c, q = t.client(), t.queue()
    reply = c.ok("POST", "/api/v1/enqueue", {"queue": q, "scheduled_at": "2001-02-03T04:05:06Z"}, 201)
    eq(reply["status"], "scheduled")
    eq(c.take(q, wait_ms=10000)["job_id"], reply["job_id"])


def test_scheduled_at_takes_offsets_and_refuses_what_is_no_time(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, scheduled_at="2099-06-01T12:00:00.123456789+02:00")
    eq(c.job(job_id)["scheduled_at"], "2099-06-01T10:00:00.123456789Z")
    job_id = c.enqueue(q, scheduled_at="2099-06-01T12:00:00.5Z")
    eq(c.job(job_id)["scheduled_at"], "2099-06-01T12:00:00.5Z")
    for wrong in ("tomorrow", "2099-06-01", "2099-06-01T12:00:00", "2099-13-01T12:00:00Z", "2099-02-30T12:00:00Z", ""):
        refused(c.post("/api/v1/enqueue", {"queue": q, "scheduled_at": wrong}), 400, "PARSE_ERROR", f"{wrong!r}")
    reply = c.post("/api/v1/enqueue", {"queue": q, "scheduled_at": "2099-06-01T12:00:00Z", "delay": "1s"})
    refused(reply, 400, "VALIDATION_ERROR", "both")


def test_scheduled_jobs_come_in_the_order_of_their_times(t):
    c, q = t.client(), t.queue()
    now = time.time_ns() + 100 * 10**6
    ids = [c.enqueue(q, scheduled_at=rfc3339(now + offset * 10**6)) for offset in (90, 30, 60)]
    got = [c.take(q, wait_ms=10000)["job_id"] for _ in ids]
    eq(got, [ids[1], ids[2], ids[0]])


def test_expire_after_ends_jobs_that_nobody_took(t):
    c, q = t.client(), t.queue()
    c.ok("POST", f"/api/v1/queues/{q}/pause")
    waiting = c.enqueue(q, expire_after="80ms")
    scheduled = c.enqueue(q, expire_after="80ms", delay="1h")
    for job_id in (waiting, scheduled):
        wait_for("the expiry", lambda: c.state(job_id) == "dead")
        after = c.job(job_id)
        eq([(row["error"], row["attempt"]) for row in after["errors"]], [("job expired", 0)])
        check("failed_at" in after, f"{after}")
        late = time_ns(after["failed_at"]) - time_ns(after["expire_at"])
        check(0 <= late < 500 * 10**6 * SLOW, f"expired {late / 1e6} ms late")
    c.ok("POST", f"/api/v1/queues/{q}/resume")
    eq(c.fetch(q, wait_ms=0), None)


def test_an_active_job_does_not_expire_but_its_retry_does(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q, expire_after="150ms", retry_backoff="fixed", retry_base_delay="1h")
    job = c.take(q)
    end = time_ns(c.job(job_id)["expire_at"])
    wait_for("its time to be over", lambda: time.time_ns() > end + 300 * 10**6)
    eq(c.state(job_id), "active")
    c.fail(job)
    wait_for("the expiry", lambda: c.state(job_id) == "dead")
    eq([row["error"] for row in c.job(job_id)["errors"]], ["boom", "job expired"])


def test_defect_18_an_expired_job_is_never_handed_out(t):
    c, q = t.client(), t.queue()
    ids = [c.enqueue(q, expire_after="1ms") for _ in range(50)]
    job = c.fetch(q, wait_ms=0)
    if job:
        now = c.job(job["job_id"])
        check(time_ns(now["started_at"]) < time_ns(now["expire_at"]), f"handed out after its end: {now}")
    wait_for("the expiry", lambda: all(c.state(job_id) in ("dead", "active") for job_id in ids))
