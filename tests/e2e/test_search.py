"""Searches and groups of errors against an independent oracle; what a search refuses; what hostile values do not do."""
import json
import os
import sqlite3
import time

import search_oracle as oracle
from contract import is_int, is_time, like, refused
from harness import SLOW, check, eq, fail, wait_for

SEARCH = "/api/v1/jobs/search"
ERRORS = "/api/v1/errors"
SEED = int(os.environ.get("SEED", "7"))
JOBS = 160
WISHES = 400 if SLOW == 1 else 120


def search(c, wish=None, index=None, status=200):
    """One page, of a view that has got to `index`."""
    path = SEARCH + (f"?min_index={index}&wait_ms=10000" if index else "")
    reply = c.post(path, wish if wish is not None else {})
    check(reply.status == status, f"{wish}: {reply}")
    page = reply.json()
    check(is_int(page.pop("view_lag_ms", 0)), f"{wish}: {reply}")  # There when the machine is busy.
    return page


def ids(found):
    return [job["id"] for job in found["jobs"]]


def index_of(c):
    """The entry that is applied now: what a view must have got to for all that was answered."""
    return int(c.get("/api/v1/queues").headers["x-corvo-index"])


def errors_of(c, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return c.ok("GET", ERRORS + (f"?{text}" if text else ""))


# --- Random jobs -----------------------------------------------------------------------------------------------------


def random_job(chance, queues):
    job = {"queue": chance.choice(queues), "payload": {"n": chance.randint(0, 20)}}
    if chance.random() < 0.3:
        job["payload"] = chance.choice(["a Word", {"text": "it's 100% é", "deep": {"n": 1}}, [1, 2], None, 5])
    if chance.random() < 0.6:
        job["tags"] = {key: chance.choice(["red", "blue", "x", 1, 2.5, True, "%", "a'b", 'q"q', "1"])
                       for key in chance.sample(["team", "n", "it's", "%", "a b", "é"], chance.randint(1, 3))}
    elif chance.random() < 0.2:
        job["tags"] = chance.choice([{"team": None}, ["red"], "red", {"team": {"deep": "red"}}])
    if chance.random() < 0.5:
        job["priority"] = chance.choice(oracle.PRIORITIES)
    if chance.random() < 0.15:
        job["delay"] = "1h"
    if chance.random() < 0.2:
        job["expire_after"] = chance.choice(["1h", "20h"])
    if chance.random() < 0.2:
        job["unique_key"] = f"it's {chance.randint(0, 10**9)}"
    job["max_retries"] = chance.choice([1, 2, 5])
    job["retry_backoff"], job["retry_base_delay"] = chance.choice([("none", None), ("fixed", "1h")])
    return {name: value for name, value in job.items() if value is not None or name == "payload"}


ERROR_TEXTS = ["Disk 7 is full: '/dev/sda'", "disk 12 is full: '/dev/sdb'\nat line 5", "timeout after 1500 ms",
               "can't open \"a b\" of deadbeef01", "no such host é", "100% wrong", "x" * 3000 + " at the END"]


def work(c, chance, job):
    """What becomes of a job that was delivered."""
    what = chance.random()
    if what < 0.35:
        c.ack(job, result={"ok": True})
    elif what < 0.75:
        c.fail(job, chance.choice(ERROR_TEXTS))
    elif what < 0.85:
        c.ok("POST", f"/api/v1/jobs/{job['job_id']}/cancel")
    elif what < 0.9:
        c.ok("POST", f"/api/v1/jobs/{job['job_id']}/hold", {"reason": "look"})


def meddle(c, chance, job_id, queues):
    """An operator does something to a job; whether it can be done does not matter."""
    what = chance.choice(["cancel", "hold", "retry", "move", "approve", "priority"])
    body = {"move": {"queue": chance.choice(queues)}, "priority": {"priority": chance.choice(oracle.PRIORITIES)}}
    c.post(f"/api/v1/jobs/{job_id}/{what}", body.get(what))


def make_jobs(c, chance, queues, count):
    """Random jobs in random states; the ids of those that are left."""
    made = [c.enqueue(**random_job(chance, queues)) for _ in range(count)]
    for _ in range(count):
        job = c.fetch(*queues, worker_id=chance.choice(["w0", "w1", "w'2"]), wait_ms=0)
        if job:
            work(c, chance, job)
    for job_id in chance.sample(made, count // 5):
        meddle(c, chance, job_id, queues)
    gone = set(chance.sample(made, count // 20))
    for job_id in gone:
        c.ok("DELETE", f"/api/v1/jobs/{job_id}")
    return [job_id for job_id in made if job_id not in gone]


def objects(c, made):
    return c.ok("POST", "/api/v1/jobs/bulk-get", {"job_ids": made})["jobs"]


def world(t):
    """A server with random jobs alone, which nobody changes any more: (client, jobs as objects, index)."""
    server = t.server("--query-timeout=60s")
    c = t.client(server)
    if not hasattr(server, "made"):
        server.made = make_jobs(c, oracle.chance_of(SEED), ["mail", "it's", "100%"], JOBS)
    return c, objects(c, server.made), index_of(c)


# --- Against the oracle ----------------------------------------------------------------------------------------------


def all_pages(c, wish, index, limit):
    """The ids of all pages; nothing comes twice and each page is as long as it may be."""
    found, cursor = [], None
    while True:
        page = search(c, {**wish, "limit": limit, **({"cursor": cursor} if cursor else {})}, index)
        found += ids(page)
        check("incomplete" not in page, f"{wish}: {page}")
        if not page["has_more"]:
            check("cursor" not in page, "a cursor to nowhere")
            return found
        eq(len(page["jobs"]), limit, f"jobs of a page of {wish}")
        cursor = page["cursor"]


def compare(c, jobs, wish, index, what):
    want = oracle.search(jobs, wish)
    page = search(c, {**wish, "limit": 1000}, index)
    if ids(page) != want:
        wrong = sorted(set(ids(page)) ^ set(want))
        shown = [job for job in jobs if job["id"] in wrong[:2]]
        fail(f"SEED={SEED} {what}: {json.dumps(wish)} found {len(page['jobs'])}, want {len(want)}; "
             f"{'the order differs' if not wrong else shown}")
    eq((page["total"], page["total_exact"], page["has_more"]), (len(want), True, False), f"{what}: {wish}")


def test_each_filter_alone_finds_what_the_oracle_finds(t):
    c, jobs, index = world(t)
    chance = oracle.chance_of(SEED + 1)
    hits = {}
    for name in sorted(oracle.FILTERS):
        for _ in range(12):
            wish = oracle.random_wish(chance, jobs, [name])
            compare(c, jobs, wish, index, name)
            hits[name] = hits.get(name, 0) + bool(oracle.search(jobs, wish))
    never = {name for name, count in hits.items() if count == 0}
    check(never <= {"batch_id", "parent_id", "chain_id", "chain_step", "schedule_id"},
          f"filters that never found anything: {sorted(never)}")


def test_filters_together_find_what_the_oracle_finds(t):
    c, jobs, index = world(t)
    chance = oracle.chance_of(SEED + 2)
    for number in range(WISHES):
        compare(c, jobs, oracle.random_wish(chance, jobs), index, f"wish {number}")


def test_pages_have_every_job_once_in_every_order(t):
    c, jobs, index = world(t)
    chance = oracle.chance_of(SEED + 3)
    for sort in oracle.SORTS:
        for order in ("asc", "desc"):
            for extra in ({}, {"state": ["pending", "held", "active"]}, {"tags_any": [{"team": "red"}, {"n": 1}]}):
                wish = {"sort": sort, "order": order, **extra}
                got = all_pages(c, wish, index, chance.choice([7, 20, 50]))
                eq(got, oracle.search(jobs, wish), f"{wish}")


def test_pages_lose_and_repeat_nothing_while_jobs_come(t):
    c, q = t.client(), t.queue()
    first = [c.enqueue(q) for _ in range(40)]
    for order in ("desc", "asc"):
        found, cursor, more = [], None, 0
        while True:
            page = search(c, {"queue": q, "order": order, "limit": 3, **({"cursor": cursor} if cursor else {})},
                          index_of(c))
            found += ids(page)
            if not page["has_more"]:
                break
            cursor = page["cursor"]
            if more < 10:
                c.enqueue(q)
                more += 1
        eq(len(found), len(set(found)), "jobs that came twice")
        eq([job_id for job_id in sorted(found) if job_id in set(first)], first, "jobs that were there at the start")


def test_totals_are_bounded_unless_they_are_asked_for(t):
    c, q = t.client(), t.queue()
    for _ in range(2):
        c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": q}] * 5000}, 201)
    page = search(c, {"queue": q, "limit": 1}, index_of(c))
    like(page, {"jobs": list, "total": is_int, "total_exact": lambda value: value in (True, False), "has_more": True,
                "cursor": str, "view_index": is_int, "duration_ms": is_int})
    # Counting that is not asked for ends after a moment, too.
    check(page["total"] == 10000 if page["total_exact"] else 1 <= page["total"] <= 10000, f"{page}")
    c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": q}] * 3}, 201)
    page = search(c, {"queue": q, "limit": 1}, index_of(c))
    eq(page["total_exact"], False)
    check(1 <= page["total"] <= 10000, f"{page}")
    page = search(c, {"queue": q, "limit": 1, "count": "exact"})
    eq((page["total"], page["total_exact"]), (10003, True))
    page = search(c, {"queue": q, "limit": 1, "cursor": page["cursor"], "count": "exact"})
    eq((page["total"], page["total_exact"]), (10003, True))


# --- What there is in a reply ----------------------------------------------------------------------------------------


def test_T10_a_search_that_finds_nothing_has_an_empty_list(t):
    c = t.client()
    for wish in ({"queue": t.queue()}, {"tags": {"no": "job"}}, {"batch_id": "b"}, {"job_id_prefix": "x"}):
        like(search(c, wish), {"jobs": [], "total": 0, "total_exact": True, "has_more": False, "view_index": is_int,
                               "duration_ms": is_int})


def test_T11_a_limit_above_1000_is_1000(t):
    c, q = t.client(), t.queue()
    c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": q}] * 1001}, 201)
    index = index_of(c)
    for limit, count in ((1001, 1000), (5000, 1000), (1000, 1000), (None, 50), (0, 50), (-3, 50), (1, 1)):
        page = search(c, {"queue": q, "limit": limit}, index)
        eq((len(page["jobs"]), page["has_more"]), (count, True), f"jobs of limit {limit}")


def test_a_summary_is_the_job_without_what_is_large(t):
    c, q = t.client(), t.queue()
    c.enqueue(q, payload={"b": 1, "a": [1.50, "x"]}, tags={"k": "v"}, priority="high", max_retries=7)
    job = c.take(q, worker_id="w-1")
    c.heartbeat(**{job["job_id"]: {"lease_token": job["lease_token"], "progress": {"p": 1}, "checkpoint": 3}})
    found = search(c, {"queue": q}, index_of(c))["jobs"]
    like(found, [{"id": job["job_id"], "queue": q, "state": "active", "payload": {"b": 1, "a": [1.5, "x"]},
                  "priority": 1, "attempt": 1, "max_retries": 7, "worker_id": "w-1", "tags": {"k": "v"},
                  "created_at": is_time, "started_at": is_time}])
    c.ok("POST", f"/api/v1/jobs/{job['job_id']}/hold", {"reason": "look at it"})
    found = search(c, {"queue": q, "hold_kind": "api"}, index_of(c))["jobs"][0]
    eq((found["hold_reason"], found["hold"]["kind"], found["state"]), ("look at it", "api", "held"))


def test_a_client_that_just_wrote_finds_it(t):
    c, q = t.client(), t.queue()
    for number in range(1, 30):
        reply = c.post("/api/v1/enqueue", {"queue": q})
        index = int(reply.headers["x-corvo-index"])
        with_index = c.post(f"{SEARCH}?min_index={index}", {"queue": q, "limit": 1000})
        eq(len(with_index.json()["jobs"]), number, "jobs found with min_index")
        check(int(with_index.headers["x-corvo-view-index"]) >= index, f"{with_index.headers}")
        eq(len(search(c, {"queue": q, "limit": 1000})["jobs"]), number, "jobs found without it")
    far = c.post(f"{SEARCH}?min_index={index + 10**6}&wait_ms=20", {"queue": q})
    refused(far, 504, "CONSISTENCY_TIMEOUT")
    far = c.post(SEARCH + "?wait_ms=20", {"queue": q}, headers={"X-Corvo-Min-Index": str(index + 10**6)})
    refused(far, 504, "CONSISTENCY_TIMEOUT")
    eq(len(c.ok("POST", SEARCH + "?consistency=linearizable", {"queue": q, "limit": 1000})["jobs"]), 29)


# --- Refusals --------------------------------------------------------------------------------------------------------


def test_what_a_search_can_not_do_is_told_by_name(t):
    c = t.client()
    for body, status, code, text in (
            ({"payload_jq": ".a == 1"}, 501, "UNSUPPORTED", "payload_jq is not supported"),
            ({"state": ["gone"]}, 400, "VALIDATION_ERROR", "state"),
            ({"state": "dead"}, 400, "PARSE_ERROR", "state must be a list"),
            ({"priority": "urgent"}, 400, "VALIDATION_ERROR", "priority"),
            ({"sort": "payload"}, 400, "VALIDATION_ERROR", "sort"),
            ({"order": "up"}, 400, "VALIDATION_ERROR", "order"),
            ({"count": "all"}, 400, "VALIDATION_ERROR", "count"),
            ({"hold_kind": "me"}, 400, "VALIDATION_ERROR", "hold_kind"),
            ({"created_after": "yesterday"}, 400, "PARSE_ERROR", "created_after must be a time"),
            ({"tags": ["a"]}, 400, "PARSE_ERROR", "tags must be an object"),
            ({"tags": {"a": None}}, 400, "PARSE_ERROR", "tags must be an object"),
            ({"tags": {str(n): "x" for n in range(33)}}, 400, "VALIDATION_ERROR", "more than 32"),
            ({"tags_any": {"a": "b"}}, 400, "PARSE_ERROR", "tags_any must be a list"),
            ({"tags_any": [{}] * 33}, 400, "VALIDATION_ERROR", "tags_any has more than 32"),
            ({"cursor": "x"}, 400, "VALIDATION_ERROR", "cursor"),
            ({"cursor": "eyJvZmZzZXQiOjUwfQ=="}, 400, "VALIDATION_ERROR", "cursor"),
            ({"limit": 1.5}, 400, "PARSE_ERROR", "limit must be a whole number"),
            ({"limit": "5"}, 400, "PARSE_ERROR", "limit must be a whole number"),
            ({"attempt_min": 10**30}, 400, "VALIDATION_ERROR", "attempt_min is out of range"),
            ({"error_fingerprint": "xyz"}, 400, "VALIDATION_ERROR", "error_fingerprint must be 16"),
            ({"queue": "q" * 201}, 400, "VALIDATION_ERROR", "queue"),
            ({"payload_contains": "x" * 5000}, 400, "VALIDATION_ERROR", "payload_contains"),
            ([], 400, "PARSE_ERROR", "object"),
            (b"{", 400, "PARSE_ERROR", ""),
            (b"{}x", 400, "PARSE_ERROR", "")):
        reply = c.post(SEARCH, body)
        refused(reply, status, code)
        check(text in reply.json()["error"], f"{body}: {reply}")
    eq(c.post(SEARCH).status, 200, "a search without a body")


def test_a_cursor_is_of_one_sort_and_order(t):
    c, q = t.client(), t.queue()
    for _ in range(3):
        c.enqueue(q)
    cursor = search(c, {"queue": q, "limit": 1}, index_of(c))["cursor"]
    eq(len(search(c, {"queue": q, "cursor": cursor})["jobs"]), 2)
    refused(c.post(SEARCH, {"queue": q, "cursor": cursor, "order": "asc"}), 400, "VALIDATION_ERROR")
    refused(c.post(SEARCH, {"queue": q, "cursor": cursor, "sort": "priority"}), 400, "VALIDATION_ERROR")


# --- Hostile values --------------------------------------------------------------------------------------------------


def view_file(server):
    """What the view's file is when another program reads it: its tables, and whether it is whole."""
    db = sqlite3.connect(f"file:{server.data_dir}/view/view.sqlite?mode=ro", uri=True)
    try:
        tables = db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        return tables, db.execute("SELECT count(*) FROM jobs").fetchone(), db.execute("PRAGMA integrity_check").fetchall()
    finally:
        db.close()


HOSTILE = ["'", "''", '"', "`", "%", "_", "\\", ";", "--", "/*", "') OR 1=1 --", "'; DROP TABLE jobs; --",
           '"; DELETE FROM jobs; --', "$.a') OR (1=1", "* OR *", "a AND b", "NEAR(a b)", "t:*", "^a", "(", ")", "?1",
           ":a", "@a", "$a", "\u0000", "\ud7ff", "\uffff", "é", "💥", "\n", "\r\n", "\t", "x" * 250, "NULL", "0",
           "-1", "1e999", "terms_0", "jobs", "rowid", "\x1b[31m", "{}", "[]", "null", "true"]


def test_defect_20_search_by_tag_takes_any_job_and_any_key(t):
    c, q = t.client(), t.queue()
    made = {}
    for text in HOSTILE:
        key = text if len(text) <= 64 else text[:64]
        if key and "\u0000" not in key:
            made[text] = c.enqueue(q, tags={key: text})
    without = c.enqueue(q)
    c.ack(c.take(q))
    c.enqueue(q, tags=["no", "object"])
    index = index_of(c)
    for text, job_id in made.items():
        key = text if len(text) <= 64 else text[:64]
        eq(ids(search(c, {"queue": q, "tags": {key: text}}, index)), [job_id], f"jobs with the tag {text!r}")
        eq(ids(search(c, {"queue": q, "tags_any": [{key: text}]})), [job_id], f"jobs with any tag {text!r}")
    check(without not in [job["id"] for job in search(c, {"tags": {"'": "'"}})["jobs"]], "a job without tags")


def test_hostile_values_of_every_filter_are_only_values(t):
    server = t.server()
    c, q = t.client(server), t.queue()
    job_id = c.enqueue(q, payload={"it's": "100%"}, tags={"a": "b"})
    index = index_of(c)
    before = search(c, {"queue": q}, index)["jobs"]
    file_before = view_file(server)
    eq(file_before[2], [("ok",)], "the view's file")
    texts = ["queue", "payload_contains", "error_contains", "error_fingerprint", "unique_key", "batch_id", "worker_id",
             "parent_id", "chain_id", "schedule_id", "job_id_prefix", "cursor", "sort", "order", "count", "hold_kind",
             "created_after", "held_before", "priority"]
    for name in texts:
        for text in HOSTILE:
            reply = c.post(SEARCH, {name: text, "tags": {"a": "b"}})
            check(reply.status in (200, 400), f"{name}={text!r}: {reply}")
            if reply.status == 400:
                check(reply.code in ("VALIDATION_ERROR", "PARSE_ERROR"), f"{name}={text!r}: {reply}")
            elif name in ("queue", "worker_id", "unique_key", "batch_id"):
                eq(reply.json()["jobs"], [], f"{name}={text!r}")
    eq(ids(search(c, {"queue": q, "payload_contains": "100%"})), [job_id])
    eq(ids(search(c, {"queue": q, "payload_contains": "1_0%"})), [])
    eq(search(c, {"queue": q})["jobs"], before, "the jobs afterwards")
    eq(view_file(server), file_before, "the view's file afterwards")
    eq(c.get("/readyz").status, 200)


def test_bodies_that_are_too_much_are_refused_and_others_served(t):
    c, q = t.client(), t.queue()
    job_id = c.enqueue(q)
    index = index_of(c)
    refused(c.post(SEARCH, b'{"payload_contains":"' + b"x" * (10 << 20) + b'"}'), 413, "BODY_TOO_LARGE")
    refused(c.post(SEARCH, b'{"tags":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}"), 400, "PARSE_ERROR")
    refused(c.post(SEARCH, b'{"tags_any":' + b"[" * 100000), 400, "PARSE_ERROR")
    refused(c.post(SEARCH, b'{"state":[' + b'"dead",' * 50000 + b'"dead"]}'), 400, "VALIDATION_ERROR")
    many = {"tags_any": [{f"k{n}": "v" for n in range(32)}] * 32, "queue": q}
    eq(search(c, many)["jobs"], [])
    eq(ids(search(c, {"queue": q}, index)), [job_id])


def test_many_searches_at_once_are_answered_or_refused(t):
    server = t.server("--query-timeout=61s")  # None of them is given up.
    c, q = t.client(server), t.queue()
    c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": q, "payload": {"n": n}} for n in range(3000)]}, 201)
    index = index_of(c)
    search(c, {"queue": q}, index)
    clients = [t.client(server) for _ in range(150)]
    for client in clients:
        client.send("POST", SEARCH, {"queue": q, "payload_contains": "none of them", "count": "exact"})
    statuses = {}
    for client in clients:
        reply = client.receive()
        statuses[reply.status] = statuses.get(reply.status, 0) + 1
        if reply.status == 429:
            refused(reply, 429, "OVERLOADED")
            check(float(reply.headers["retry-after"]) > 0, f"{reply.headers}")
    check(set(statuses) <= {200, 429} and statuses.get(200, 0) >= 32, f"{statuses}")
    gone = [t.client(server) for _ in range(20)]
    for client in gone:
        client.send("POST", SEARCH, {"queue": q, "payload_contains": "none of them", "count": "exact"})
        client.close()
    wait_for("searches again", lambda: c.post(SEARCH, {"queue": q, "limit": 1}).status == 200)


def test_a_search_that_takes_too_long_says_that_it_is_incomplete(t):
    server = t.fresh(f"--query-timeout={20 * SLOW}ms")
    c = t.client(server)
    for _ in range(2):
        c.ok("POST", "/api/v1/enqueue/batch", {"jobs": [{"queue": "q", "payload": "x" * 200}] * 10000}, 201)
    index = index_of(c)
    wait_for("the view", lambda: c.post(f"{SEARCH}?min_index={index}", {"limit": 1}).status == 200)
    wish = {"payload_contains": "not there"}
    seen, cursor = 0, None
    while True:
        reply = c.post(SEARCH, {**wish, **({"cursor": cursor} if cursor else {})})
        if reply.status == 429:
            continue
        page = reply.json()
        eq(page["jobs"], [], "jobs")
        if not page.get("incomplete"):
            break
        eq(page["total_exact"], False)
        check(page["has_more"] and page["cursor"] != cursor, f"{page}")
        cursor, seen = page["cursor"], seen + 1
    check(f"corvo_view_queries_incomplete_total {seen}\n" in c.get("/api/v1/metrics").body.decode(), "the count of them")
    check(seen > 0, "20,000 payloads within 20 ms: nothing was incomplete")


def test_without_a_view_there_is_no_search(t):
    c = t.client(t.fresh("--view=false"))
    refused(c.post(SEARCH, {}), 501, "UNSUPPORTED")
    refused(c.get(ERRORS), 501, "UNSUPPORTED")
    c.enqueue("q")
    c.ack(c.take("q"))


# --- Errors ----------------------------------------------------------------------------------------------------------


def test_errors_are_grouped_by_what_they_have_in_common(t):
    c, jobs, index = world(t)
    c.get(f"{ERRORS}?min_index={index}")
    for queue in (None, "mail", "it%27s", "nowhere"):
        want = oracle.groups(jobs, queue.replace("%27", "'") if queue else None)
        found = errors_of(c, limit=1000, **({"queue": queue} if queue else {}))
        check("incomplete" not in found, f"{found}")
        got = {}
        for group in found["groups"]:
            like(group, {"fingerprint": str, "sample": str, "count": is_int, "first_seen": is_time,
                         "last_seen": is_time, "queues": list, "job_ids": list})
            if len(group["sample"]) < 1000:  # Longer ones are cut.
                eq(oracle.fingerprint(group["sample"]), group["fingerprint"], "the sample's fingerprint")
            check(len(group["job_ids"]) <= 5 and len(group["job_ids"]) == len(set(group["job_ids"])), f"{group}")
            got[group["fingerprint"]] = (group["count"], set(group["queues"]), set(group["job_ids"]))
        eq({key: (row[0], row[1]) for key, row in got.items()}, {key: (row[0], row[1]) for key, row in want.items()},
           f"groups of {queue}")
        check(all(row[2] <= want[key][2] for key, row in got.items()), "jobs of groups")
        counts = [group["count"] for group in found["groups"]]
        eq(counts, sorted(counts, reverse=True), "the most frequent first")


def test_errors_of_a_period_and_their_refusals(t):
    c, q = t.client(), t.queue()
    c.enqueue(q, max_retries=5, retry_backoff="none", retry_base_delay="0s")
    c.fail(c.take(q), "the first")
    wait_for("a second later", lambda: time.time() % 1 > 0)
    index = index_of(c)
    eq(len(c.ok("GET", f"{ERRORS}?queue={q}&min_index={index}")["groups"]), 1)
    eq(errors_of(c, queue=q, period="0s")["groups"], [])
    eq(len(errors_of(c, queue=q, period="1w", limit=0)["groups"]), 1)
    refused(c.get(f"{ERRORS}?period=soon"), 400, "VALIDATION_ERROR")
    refused(c.get(f"{ERRORS}?limit=x"), 400, "VALIDATION_ERROR")
    found = errors_of(c, queue=q)["groups"][0]
    eq(ids(search(c, {"error_fingerprint": found["fingerprint"], "queue": q})), found["job_ids"])
