"""GET /metrics (reference 3.14, A20): the text is well formed, its figures are true, its label sets are closed."""
import re

from harness import check, eq, wait_for

PATH = "/api/v1/metrics"
SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\["\\n])*)"')


def scrape(c):
    """{name: {labels: value}}; every line must make sense."""
    reply = c.get(PATH)
    eq((reply.status, reply.headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
    found, types, helps = {}, {}, {}
    text = reply.body.decode()
    check(text.endswith("\n"), "the last line ends")
    for line in text.splitlines():
        if line.startswith("# "):
            _, kind, name, rest = line.split(" ", 3)
            (helps if kind == "HELP" else types)[name] = rest
            check(kind in ("HELP", "TYPE") and rest, line)
            continue
        match = SAMPLE.fullmatch(line)
        check(match, f"no sample: {line!r}")
        name, labels, value = match.groups()
        family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in types else name
        check(family in types and family in helps, f"{name} has no TYPE or HELP before it")
        key = tuple(sorted(LABEL.findall(labels or "")))
        check(key not in found.setdefault(name, {}), f"twice: {line}")
        found[name][key] = float(value)
    return found, types


def value(found, name, **labels):
    return found[name][tuple(sorted(labels.items()))]


def test_the_figures_are_those_of_other_reads(t):
    server = t.fresh()
    c = t.client(server)
    for _ in range(5):
        c.enqueue("a", payload=1)
    c.enqueue("b", delay="1h")
    c.ack(c.take("a", worker_id="w1"))
    c.fail(c.take("a", worker_id="w2"))
    c.post("/api/v1/queues/b/pause", headers={"Idempotency-Key": "k"})
    c.post("/api/v1/queues/b/pause", headers={"Idempotency-Key": "k"})
    found, types = scrape(c)
    eq([value(found, "corvo_queue_jobs", queue="a", state=state) for state in ("pending", "completed", "retrying")],
       [3.0, 1.0, 1.0])
    eq(value(found, "corvo_jobs", state="scheduled"), 1.0)
    eq([value(found, f"corvo_jobs_{what}_total", queue="a") for what in ("enqueued", "completed", "failed")],
       [5.0, 1.0, 1.0])
    eq([value(found, f"corvo_throughput_{what}_total") for what in ("enqueued", "completed", "failed")], [6.0, 1.0, 1.0])
    eq([value(found, "corvo_queue_paused", queue=queue) for queue in "ab"], [0.0, 1.0])
    eq((value(found, "corvo_idempotency_records"), value(found, "corvo_idempotency_replays_total")), (1.0, 1.0))
    eq((value(found, "corvo_workers_registered"), value(found, "corvo_workers_active")), (2.0, 2.0))
    eq((value(found, "corvo_queues_total"), value(found, "corvo_cluster_is_leader")), (2.0, 1.0))
    eq(value(found, "corvo_raft_applied_index"), float(c.status()["applied_index"]))
    eq(value(found, "corvo_http_requests_total", method="POST", route="/api/v1/enqueue"), 6.0)
    eq(value(found, "corvo_job_wait_seconds_count", queue="a"), 2.0)
    eq(value(found, "corvo_job_wait_seconds_bucket", queue="a", le="+Inf"), 2.0)
    check(all(dict(labels)["queue"] == "a" for labels in found["corvo_job_wait_seconds_count"]), "only of started jobs")
    check(value(found, "process_resident_memory_bytes") > 10**6 and value(found, "process_open_fds") > 5, "the process")
    eq(types["corvo_jobs_enqueued_total"], "counter")


def test_the_runtime_of_the_process(t):
    c = t.client(t.server())
    before = c.ok("GET", "/api/v1/debug/runtime")
    for _ in range(50):
        c.enqueue("runtime")
    after = c.ok("GET", "/api/v1/debug/runtime")
    eq(sorted(after), ["cpu_sys_ns", "cpu_user_ns", "gc_pause_p99_ns", "gomaxprocs", "goroutines", "heap_inuse_bytes",
                       "stack_inuse_bytes"])
    check(after["cpu_user_ns"] + after["cpu_sys_ns"] > before["cpu_user_ns"] + before["cpu_sys_ns"], f"{after}")
    check(after["heap_inuse_bytes"] > 10**6 and after["gomaxprocs"] >= 1, f"{after}")


def test_a_waiting_fetch_is_seen(t):
    c = t.client(t.fresh())
    eq(value(scrape(c)[0], "corvo_waiters"), 0.0)
    waiter = t.client(t.own[-1])
    waiter.send("POST", "/api/v1/fetch", {"queues": ["q"], "wait_ms": 20000})
    wait_for("the fetch to wait", lambda: value(scrape(c)[0], "corvo_waiters") == 1)


def test_histograms_add_up_and_counters_never_fall(t):
    c = t.client(t.server())
    first, types = scrape(c)
    for i in range(20):
        c.enqueue("grow")
        c.get(f"/api/v1/jobs/none-{i}")
    second, _ = scrape(c)
    for name, samples in first.items():
        if types.get(name) == "counter" or name.endswith(("_bucket", "_count")):
            for labels, was in samples.items():
                check(second[name][labels] >= was, f"{name}{labels} fell")
    route = {"method": "GET", "route": "/api/v1/jobs/{job_id}"}
    eq(value(second, "corvo_http_request_errors_total", **route), 20.0)
    name = "corvo_http_request_duration_seconds"
    eq(value(second, f"{name}_bucket", **route, le="+Inf"), value(second, f"{name}_count", **route))
    steps = [count for labels, count in second[f"{name}_bucket"].items()
             if ("route", route["route"]) in labels and ("method", "GET") in labels]
    eq(steps, sorted(steps), "buckets are cumulative")


def test_defect_40_labels_are_closed_and_escaped(t):
    server = t.fresh("--metrics-max-queues", "3")
    c = t.client(server)
    for name in ('a"b', "a\\b", "c", "d", "e"):
        c.enqueue(name)
    for i in range(5):
        c.get(f"/api/v1/jobs/{i}")
        c.get(f"/nowhere/{i}")
    found, _ = scrape(c)
    queues = {dict(labels)["queue"] for labels in found["corvo_queue_jobs"]}
    eq(sorted(queues), sorted(['a\\"b', "a\\\\b", "c", "__other__"]))
    eq(value(found, "corvo_queue_jobs", queue="__other__", state="pending"), 2.0)
    eq(value(found, "corvo_jobs", state="pending"), 5.0)
    document = c.ok("GET", "/openapi.json")
    for labels in found["corvo_http_requests_total"]:
        check(dict(labels)["route"] in document["paths"], f"{labels} is no route")
