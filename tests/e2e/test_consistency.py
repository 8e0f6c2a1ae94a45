"""Consistency of reads (A2): min_index, linearizable, their limits, and reading one's own writes."""
import time

from contract import refused
from harness import SLOW, check, eq, wait_for

QUEUES = "/api/v1/queues"


def waiting(c):
    return c.status()["waiting_reads"]


def test_a_read_at_an_index_waits_for_it(t):
    server = t.fresh()
    c, reader = t.client(server), t.client(server)
    index = int(c.post("/api/v1/enqueue", {"queue": "q"}).headers["x-corvo-index"])
    eq(reader.get(f"{QUEUES}?min_index={index}").status, 200, "an index that is there")
    reader.send("GET", f"{QUEUES}?min_index={index + 3}&wait_ms=10000")
    wait_for("the read to wait", lambda: waiting(c) == 1)
    for i in range(3):
        check(not reader.readable(0.02), f"answered at index {index + i}")
        c.post("/api/v1/enqueue", {"queue": "q"})
    reply = reader.receive()
    eq(reply.status, 200)
    check(int(reply.headers["x-corvo-index"]) >= index + 3, f"{reply.headers}")
    eq(reply.json()[0]["pending"], 4)
    eq(waiting(c), 0)


def test_the_header_says_the_same_as_the_query_which_wins(t):
    c = t.client(t.server())
    index = int(c.post("/api/v1/enqueue", {"queue": "header"}).headers["x-corvo-index"])
    eq(c.get(QUEUES, headers={"X-Corvo-Min-Index": str(index)}).status, 200)
    refused(c.get(f"{QUEUES}?wait_ms=0", headers={"X-Corvo-Min-Index": str(index + 10**6)}), 504,
            "CONSISTENCY_TIMEOUT")
    eq(c.get(f"{QUEUES}?min_index={index}&wait_ms=0", headers={"X-Corvo-Min-Index": str(index + 10**6)}).status, 200)


def test_what_does_not_come_in_time_is_504_with_a_hint(t):
    c = t.client(t.server())
    for query, least, most in (("wait_ms=0", 0, 1), ("wait_ms=300", 0.3, 5), ("", 2, 8)):
        began = time.monotonic()
        reply = c.get(f"{QUEUES}?min_index={2**63}&{query}")
        took = time.monotonic() - began
        refused(reply, 504, "CONSISTENCY_TIMEOUT", query)
        check(reply.json()["retry_after_ms"] > 0, f"{reply}")
        # The server's timers go by the kernel's coarse clock, which is up to 4 ms late.
        check(least - 0.02 <= took <= most * SLOW, f"{query}: after {took:.2f} s")


def test_linearizable_reads_see_what_was_acknowledged_and_accepted(t):
    server = t.server()
    writer, reader = t.client(server), t.client(server)
    for i in range(50):
        writer.send("POST", "/api/v1/enqueue", {"queue": "linear"})
        if i % 2:
            eq(writer.receive().status, 201)
        reply = reader.get(f"{QUEUES}/linear?consistency=linearizable")
        if i % 2:
            check(reply.json()["enqueued_total"] >= i + 1, f"after {i + 1} writes: {reply}")
        else:
            writer.receive()
    eq(reader.get(f"{QUEUES}/linear?consistency=local").json()["enqueued_total"], 50)


def test_a_client_that_goes_leaves_no_waiting_read(t):
    server = t.fresh()
    c = t.client(server)
    readers = [t.client(server) for _ in range(20)]
    for reader in readers:
        reader.send("GET", f"{QUEUES}?min_index={2**40}&wait_ms=10000")
    wait_for("20 reads to wait", lambda: waiting(c) == 20)
    for reader in readers:
        reader.close()
    wait_for("nobody to wait", lambda: waiting(c) == 0)


def test_waiting_reads_are_answered_when_the_server_stops(t):
    server = t.fresh()
    c, reader = t.client(server), t.client(server)
    reader.send("GET", f"{QUEUES}?min_index={2**40}&wait_ms=10000")
    wait_for("the read to wait", lambda: waiting(c) == 1)
    c.close()
    began = time.monotonic()
    server.signal(15)
    reply = reader.receive()
    eq((reply.status, reply.code), (503, "SHUTTING_DOWN"))
    eq(server.wait_exit(), 0)
    check(time.monotonic() - began < 5 * SLOW, "the read was waited for")


def test_bad_bounds_are_refused_on_every_read(t):
    c = t.client(t.server())
    for query in ("consistency=eventual", "consistency=", "min_index=x", "min_index=-1", "min_index=1.5", "min_index=",
                  f"min_index={2**64}", "wait_ms=10001", "wait_ms=x", "wait_ms=-1", "wait_ms="):
        for path in (QUEUES, f"{QUEUES}/none", "/api/v1/jobs/job_x", "/api/v1/cluster/status"):
            refused(c.get(f"{path}?{query}"), 400, "VALIDATION_ERROR", f"{path}?{query}")
