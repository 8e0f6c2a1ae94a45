"""The command line against canned answers: what a server of another version, a proxy or a cluster in trouble may say,
and each command's requests and pages without the long way to get a job into that state."""
import base64
import json
import re

from harness import check, eq, short
from shell import HOSTILE, Canned, Terminal, check_harmless, lines_of, refuse, run, screen, turns

API = "/api/v1"
JOB = f"{API}/jobs/job_1"
AT = "2026-11-25T21:45:07.5Z"


# --- Jobs ------------------------------------------------------------------------------------------------------------


def test_why_lists_every_gate(t):
    why = {"job_id": "job_1", "state": "pending", "runnable": False, "index": 8, "at": AT,
           "summary": "rate limit of queue mail: 10 per 60000 ms",
           "gates": [{"gate": "retry_backoff", "text": "attempt 1 failed", "last_error": "no\x1bpaper\nat x", "since": AT},
                     {"gate": "rate_limit", "text": "10 of 10 in the last minute", "until": "2500-01-01T00:00:00Z"},
                     {"gate": "dependencies", "text": "waits for 2 jobs", "unmet": 2,
                      "waiting_for": [{"job_id": "job_7", "state": "active"}, {"job_id": "job_8", "state": "held"}]},
                     {"gate": "from_the_future", "x": 1}],
           "ahead": 41, "estimated_start": "2500-01-01T00:00:00Z", "estimate": True}
    with Canned({f"GET {JOB}/why": why}) as server:
        page = run(server, "why", "job_1").out
        for part in ("job_1 is pending: rate limit of queue mail",
                     "10 of 10 in the last minute, until 2500-01-01 00:00:00Z (in ",
                     "attempt 1 failed, since 2026-11-25 21:45:07Z (", "no\\u001bpaper\n",
                     "waits for 2 jobs", "job_7 is active", "job_8 is held", "from_the_future", "41 jobs in its queue",
                     "an estimate"):
            check(part in page, f"no {part!r} in {page}")
        eq(json.loads(run(server, "why", "job_1", "-o", "json").out), why)


def test_attempts_are_a_table(t):
    attempts = [{"attempt": 1, "started_at": AT, "ended_at": AT, "outcome": "failed", "worker_id": "w1", "hostname": "h",
                 "error": "first line\nsecond line", "duration_ms": 1500},
                {"attempt": 2, "started_at": AT, "outcome": "running", "worker_id": "w2"}]
    with Canned({f"GET {JOB}/attempts": turns({"attempts": attempts}, {"attempts": []})}) as server:
        lines = run(server, "attempts", "job_1").out.splitlines()
        eq(lines[0].split(), ["ATTEMPT", "STARTED", "TOOK", "OUTCOME", "WORKER", "HOST", "ERROR"])
        check(re.search(r"^ +1 +\S+ ago +1.5s +failed +w1 +h +first line$", lines[1]), lines)
        check("running" in lines[2] and len(lines) == 3, lines)
        check("not tried yet" in run(server, "attempts", "job_1").err, "none")


def summary(number, **more):
    return {"id": f"job_{number}", "queue": "mail", "state": "dead", "payload": {"n": number}, "priority": 1, "attempt": 3,
            "max_retries": 3, "created_at": AT, **more}


def pages(request):
    """Two jobs a page, three pages; the cursor is a number."""
    at = int(json.loads(request["body"]).get("cursor", "0"))
    return {"jobs": [summary(at + 1), summary(at + 2)], "total": 6, "has_more": at < 4,
            **({"cursor": str(at + 2)} if at < 4 else {}), "duration_ms": 1}


def test_search_sends_filters_and_pages(t):
    path = f"{API}/jobs/search"
    with Canned({f"POST {path}": pages}) as server:
        found = run(server, "search", "--queue", "mail", "--state", "dead,held", "--tag", "team=a", "--limit", "2",
                    "--sort", "priority", "--order", "asc", "--has-errors", "--attempt-min", "2", "--payload-jq", ".n > 1",
                    "--created-before", "2026-11-25T00:00:00Z")
        eq(server.bodies(path)[0],
           {"queue": "mail", "state": ["dead", "held"], "tags": {"team": "a"}, "limit": 2, "sort": "priority", "order": "asc",
            "has_errors": True, "attempt_min": 2, "payload_jq": ".n > 1", "created_before": "2026-11-25T00:00:00Z"})
        lines = found.out.splitlines()
        eq(lines[0].split(), ["ID", "QUEUE", "STATE", "PRIORITY", "TRIES", "CREATED", "PAYLOAD"])
        check(re.match(r"job_1 +mail +dead +high +3 +\S+ ago +\{\"n\":1\}$", lines[1]) and len(lines) == 3, lines)
        eq(run(server, "search", "--ids").out, "job_1\njob_2\n")
        eq(run(server, "search", "--output-json").out, "job_1\njob_2\n", "the older name")
        eq(run(server, "search", "-q", "--cursor", "2").out, "job_3\njob_4\n")
        eq(run(server, "search", "--all", "--ids").out, "".join(f"job_{n}\n" for n in range(1, 7)))
        eq(run(server, "search", "--all").out.count("PAYLOAD"), 1, "one line of titles")
        replies = run(server, "search", "--all", "-o", "json").out.splitlines()
        eq([json.loads(reply)["jobs"][0]["id"] for reply in replies], ["job_1", "job_3", "job_5"])
        eq(server.bodies(path)[-1], {"limit": 1000, "cursor": "4"})
        foot = lines_of(screen(server, "search"))[-1]
        eq(foot, "2 of 6 shown; more with --all, or --cursor 2")


def test_search_without_a_match(t):
    for jobs in ([], None):  # T10: older servers say null.
        with Canned({f"POST {API}/jobs/search": {"jobs": jobs, "total": 0, "has_more": False}}) as server:
            found = run(server, "search")
            eq((found.out, found.err), ("", "No job matches.\n"))
            found = run(server, "search", "--ids")
            eq((found.out, found.err), ("", ""))
            check("No job is held" in run(server, "held").err, "held")


def test_search_tells_what_it_does_not_know(t):
    reply = {"jobs": [summary(1)], "total": 10000, "total_exact": False, "has_more": True, "cursor": "x", "incomplete": True}
    with Canned({f"POST {API}/jobs/search": reply}) as server:
        lines = lines_of(screen(server, "search"))
        check("ran out of time" in lines[2] and lines[-1].startswith("1 of more than 10000 shown"), lines)
        check("ran out of time" in run(server, "search").err, "also in a pipe")


def test_held_jobs_are_listed(t):
    jobs = [summary(1, state="held", hold={"kind": "policy", "reason": "policy big", "by": "ada", "at": AT}),
            summary(2, state="held", hold_reason="older server")]
    with Canned({f"POST {API}/jobs/search": {"jobs": jobs, "total": 2, "has_more": False}}) as server:
        out = run(server, "held", "--queue", "agents").out
        check("ada" in out and "policy big" in out and "older server" in out, out)
        eq(server.bodies(f"{API}/jobs/search")[0],
           {"state": ["held"], "sort": "created_at", "order": "desc", "queue": "agents", "limit": 100})
        eq(run(server, "held", "-q").out, "job_1\njob_2\n")


def test_each_job_command_sends_its_request(t):
    done = {"status": "done"}
    verbs = ("retry", "move", "priority", "hold", "approve", "reject")
    with Canned({**{f"POST {JOB}/{verb}": done for verb in verbs}, f"DELETE {JOB}": {"status": "deleted"}}) as server:
        for arguments, body in ((["retry", "job_1"], b""), (["move", "job_1", "slow"], {"queue": "slow"}),
                                (["priority", "job_1", "critical"], {"priority": "critical"}),
                                (["hold", "job_1", "--reason", "why"], {"reason": "why"}), (["approve", "job_1"], b""),
                                (["approve", "job_1", "--note", "ok", "--by", "ada"], {"by": "ada", "note": "ok"}),
                                (["reject", "job_1", "--reason", "no"], {"reason": "no"}),
                                (["reject", "job_1", "--revise", "shorter", "--payload", '{"n":2}'],
                                 {"revise": True, "feedback": "shorter", "payload": {"n": 2}}),
                                (["delete", "job_1"], b"")):
            found = run(server, *arguments)
            check(found.out in ("job_1 done\n", "job_1 deleted\n"), found)
            sent = server.asked[-1]["body"]
            eq(json.loads(sent) if sent else sent, body, str(arguments))
        eq(run(server, "delete", "-", stdin=b"job_1\n", env={"NO_COLOR": "1"}).out, "job_1 deleted\n")
        run(server, "move", "job_1", code=2)


def test_an_idempotency_key_is_a_header(t):
    reply = {"job_id": "job_1", "status": "pending", "unique_existing": False}
    with Canned({f"POST {API}/enqueue": (201, reply), f"POST {API}/enqueue/batch": (201, {"job_ids": ["job_1"]})}) as server:
        run(server, "enqueue", "q", "--idempotency-key", "abc", "--api-key", "secret")
        headers = server.asked[-1]["headers"]
        eq((headers["Idempotency-Key"], headers["X-API-Key"]), ("abc", "secret"))
        run(server, "enqueue", "q", "--count", "1001", "--idempotency-key", "abc", env={"CORVO_API_KEY": "other"})
        eq([request["headers"]["Idempotency-Key"] for request in server.asked[-2:]], ["abc-1", "abc-2"])
        eq(server.asked[-1]["headers"]["X-API-Key"], "other")


def test_a_duplicate_says_what_it_duplicates(t):
    reply = {"job_id": "job_1", "status": "duplicate", "unique_existing": True, "state": "active"}
    with Canned({f"POST {API}/enqueue": reply}) as server:
        eq(run(server, "enqueue", "q").out, "job_1 duplicate (active)\n")


def test_an_overloaded_server_is_asked_again_for_a_batch_not_for_one_job(t):
    busy = refuse(429, "OVERLOADED", "too much", retry_after_ms=5)
    with Canned({f"POST {API}/enqueue": busy,
                 f"POST {API}/enqueue/batch": turns(busy, busy, (201, {"job_ids": ["job_1"]}))}) as server:
        found = run(server, "enqueue", "q", code=6)
        check("too much" in found.err and "try again" in found.err, found)
        eq(run(server, "enqueue", "q", "--count", "1").out, "job_1\n")


def test_batches_are_bounded_by_bytes_too(t):
    def reply(request):
        check(len(request["body"]) < (4 << 20) + 4096, "a batch of more than 4 MiB")
        return 201, {"job_ids": ["job_1"] * len(json.loads(request["body"])["jobs"])}

    payload = json.dumps("x" * 1000000).encode()
    with Canned({f"POST {API}/enqueue/batch": reply}) as server:
        eq(run(server, "enqueue", "q", "-", "--count", "9", stdin=payload).out, "job_1\n" * 9)
        eq(len(server.asked), 3, "requests")
        eq(run(server, "enqueue", "q", "-", "--ndjson", stdin=(payload + b"\n") * 9).out, "job_1\n" * 9)
        eq(len(server.asked), 6, "requests")
        run(server, "enqueue", "q", "--count", "100000001", code=2)


def test_a_reply_has_a_limit(t):
    with Canned({f"GET {API}/queues": {}}) as server:
        server.length = (256 << 20) + 1
        found = run(server, "queues", code=7)
        check("larger than 256 MiB" in found.err, found)


def test_a_job_that_vanishes_while_waiting(t):
    with Canned({f"POST {API}/enqueue": (201, {"job_id": "job_1", "status": "pending"}),
                 f"GET {JOB}": turns({"id": "job_1", "state": "pending"}, refuse(404, "NOT_FOUND"))}) as server:
        check("was deleted" in run(server, "enqueue", "q", "--wait", code=9).err, "no word of it")


# --- Queues ----------------------------------------------------------------------------------------------------------

QUEUE = {"name": "mail", "paused": False, "pending": 3, "scheduled": 1, "retrying": 0, "active": 2, "held": 1, "completed": 9,
         "dead": 1, "cancelled": 0}


def harm():
    return Canned({f"GET {API}/queues/mail": QUEUE, f"POST {API}/queues/mail/clear": {"status": "cleared", "cleared": 4},
                   f"DELETE {API}/queues/mail": {"status": "deleted", "deleted": 17}})


def test_what_can_not_be_undone_is_asked_first(t):
    for command, question, answer in (("clear", b"Delete 4 jobs of 'mail' that wait? [y/N] ", "mail cleared, 4 jobs"),
                                      ("destroy", b"Delete 17 jobs of 'mail' in every state, and the queue? [y/N] ",
                                       "mail deleted, 17 jobs")):
        with harm() as server:
            data = Terminal(server, command, "mail").expect(question).send(b"y\n").finish()
            eq(lines_of(data)[-1], answer)
            for reply in (b"n\n", b"\n", b"nonsense\n", b"\x04"):
                asked = len(server.asked)
                data = Terminal(server, command, "mail").expect(question).send(reply).finish(1)
                check(b"Nothing was deleted" in data, data)
                eq(len(server.asked), asked + 1, "only the count was asked for")
            check(b"[y/N]" in Terminal(server, command, "mail").expect(question).send(b"\x03").finish(130), "interrupted")
            for flag in ("--yes", "-y", "--confirm"):
                eq(run(server, command, "mail", flag).out.strip(), answer)
            asked = len(server.asked)
            found = run(server, command, "mail", code=2)
            check("--yes" in found.err and len(server.asked) == asked, found)


def test_drain_waits_for_the_active_jobs(t):
    states = turns(QUEUE, QUEUE, {**QUEUE, "active": 0, "drained": True})
    with Canned({f"POST {API}/queues/mail/drain": {"status": "draining"}, f"GET {API}/queues/mail": states}) as server:
        eq(run(server, "drain", "mail").out, "mail draining\n")
        data = Terminal(server, "drain", "mail", "--wait").expect(b"mail has 2 active jobs").finish()
        eq(lines_of(data), ["mail draining", "mail drained"])
    with Canned({f"POST {API}/queues/mail/drain": {"status": "draining"}, f"GET {API}/queues/mail": QUEUE}) as server:
        found = run(server, "drain", "mail", "--wait", "--wait-timeout", "60ms", code=7)
        check("mail has 2 active jobs" in found.err, found)


def test_numbers_of_queues_are_shown_as_people_say_them(t):
    queue = {**QUEUE, "throughput_1m": 42, "wait_p50_ms": 12, "wait_p99_ms": 90500, "oldest_ready_age_ms": 7384000,
             "draining": True, "rate_limit": 10, "rate_window_ms": 60000, "max_concurrency": 4,
             "retention": {"completed": "1h0m0s", "cancelled": "0s"}, "default_lease": "5m0s", "require_lease_token": True}
    with Canned({f"GET {API}/queues": [queue, QUEUE], f"GET {API}/queues/mail": queue}) as server:
        row = run(server, "queues").out.splitlines()[1].split()
        for part in ("draining", "42", "12ms", "1m30s", "2h3m"):
            check(part in row, f"{part}: {row}")
        page = run(server, "queues", "mail").out
        for line in ("Rate limit +10 in 1m", "At once +4", "Keeps completed +1h0m0s", "Keeps cancelled +0s", "Lease +5m0s",
                     "Needs token +true"):
            check(re.search(rf"(?m)^ *{line}$", page), f"{line}: {page}")
        check("Keeps dead" not in page, page)


# --- The server ------------------------------------------------------------------------------------------------------


def test_workers_and_errors_are_tables(t):
    workers = [{"id": "w1", "hostname": None, "queues": '["mail","slow"]', "last_heartbeat": AT, "started_at": AT, "active": 2,
                "state": "busy"}, {"id": "w2", "hostname": "h", "queues": None, "last_heartbeat": AT, "started_at": AT}]
    groups = [{"fingerprint": "0123456789abcdef", "sample": "no\x1bpaper\nat", "count": 7, "first_seen": AT, "last_seen": AT,
               "queues": ["mail"], "job_ids": ["job_1"]}]
    with Canned({f"GET {API}/workers": workers, f"GET {API}/errors": {"groups": groups}}) as server:
        lines = run(server, "workers").out.splitlines()
        check(re.match(r"w1 +busy +2 +mail,slow ", lines[1]), "T13: queues are JSON in a string: " + lines[1])
        eq(run(server, "workers", "-q").out, "w1\nw2\n")
        lines = run(server, "errors", "--queue", "mail", "--limit", "5").out.splitlines()
        check(re.search(r"^ +7 .*mail +0123456789abcdef +no\\u001bpaper$", lines[1]), lines)
        eq(server.asked[-1]["path"], f"{API}/errors?queue=mail&period=24h&limit=5")


def test_a_cluster_shows_its_members(t):
    status = {"mode": "cluster", "state": "Follower", "status": "degraded", "node_id": "n2", "leader_id": "n1",
              "applied_index": "90", "commit_index": "100", "term": 3, "durable": False, "version": "0.1.0", "view_index": 80,
              "disk": {"free": 1 << 30, "total": 1 << 40, "state": "low"},
              "nodes": [{"id": "n1", "http_addr": "http://n1:8080", "role": "leader", "match_index": 100, "version": "0.1.0"},
                        {"id": "n2", "http_addr": "http://n2:8080", "role": "voter", "match_index": 90,
                         "last_contact_ms": 70000, "version": "0.1.0"}]}
    with Canned({f"GET {API}/cluster/status": status, f"GET {API}/queues": [QUEUE],
                 "GET /readyz": (503, {"status": "not_ready", "reason": "no_quorum"})}) as server:
        page = run(server, "status").out
        check(re.search(r"Not ready +no_quorum\n", page) and re.search(r"^mail +- +3 ", page, re.M), page)
        for part in ("n2 is degraded, follower", "90, 10 behind; term 3", "index 80, 10 behind", "can lose acknowledged work",
                     "low, 1.0 GiB free of 1.0 TiB", "http://n2:8080", "1m10s"):
            check(part in page, f"no {part!r} in {page}")


# --- Refusals --------------------------------------------------------------------------------------------------------


def test_exit_codes_are_those_of_the_contract(t):
    rows = [(400, "VALIDATION_ERROR", 1), (404, "NOT_FOUND", 3), (401, "UNAUTHORIZED", 4), (403, "FORBIDDEN", 4),
            (409, "CONFLICT", 5), (409, "LEASE_LOST", 5), (409, "LIMIT_REACHED", 6), (429, "OVERLOADED", 6),
            (429, "BUDGET_EXCEEDED", 6), (507, "DISK_FULL", 6), (503, "LEADER_UNAVAILABLE", 7), (501, "UNSUPPORTED", 1),
            (429, "RATE_LIMITED", 6), (503, "NOT_LEADER", 7), (504, "CONSISTENCY_TIMEOUT", 7)]
    for status, code, want in rows:
        answer = refuse(status, code, f"because of {code}")
        with Canned({f"POST {API}/queues/mail/pause": answer}) as server:
            found = run(server, "pause", "mail", code=want)
            check(f"because of {code}" in found.err and not found.out, found)
            found = run(server, "pause", "mail", "-o", "json", code=want)
            eq(json.loads(found.err), answer[1])


def test_a_server_without_the_route_is_called_older(t):
    for answer in ({}, {f"GET {JOB}/why": (405, b"")}, {f"GET {JOB}/why": (404, b"404 page not found\n")}):
        with Canned(answer) as server:
            found = run(server, "why", "job_1", code=1)
            check("does not offer 'why'" in found.err and "corvo version" in found.err, found)
    with Canned({f"GET {JOB}/why": refuse(501, "UNSUPPORTED", "not in this build")}) as server:
        check("not in this build" in run(server, "why", "job_1", code=1).err, "501")


def test_a_password_in_the_url_is_sent_and_never_shown(t):
    del t
    info = {"server_version": "9.9.9"}
    with Canned({f"GET {API}/info": info}) as server:
        where = f"127.0.0.1:{server.port}"
        out = run(f"http://ada:secret@{where}", "version").out
        eq(out.splitlines()[1], f"server 9.9.9 at http://{where}")
        eq(server.asked[-1]["headers"]["Authorization"], "Basic " + base64.b64encode(b"ada:secret").decode())
        found = run(f"http://ada:secret@{where}", "why", "job_1", code=1)
        check(f"the server at http://{where} does not offer 'why'" in found.err and "no Corvo" in found.err, found)
    found = run("http://ada:secret@127.0.0.1:1/x@y", "queues", code=7)
    check("secret" not in found.err and "http://127.0.0.1:1/x@y" in found.err, found)


def test_answers_that_are_no_json(t):
    html = b"<html>\x1b[31mBad Gateway\xff</html>"
    with Canned({f"GET {API}/queues": turns((502, html), (502, html), (200, html), (200, b""))}) as server:
        found = run(server, "queues", code=7)
        check("answered 502" in found.err and "Bad Gateway" in found.err and "\x1b" not in found.err, found)
        eq(json.loads(run(server, "queues", "-o", "json", code=7).err)["code"], "HTTP_ERROR")
        run(server, "queues", code=1)
        run(server, "queues", code=1)


def test_denied_and_leaderless_say_what_to_do(t):
    for answer, hint in ((refuse(401, "UNAUTHORIZED"), "CORVO_API_KEY"), (refuse(503, "LEADER_UNAVAILABLE"), "corvo status"),
                         (refuse(503, "STORAGE_FAILED"), "restart")):
        with Canned({f"GET {API}/queues": answer}) as server:
            found = run(server, "queues", code=4 if answer[0] == 401 else 7)
            check(hint in found.err, short(found))


def test_a_hostile_server_can_not_touch_the_terminal(t):
    """Every text of every reply is hostile, also those that a server would never let be."""
    text = HOSTILE
    job = {name: text for name in ("id", "queue", "state", "worker_id", "hostname", "hold_reason", "unique_key", "batch_id",
                                   "retry_backoff", "created_at", text)}
    job.update(payload={text: text}, tags={text: text}, result=text, errors=[{"error": text, "backtrace": text}],
               hold={name: text for name in ("kind", "by", "reason", "at")}, priority=text, attempt=text, agent={text: text})
    queue = {name: text for name in ("name", "pending", "active", "dead", "throughput_1m", "wait_p99_ms", "default_lease")}
    queue["retention"] = {name: text for name in ("completed", "dead", "cancelled")}
    item = {name: text for name in ("id", "hostname", "state", "queues", "sdk", "sample", "fingerprint", "outcome", "error",
                                    "worker_id", "gate", "text", "until", "last_error")}
    why = {"job_id": text, "state": text, "summary": text,
           "gates": [{**item, "holders": [text], "waiting_for": [{"job_id": text, "state": text}]}]}
    status = {**{name: text for name in ("state", "status", "node_id", "leader_id", "cluster_id", "version", "applied_index")},
              "disk": {"state": text}, "nodes": [{"id": text, "role": text, "http_addr": text, "version": text}] * 2}
    found = {"jobs": [job], "total": text, "cursor": text, "has_more": True}
    answers = {f"GET {JOB}": job, f"GET {JOB}/why": why, f"GET {JOB}/attempts": {"attempts": [item]},
               f"POST {API}/jobs/search": found, f"GET {API}/queues": [queue], f"GET {API}/queues/job_1": queue,
               f"GET {API}/workers": [item], f"GET {API}/errors": {"groups": [item]}, f"GET {API}/cluster/status": status,
               f"GET {API}/info": {"server_version": text}, f"POST {JOB}/retry": {"status": text},
               f"POST {API}/queues/job_1/pause": {"status": text}, f"POST {API}/enqueue": {"job_id": text, "status": text},
               f"POST {API}/enqueue/batch": {"job_ids": [text]}, f"POST {JOB}/hold": refuse(400, text, text)}
    with Canned(answers) as server:
        for arguments in (["inspect", "job_1"], ["why", "job_1"], ["attempts", "job_1"], ["search"], ["search", "--ids"],
                          ["held"], ["queues"], ["queues", "-q"], ["queues", "job_1"], ["workers"], ["workers", "-q"],
                          ["errors"], ["status"], ["version"], ["retry", "job_1"], ["pause", "job_1"], ["enqueue", "q"],
                          ["enqueue", "q", "--count", "1"]):
            check_harmless(screen(server, *arguments), f"terminal {arguments}")
            check_harmless(screen(server, *arguments, "-o", "json"), f"terminal {arguments}, JSON")
            found = run(server, *arguments)
            check_harmless((found.out + found.err).encode(), f"pipe {arguments}")
        check_harmless(screen(server, "hold", "job_1", code=1), "a refusal")
        check_harmless(screen(server, "hold", "job_1", "-o", "json", code=1), "a refusal, JSON")
