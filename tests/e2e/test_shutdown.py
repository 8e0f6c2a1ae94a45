"""An orderly end: waiting polls are answered, requests in flight are finished, nothing that was accepted is lost."""
import signal
import socket
import threading
import time

from contract import durability, refused
from harness import SLOW, Closed, check, eq, note, request_bytes, wait_for

BATCH = "/api/v1/enqueue/batch"


def test_defect_46_sigterm_answers_waiting_polls_at_once(t):
    server = t.fresh()
    c = t.client(server)
    polls = [t.client(server) for _ in range(6)]
    for number, poll in enumerate(polls):
        path = "/api/v1/fetch" if number % 2 else "/api/v1/fetch/batch"
        poll.send("POST", path, {"queues": [f"q{number}"], "wait_ms": 60000})
    wait_for("six waiters", lambda: c.status()["waiters"] == 6)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    for number, poll in enumerate(polls):
        reply = poll.receive()
        eq((reply.status, reply.body), (204, b"") if number % 2 else (200, b'{"jobs":[]}\n'))
    eq(server.wait_exit(), 0, "exit code")
    took = time.monotonic() - began
    note(f"six waiting polls and the end: {took * 1000:.0f} ms")
    check(took < 10 * SLOW, f"{took:.1f} s")


def test_requests_in_flight_are_finished(t):
    server = t.fresh()
    client = t.client(server)
    body = {"jobs": [{"queue": "q", "payload": "x" * 3000}] * 2000}
    data = request_bytes("POST", BATCH, body)
    client.send_raw(data[:-100])
    c = t.client(server)
    wait_for("the server to be there", lambda: c.get("/healthz").status == 200)
    server.signal(signal.SIGTERM)

    def refuses():
        try:
            t.client(server).connect()
            return False
        except OSError:
            return True

    wait_for("new connections to be refused", refuses)
    client.send_raw(data[-100:])
    try:
        reply = client.receive()
    except Closed as closed:
        reply = None
        eq(closed.partial, b"", "a reply that was cut")
    eq(server.wait_exit(), 0, "exit code")
    server.start()
    c = t.client(server)
    count = c.get("/api/v1/queues/q")
    if reply is not None and reply.status == 201:
        eq(count.json()["pending"], 2000, "jobs after the restart")
        eq(reply.headers.get("connection"), "close")
    else:
        if reply is not None:
            refused(reply, 503, "SHUTTING_DOWN")
        check(count.status == 404, f"the answer was {reply}, but something is there: {count}")


def test_everything_acknowledged_during_the_end_is_there_afterwards(t):
    """Clients that go on writing while the server ends: each hears the truth, with every round at another moment."""
    server = t.fresh()
    promised, wrong, lock = [], [], threading.Lock()

    def work(port, number):
        client = server.client()
        client.port = port
        mine = []
        try:
            while True:
                reply = client.post("/api/v1/enqueue", {"queue": f"q{number}"})
                if reply.status == 201:
                    durability(reply)
                    mine.append(reply.json()["job_id"])
                elif reply.status == 503:
                    break
                else:
                    wrong.append(repr(reply))
                    break
        except (Closed, OSError) as error:
            if getattr(error, "partial", b""):
                wrong.append(f"half a reply: {error.partial!r}")
        client.close()
        with lock:
            promised.extend(mine)

    for _ in range(5):
        before = len(promised)
        threads = [threading.Thread(target=work, args=(server.port, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        c = server.client()
        wait_for("load", lambda: int(c.status()["applied_index"]) > before + 50)
        c.close()
        eq(server.stop(), 0, "exit code")
        for thread in threads:
            thread.join()
        eq(wrong, [])
        server.start()
    c = t.client(server)
    missing = [job_id for job_id in promised if c.get(f"/api/v1/jobs/{job_id}").status != 200]
    eq(missing, [], f"of {len(promised)} acknowledged")
    there = sum(queue["pending"] for queue in c.ok("GET", "/api/v1/queues"))
    check(len(promised) <= there <= len(promised) + 20, f"{len(promised)} acknowledged, {there} there")
    note(f"{len(promised)} acknowledged over five orderly ends")


def test_an_orderly_restart_keeps_all(t):
    server = t.fresh()
    c = t.client(server)
    ids = [c.enqueue("q", payload=i, tags={"i": i}) for i in range(50)]
    jobs = [c.take("q", lease_duration=3600) for _ in range(30)]
    for job in jobs[:10]:
        c.ack(job, result=job["payload"])
    for job in jobs[10:20]:
        c.fail(job, retry_backoff="none")
    c.ok("POST", "/api/v1/queues/q/pause")
    before = {job_id: c.job(job_id) for job_id in ids}
    state = c.status(verify=True)
    eq(server.stop(), 0, "exit code")
    server.start()
    c = t.client(server)
    eq({job_id: c.job(job_id) for job_id in ids}, before)
    after = c.status(verify=True)
    eq((after["state_hash"], after["scanned_hash"]), (state["state_hash"], state["state_hash"]))
    eq(c.fetch("q", wait_ms=0), None, "a paused queue")
    c.ack(jobs[25])
    eq(c.state(jobs[25]["job_id"]), "completed")


def test_idle_connections_do_not_hold_up_the_end(t):
    server = t.fresh()
    clients = [t.client(server) for _ in range(50)]
    for client in clients:
        client.get("/healthz")
    t.client(server).connect()  # One that never said anything.
    began = time.monotonic()
    eq(server.stop(), 0, "exit code")
    check(time.monotonic() - began < 5 * SLOW, f"{time.monotonic() - began:.1f} s")


def test_a_client_that_does_not_finish_is_cut_off_after_the_timeout(t):
    server = t.fresh("--shutdown-timeout", "500ms")
    client = t.client(server)
    client.send_raw(request_bytes("POST", "/api/v1/enqueue", {"queue": "q"})[:-4])
    c = t.client(server)
    wait_for("the server to be there", lambda: c.get("/healthz").status == 200)
    began = time.monotonic()
    eq(server.stop(), 0, "exit code")
    took = time.monotonic() - began
    check(took < 5 * SLOW, f"{took:.1f} s")
    check("shutdown-timeout" in server.log() or took < 0.5, f"nothing is said of it:\n{server.log()}")


def slow_reader(t, server, replies):
    """A client with a small window that has asked for so many replies of 250 KB, and has the beginning of one."""
    job_id = t.client(server).enqueue("large", payload="x" * 250000)
    client = t.client(server)
    client.socket = socket.socket()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.socket.settimeout(client.timeout_s)
    client.socket.connect(("127.0.0.1", server.port))
    client.send_raw(request_bytes("GET", f"/api/v1/jobs/{job_id}") * replies)
    wait_for("the beginning of a reply", lambda: client.readable(0.1))
    return client, job_id


def test_a_slow_reader_gets_its_reply_whole_during_the_end(t):
    """What was begun is finished; a request behind it hears that the server ends, or nothing; never half a reply."""
    server = t.fresh("--shutdown-timeout", "60s")
    client, job_id = slow_reader(t, server, 40)
    server.signal(signal.SIGTERM)
    wait_for("the signal to be noticed", lambda: "stopping on SIGTERM" in server.log())
    whole = 0
    try:
        while client.socket is not None:
            reply = client.receive()
            eq((reply.status, reply.json()["id"]), (200, job_id))
            whole += 1
    except Closed as closed:
        eq(closed.partial, b"", "a reply that was cut")
    check(whole >= 1, "no reply came")
    eq(server.wait_exit(), 0, "exit code")
    note(f"{whole} of 40 replies of 250 KB were finished")


def test_a_reader_that_takes_nothing_is_cut_off_after_the_timeout(t):
    server = t.fresh("--shutdown-timeout", "500ms")
    slow_reader(t, server, 40)
    began = time.monotonic()
    eq(server.stop(), 0, "exit code")
    check(time.monotonic() - began < 5 * SLOW, f"{time.monotonic() - began:.1f} s")
    check("shutdown-timeout is over" in server.log(), server.log())


def test_a_second_signal_ends_it_at_once(t):
    server = t.fresh("--shutdown-timeout", "60s")
    client = t.client(server)
    client.send_raw(request_bytes("POST", "/api/v1/enqueue", {"queue": "q"})[:-4])
    c = t.client(server)
    wait_for("the server to be there", lambda: c.get("/healthz").status == 200)
    server.signal(signal.SIGINT)
    wait_for("the first signal to be noticed", lambda: "stopping on SIGINT" in server.log())
    server.signal(signal.SIGTERM)
    eq(server.wait_exit(10 * SLOW), 0, "exit code")


def test_readiness_ends_before_the_server_does(t):
    server = t.fresh("--shutdown-timeout", "20s")
    slow, c = t.client(server), t.client(server)
    slow.send_raw(request_bytes("POST", "/api/v1/enqueue", {"queue": "q"})[:-4])
    c.send_raw(request_bytes("GET", "/readyz")[:-2])
    probe = t.client(server)
    wait_for("the server to be there", lambda: probe.get("/healthz").status == 200)
    server.signal(signal.SIGTERM)
    wait_for("the signal to be noticed", lambda: "stopping on SIGTERM" in server.log())
    c.send_raw(b"\r\n")
    reply = c.receive()
    eq((reply.status, reply.json().get("reason")), (503, "draining"))
    eq(reply.headers.get("connection"), "close")
    slow.close()
    eq(server.wait_exit(), 0, "exit code")
