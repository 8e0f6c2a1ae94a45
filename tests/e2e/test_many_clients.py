"""Many clients, slow ones and greedy ones: whoever behaves is served meanwhile, and soon."""
import gzip
import json
import os
import re
import resource
import select
import signal
import socket
import time

from certificates import Authority
from harness import SLOW, Closed, check, eq, note, request_bytes, wait_for
from test_hostile import NOBODY

ENQUEUE = "/api/v1/enqueue"
GOOD = {"queue": "q"}
IDLE = 10000 if SLOW == 1 else 2000
IDLE_TLS = 1000 if SLOW == 1 else 200
PLAIN_KB_MAX = 3 * SLOW
POLL_KB_MAX = 12 * SLOW
TLS_KB_MAX = 40 * SLOW
# What a handshake gave back is not what its connection holds: the sanitizer must not keep it.
FREED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
# The machine has few cores and the tests share them: these are not what the server can do, but what nobody may exceed.
USUAL_MS = 20 * SLOW
WORST_MS = 250 * SLOW


def allow_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    check(hard >= count, f"this test needs {count} open files, the system allows {hard}: raise ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def resident_kb(server):
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10


class Crowd:
    """Connections that are nothing but sockets."""

    def __init__(self, port, tls=None):
        self.port = port
        self.tls = tls
        self.sockets = []

    def add(self, data=b"", receive_buffer=None):
        one = socket.socket()
        if receive_buffer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        one.settimeout(20 * SLOW)
        one.connect(("127.0.0.1", self.port))
        if self.tls:
            one = self.tls.wrap_socket(one, server_hostname="localhost")
        if data:
            one.sendall(data)
        self.sockets.append(one)
        return one

    def ready(self):
        """One that has something to read."""
        poll = select.poll()
        for one in self.sockets:
            poll.register(one, select.POLLIN)
        found = [number for number, _ in poll.poll(20000 * SLOW)]
        check(found, "nobody has anything to read")
        return next(one for one in self.sockets if one.fileno() == found[0])

    def close(self):
        for one in self.sockets:
            one.close()
        self.sockets = []

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()


def served(server, count=200):
    """Milliseconds that writes of a client take meanwhile, in order; each must succeed."""
    client = server.client()
    took = []
    for _ in range(count):
        began = time.monotonic()
        eq(client.post(ENQUEUE, GOOD).status, 201, "a client that behaves")
        took.append((time.monotonic() - began) * 1000)
    client.close()
    return sorted(took)


def check_served(server, what):
    took = served(server)
    half, worst = took[len(took) // 2], took[-2]
    note(f"{what}: a write takes {half:.1f} ms, the slowest {worst:.1f} ms")
    check(half < USUAL_MS and worst < WORST_MS, f"{what}: {half:.1f} ms, the slowest {worst:.1f} ms")


def test_ten_thousand_idle_connections_disturb_nobody(t):
    allow_files(IDLE + 500)
    server = t.fresh("--idle-timeout", "10m")
    check_served(server, "nobody else is there")
    before = resident_kb(server)
    with Crowd(server.port) as crowd:
        for _ in range(IDLE):
            one = crowd.add(request_bytes("GET", "/healthz"))
            check(one.recv(4096).startswith(b"HTTP/1.1 200"), "a reply")
        each = (resident_kb(server) - before) / IDLE
        note(f"{IDLE} idle connections: {each:.2f} KB each")
        check(each < PLAIN_KB_MAX, f"{each:.2f} KB a connection")
        check_served(server, f"{IDLE} idle connections")
        for one in crowd.sockets[::1000]:
            one.sendall(request_bytes("GET", "/readyz"))
            check(one.recv(4096).startswith(b"HTTP/1.1 200"), "an idle one that wakes up")
    check_served(server, "after they have gone")


def test_ten_thousand_waiting_polls_disturb_nobody(t):
    allow_files(IDLE + 500)
    server = t.fresh()
    c = t.client(server)
    served(server)
    before = resident_kb(server)
    with Crowd(server.port) as crowd:
        for number in range(IDLE):
            crowd.add(request_bytes("POST", "/api/v1/fetch", {"queues": [f"q{number % 100}"], "worker_id": f"w{number}",
                                                              "hostname": "host", "wait_ms": 60000}))
        wait_for("all to wait", lambda: c.status()["waiters"] == IDLE, 60)
        each = (resident_kb(server) - before) / IDLE
        note(f"{IDLE} waiting polls: {each:.2f} KB each")
        check(each < POLL_KB_MAX, f"{each:.2f} KB a poll")
        check_served(server, f"{IDLE} waiting polls")
        job_id = c.enqueue("q7")
        one = crowd.ready()
        check(job_id.encode() in one.recv(4096), "the job")
        crowd.sockets.remove(one)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        answered = sum(one.recv(4096).startswith(b"HTTP/1.1 204") for one in crowd.sockets)
        eq(answered, IDLE - 1, "polls that are answered at the end")
        eq(server.wait_exit(), 0, "exit code")
        note(f"all answered and the end: {(time.monotonic() - began) * 1000:.0f} ms")


def test_a_thousand_idle_tls_connections(t):
    authority = Authority(t.directory("certificates"))
    cert, key = authority.pair("server")
    server = t.fresh("--tls-cert", cert, "--tls-key", key, "--idle-timeout", "10m", tls=authority.context(), env=FREED)
    allow_files(IDLE_TLS + 500)
    served(server)
    before = resident_kb(server)
    with Crowd(server.port, server.tls) as crowd:
        for _ in range(IDLE_TLS):
            one = crowd.add(request_bytes("GET", "/healthz"))
            check(one.recv(4096).startswith(b"HTTP/1.1 200"), "a reply")
        each = (resident_kb(server) - before) / IDLE_TLS
        note(f"{IDLE_TLS} idle TLS connections: {each:.1f} KB each")
        check(each < TLS_KB_MAX, f"{each:.1f} KB a connection")
        check_served(server, f"{IDLE_TLS} idle TLS connections")


def test_slow_heads_bodies_and_readers_disturb_nobody(t):
    server = t.fresh("--request-timeout", f"{60 * SLOW}s")
    allow_files(1500)
    c = t.client(server)
    job_id = c.enqueue("large", payload="x" * 250000)
    with Crowd(server.port) as crowd:
        heads = [crowd.add(b"POST /api/v1/enqueue HTTP/1.1\r\nHost: x\r\nX: ") for _ in range(300)]
        bodies = [crowd.add(request_bytes("POST", ENQUEUE, GOOD)[:-5]) for _ in range(300)]
        deaf = [crowd.add(request_bytes("GET", f"/api/v1/jobs/{job_id}") * 20, 4096) for _ in range(100)]
        greedy = [crowd.add(request_bytes("GET", "/healthz") * 400) for _ in range(20)]

        def drip(one):
            one.sendall(b"x")

        def dripping():
            for one in heads:
                drip(one)
            return True

        dripping()
        check_served(server, "300 slow heads, 300 slow bodies, 100 slow readers, 20 greedy ones")
        for one in heads[:10]:
            one.sendall(b"\r\nContent-Length: 13\r\n\r\n{\"queue\":\"q\"}")
            check(one.recv(4096).startswith(b"HTTP/1.1 201"), "a slow head in the end")
        for one in bodies[:10]:
            one.sendall(request_bytes("POST", ENQUEUE, GOOD)[-5:])
            check(one.recv(4096).startswith(b"HTTP/1.1 201"), "a slow body in the end")
        for one in deaf[:10]:
            check(one.recv(4096).startswith(b"HTTP/1.1 200"), "a slow reader")
        for one in greedy:
            text = b""
            while text.count(b"HTTP/1.1 200 OK") < 400:
                more = one.recv(1 << 16)
                check(more, "the end before 400 replies")
                text += more


def test_a_flood_of_connections_is_turned_away(t):
    server = t.fresh("--max-connections", "100")
    allow_files(3000)
    c = t.client(server)
    c.post(ENQUEUE, GOOD)
    with Crowd(server.port) as crowd:
        for _ in range(2000):
            crowd.add()
        for _ in range(50):
            eq(c.post(ENQUEUE, GOOD).status, 201, "a client that was there before")
        heard = 0
        for one in crowd.sockets:
            one.setblocking(False)
            try:
                heard += one.recv(4096).startswith(b"HTTP/1.1 503")
            except OSError:
                pass  # Served, or turned away without a word.
        check(heard >= 50, f"only {heard} of 1,900 were told why")
    wait_for("room again", lambda: serves(server))


def serves(server):
    client = server.client()
    try:
        return client.get("/healthz").status == 200
    except Closed:
        return False
    finally:
        client.close()


def test_a_flood_beyond_the_file_limit_leaves_the_store_its_files(t):
    server = t.fresh("--max-connections", "5000", wrap=("prlimit", "--nofile=700:700"))
    allow_files(3000)
    check("max-connections is 380, not 5000: this process may open only 700 files" in server.log(), server.log())
    c = t.client(server)
    c.post(ENQUEUE, GOOD)
    with Crowd(server.port) as crowd:
        for _ in range(1500):
            crowd.add()
        for _ in range(100):
            eq(c.post(ENQUEUE, {"queue": "q", "payload": "x" * 100000}).status, 201, "a write meanwhile")
            files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
            check(files < 700 - 128, f"{files} of 700 files are open")
    wait_for("room again", lambda: serves(server))
    eq(server.stop(), 0, "exit code")
    server.start()
    eq(t.client(server).ok("GET", "/api/v1/queues/q")["pending"], 101, "jobs after a restart")


def test_memory_of_all_requests_is_bounded(t):
    server = t.fresh("--max-http-memory", "16MiB")
    c = t.client(server)
    large = request_bytes("POST", ENQUEUE, {"queue": "q", "payload": "x" * 6000000})
    with Crowd(server.port) as crowd:
        holder = crowd.add(large[:-1000])

        def refused():
            client = server.client()
            try:
                client.send_raw(large[:-1000])
                return client.receive()
            except Closed:
                return None
            finally:
                client.close()

        wait_for("the first to hold its bytes", lambda: c.get("/healthz").status == 200)
        reply = wait_for("a second one to be refused", refused, 20)
        eq((reply.status, reply.code), (503, "OVERLOADED"))
        check(float(reply.headers["retry-after"]) > 0 and reply.json()["retry_after_ms"] > 0, f"{reply.headers}")
        check_served(server, "large requests hold all the memory")
        holder.sendall(large[-1000:])
        check(b"PAYLOAD_TOO_LARGE" in holder.recv(4096), "the first one in the end")
    wait_for("room again", lambda: (c.post(ENQUEUE, {"queue": "q", "payload": "x" * 6000000}).status == 413))


# --- Compression -----------------------------------------------------------------------------------------------------


def test_large_replies_come_in_gzip_for_who_asks(t):
    server = t.server()
    c = t.client(server)
    plain = c.get("/openapi.json")
    check(len(plain.body) > 5000 and "content-encoding" not in plain.headers, f"{plain.headers}")
    eq(plain.headers.get("vary"), "Accept-Encoding")
    for accept in ("gzip", "br;q=1, gzip;q=0.5", "*"):
        packed = c.get("/openapi.json", headers={"Accept-Encoding": accept})
        eq(packed.headers.get("content-encoding"), "gzip", accept)
        eq(gzip.decompress(packed.body), plain.body)
        check(len(packed.body) * 4 < len(plain.body), f"{len(packed.body)} of {len(plain.body)}")
        head = c.request("HEAD", "/openapi.json", headers={"Accept-Encoding": accept})
        eq(head.headers.get("content-length"), packed.headers.get("content-length"), "HEAD's length")
        eq(head.headers.get("content-encoding"), "gzip")
    for accept in ("gzip;q=0", "identity", "br", "gzip;q=0, *"):
        eq(c.get("/openapi.json", headers={"Accept-Encoding": accept}).body, plain.body, accept)
    check("content-encoding" not in c.get("/healthz", headers={"Accept-Encoding": "gzip"}).headers, "a small reply")
    off = t.client(t.server("--compression=false"))
    reply = off.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    check("content-encoding" not in reply.headers and "vary" not in reply.headers, f"{reply.headers}")
    note(f"{len(plain.body)} bytes in {len(packed.body)}")


def test_a_compressed_request_is_refused_with_a_word(t):
    c = t.client()
    reply = c.post(ENQUEUE, gzip.compress(b'{"queue":"q"}'), headers={"Content-Encoding": "gzip"})
    eq((reply.status, reply.code), (415, "UNSUPPORTED"))
    eq(c.post(ENQUEUE, GOOD, headers={"Content-Encoding": "identity"}).status, 201)


# --- What every reply carries ----------------------------------------------------------------------------------------

CORS = {"access-control-allow-origin": "*", "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS"}


def check_cors(reply, what):
    for name, value in CORS.items():
        eq(reply.headers.get(name), value, f"{what}: {name}")
    check("X-API-Key" in reply.headers.get("access-control-allow-headers", ""), f"{what}: {reply.headers}")
    check(reply.headers.get("server-timing", "").startswith("proc;dur="), f"{what}: {reply.headers}")


def test_refusals_carry_the_headers_of_every_reply(t):
    server = t.server()
    for what, data in (("400", b"nonsense\r\n\r\n"), ("405", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
                       ("413", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"),
                       ("414", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
                       ("415", request_bytes("POST", ENQUEUE, b"x", {"Content-Encoding": "br"})),
                       ("417", request_bytes("POST", ENQUEUE, b"x", {"Expect": "tea"})),
                       ("431", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n"),
                       ("501", request_bytes("POST", ENQUEUE, b"", {"Transfer-Encoding": "gzip, chunked"})),
                       ("505", b"GET / HTTP/1.2\r\nHost: x\r\n\r\n")):
        client = t.client(server)
        client.send_raw(data)
        reply = client.receive()
        eq(str(reply.status), what)
        check_cors(reply, what)
        eq(reply.headers.get("content-type"), "application/json", what)


def test_head_and_options_everywhere(t):
    """HEAD is answered as GET without a body, on every path, whatever GET says; OPTIONS is 200 and empty. What is sent behind
    them on the same connection is answered as well: a body that nobody announced would be taken for it."""
    server = t.server()
    c = t.client(server)
    for path in c.ok("GET", "/openapi.json")["paths"]:
        target = re.sub(r"\{(\w+)\}", lambda match: NOBODY if match.group(1) == "job_id" else "none", path)
        for headers in ({}, {"Content-Length": "0"}, {"Expect": "100-continue"}):
            reply = c.request("OPTIONS", target, headers=headers)
            eq((reply.status, reply.body), (200, b""), path)
            check_cors(reply, path)
        reply = c.request("OPTIONS", target, b"x" * 1000)
        eq((reply.status, reply.body), (200, b""), f"{path} with a body")
        got, head = c.get(target), c.request("HEAD", target)
        eq((head.status, head.body), (got.status, b""), path)
        for name in ("content-type", "allow", "vary"):
            eq(head.headers.get(name), got.headers.get(name), f"{path}: {name}")
        check(int(head.headers["content-length"]) > 0, f"{path}: {head.headers}")


def test_expectations_are_met_or_refused_before_the_body(t):
    """100 comes when the head is good; a head that is refused hears the refusal, and never 100."""
    server = t.server()
    body = json.dumps(GOOD).encode()
    for what, headers, status in (("good", {}, 100), ("too large", {"Content-Length": "99999999"}, 413),
                                  ("coded", {"Content-Encoding": "gzip"}, 415), ("no host", {"Host": "a b"}, 400)):
        client = t.client(server)
        head = request_bytes("POST", ENQUEUE, body, {"Expect": "100-continue", **headers})
        client.send_raw(head[:head.index(b"\r\n\r\n") + 4])
        client.fill()
        check(client.buffer.startswith(b"HTTP/1.1 %d " % status), f"{what}: {client.buffer!r}")
        if status == 100:
            client.send_raw(body)
            eq(client.receive().status, 201, what)
