"""HTTPS (defect 47): the contract through TLS, who is refused, new certificates without a pause, and what is said of them.

The client is Python's ssl with certificates made by openssl: nothing of it is ours.
"""
import os
import shutil
import signal
import socket
import ssl
import threading
import time

from certificates import Authority
from harness import SLOW, Client, Closed, check, eq, fail, note, request_bytes, wait_for

ENQUEUE = "/api/v1/enqueue"
SECRETS = ("PRIVATE KEY", "BEGIN")


def secured(t, *flags, pair=None, authority=None, client_pair=None):
    """(server, authority): a ready server of this test alone that speaks TLS."""
    authority = authority or Authority(t.directory("certificates"))
    cert, key = pair or authority.pair("server")
    server = t.fresh("--tls-cert", cert, "--tls-key", key, *flags, tls=authority.context(client_pair))
    return server, authority


def test_defect_47_a_job_lives_through_tls(t):
    server, authority = secured(t)
    c = t.client(server)
    job_id = c.enqueue("q", payload={"text": "x" * 5000})
    job = c.take("q")
    eq(job["job_id"], job_id)
    c.ack(job, result=1)
    eq(c.state(job_id), "completed")
    eq(c.socket.version(), "TLSv1.3")
    older = authority.context()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    old = Client(server.port, tls=older)
    eq(old.get("/healthz").status, 200)
    eq(old.socket.version(), "TLSv1.2")
    old.close()


def test_large_bodies_and_replies_and_pipelines(t):
    server, _ = secured(t)
    c = t.client(server)
    ids = c.ok("POST", "/api/v1/enqueue/batch",
               {"jobs": [{"queue": "q", "payload": "x" * 200000} for _ in range(30)]}, 201)["job_ids"]
    c.send_raw(b"".join(request_bytes("GET", f"/api/v1/jobs/{job_id}") for job_id in ids))
    for job_id in ids:
        job = c.receive().json()
        eq((job["id"], len(job["payload"])), (job_id, 200000))


def test_alpn_names_what_is_spoken(t):
    server, authority = secured(t)
    context = authority.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = Client(server.port, tls=context)
    eq(client.connect().selected_alpn_protocol(), "http/1.1")
    client.close()
    context.set_alpn_protocols(["h2"])
    try:
        Client(server.port, tls=context).connect()
        fail("a client that only speaks h2 was welcomed")
    except ssl.SSLError as error:
        check("no application protocol" in str(error).lower(), f"{error}")


def test_plain_http_is_told_so(t):
    server, _ = secured(t)
    client = Client(server.port)
    reply = client.get("/healthz")
    eq((reply.status, reply.code), (400, "PARSE_ERROR"))
    check("https://" in reply.json()["error"], f"{reply}")
    eq(reply.headers.get("access-control-allow-origin"), "*")
    eq(reply.headers.get("connection"), "close")


def test_replies_end_with_close_notify(t):
    server, _ = secured(t)
    c = t.client(server)
    c.connect().suppress_ragged_eofs = False
    c.send_raw(request_bytes("GET", "/healthz", headers={"Connection": "close"}))
    data = b""
    while True:  # An end without close_notify is an SSLEOFError.
        more = c.socket.recv(65536)
        if not more:
            break
        data += more
    check(data.startswith(b"HTTP/1.1 200") and b"Connection: close" in data, f"{data!r}")


def test_only_clients_of_the_authority_are_served(t):
    authority = Authority(t.directory("certificates"))
    mine = authority.pair("client")
    foreign = Authority(t.directory("foreign")).pair("client")
    server, _ = secured(t, "--tls-client-ca", authority.cert, authority=authority, client_pair=mine)
    eq(t.client(server).get("/healthz").status, 200)
    for pair in (None, foreign):
        stranger = Client(server.port, tls=authority.context(pair))
        try:
            fail(f"a stranger heard {stranger.get('/healthz')}")
        except (ssl.SSLError, Closed, ConnectionError):
            pass
        finally:
            stranger.close()


def test_old_versions_can_be_shut_out(t):
    server, authority = secured(t, "--tls-min-version", "1.3")
    eq(t.client(server).get("/healthz").status, 200)
    older = authority.context()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        Client(server.port, tls=older).connect()
        fail("1.2 was spoken")
    except ssl.SSLError as error:
        check("protocol version" in str(error).lower().replace("_", " "), f"{error}")


def serial(port, context):
    client = Client(port, tls=context)
    try:
        return client.connect().getpeercert()["serialNumber"]
    finally:
        client.close()


def replaceable(authority):
    """(paths, install): where a server's certificate and key are, and how to put others there."""
    used = (authority.path("used.pem"), authority.path("used.key"))

    def install(pair):
        for source, target in zip(pair, used):
            shutil.copy(source, target + ".new")
            os.replace(target + ".new", target)

    return used, install


def reload(server, word):
    """SIGHUP, until the log has one more line with the word."""
    before = server.log().count(word)
    server.signal(signal.SIGHUP)
    wait_for(f"one more of '{word}'", lambda: server.log().count(word) > before)


def test_what_is_under_way_outlives_reloads(t):
    """A poll, a half-sent request, replies that are half read, a connection that has not said hello: the certificate changes
    below them, to a good one and to a bad one, and they go on."""
    authority = Authority(t.directory("certificates"))
    first, second = authority.pair("first"), authority.pair("second")
    used, install = replaceable(authority)
    install(first)
    server, _ = secured(t, authority=authority, pair=used)
    before = serial(server.port, server.tls)
    poll, half, reader, idle, c = (t.client(server) for _ in range(5))
    silent = socket.create_connection(("127.0.0.1", server.port))
    job_id = c.enqueue("large", payload="x" * 250000)
    idle.get("/healthz")
    poll.send("POST", "/api/v1/fetch", {"queues": ["later"], "wait_ms": 60000})
    data = request_bytes("POST", ENQUEUE, {"queue": "q"})
    half.send_raw(data[:-5])
    reader.send_raw(request_bytes("GET", f"/api/v1/jobs/{job_id}") * 40)
    wait_for("the first bytes of 10 MB", lambda: reader.readable(0.1))
    wait_for("a waiter", lambda: c.status()["waiters"] == 1)
    install(second)
    reload(server, "the TLS certificate was reloaded")
    after = serial(server.port, server.tls)
    check(after != before, "the certificate is the old one")
    install((first[0], second[1]))
    reload(server, "the TLS certificate stays the one before")
    eq(serial(server.port, server.tls), after, "the certificate after a bad pair")
    os.remove(used[1])
    reload(server, "the TLS certificate stays the one before")
    eq(serial(server.port, server.tls), after, "the certificate after a key that is missing")
    check("used.key: No such file" in server.log(), server.log())
    half.send_raw(data[-5:])
    eq(half.receive().status, 201, "the half-sent request")
    later = c.enqueue("later")
    eq(poll.receive().json()["job_id"], later, "the poll")
    for _ in range(40):
        eq(reader.receive().json()["id"], job_id, "a reply that was not read yet")
    eq(idle.get("/healthz").status, 200, "the idle one")
    late = server.tls.wrap_socket(silent, server_hostname="localhost")
    late.sendall(request_bytes("GET", "/healthz"))
    check(late.recv(4096).startswith(b"HTTP/1.1 200"), "the silent one")
    late.close()


def test_reloads_under_a_storm_of_handshakes(t):
    """Twenty reloads while others connect: each handshake gets one of the two certificates, whole, and none fails."""
    authority = Authority(t.directory("certificates"))
    pairs = [authority.pair("first"), authority.pair("second")]
    used, install = replaceable(authority)
    install(pairs[0])
    server, _ = secured(t, authority=authority, pair=used)
    stop, seen, wrong = threading.Event(), [], []

    def connect():
        while not stop.is_set():
            try:
                seen.append(serial(server.port, server.tls))
            except OSError as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            count = len(seen)
            install(pairs[(number + 1) % 2])
            reload(server, "the TLS certificate was reloaded")
            wait_for("a handshake", lambda: len(seen) > count + 1 or wrong)  # pylint: disable=cell-var-from-loop
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    eq(wrong, [], f"of {len(seen)} handshakes")
    eq(len(set(seen)), 2, "certificates")
    note(f"{len(seen)} handshakes and 20 reloads")


def test_a_handshake_that_does_not_end_is_cut_off(t):
    server, _ = secured(t, "--handshake-timeout", "300ms", "--idle-timeout", "60s")
    silent = socket.create_connection(("127.0.0.1", server.port), timeout=20 * SLOW)
    began = time.monotonic()
    silent.sendall(b"\x16\x03\x01")
    eq(silent.recv(4096), b"", "what a client hears that never says hello")
    check(time.monotonic() - began < 5 * SLOW, f"after {time.monotonic() - began:.1f} s")
    silent.close()
    eq(t.client(server).get("/healthz").status, 200)


def test_sighup_takes_a_new_certificate_without_a_dropped_request(t):
    authority = Authority(t.directory("certificates"))
    first, second = authority.pair("first"), authority.pair("second")
    used, install = replaceable(authority)
    install(first)
    server, _ = secured(t, authority=authority, pair=used)
    context, before = server.tls, serial(server.port, server.tls)
    stop, served, wrong = threading.Event(), [0], []

    def work():
        client = server.client()
        while not stop.is_set():
            try:
                reply = client.post(ENQUEUE, {"queue": "q"})
                served[0] += 1
                if reply.status != 201:
                    wrong.append(repr(reply))
            except (Closed, OSError) as error:
                wrong.append(repr(error))
                return
        client.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_for("load", lambda: served[0] > 20)
        install(second)
        server.signal(signal.SIGHUP)
        after = wait_for("the new certificate", lambda: {serial(server.port, context)} - {before})
        # A bad pair: the certificate of one, the key of another.
        install((first[0], second[1]))
        server.signal(signal.SIGHUP)
        wait_for("a word about it", lambda: "it is not the certificate's key" in server.log())
        eq({serial(server.port, context)}, after, "the certificate after a bad pair")
        count = served[0]
        wait_for("more load", lambda: served[0] > count + 20)
    finally:
        stop.set()
        thread.join()
    eq(wrong, [], f"of {served[0]} requests")
    check("certificate was reloaded" in server.log(), server.log())
    check(not any(word in server.log() for word in SECRETS), "a secret in the log")


def test_a_start_that_can_not_be_right_is_refused(t):
    authority = Authority(t.directory("certificates"))
    mine, other = authority.pair("mine"), authority.pair("other")
    for flags, text in ((("--tls-cert", mine[0], "--tls-key", other[1]), "it is not the certificate's key"),
                        (("--tls-cert", mine[0], "--tls-key", "/nowhere"), "key /nowhere: No such file"),
                        (("--tls-cert", mine[0]), "and --tls-key is missing"),
                        (("--tls-key", mine[1]), "and --tls-cert is missing"),
                        (("--tls-client-ca", authority.cert), "needs --tls-cert")):
        server = t.new_server(*flags).spawn()
        eq(server.wait_exit(), 1, "exit code")
        check(text in server.log() and not any(word in server.log() for word in SECRETS), f"{flags}: {server.log()}")


def test_an_expired_certificate_is_warned_of(t):
    authority = Authority(t.directory("certificates"))
    cert, key = authority.pair("expired", days=-1)
    context = authority.context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server = t.fresh("--tls-cert", cert, "--tls-key", key, tls=context)
    check("certificate expired at" in server.log(), server.log())
    eq(t.client(server).get("/healthz").status, 200)


def test_sigterm_answers_polls_and_pipelines_through_tls(t):
    server, _ = secured(t)
    poll, pipeline, idle, c = (t.client(server) for _ in range(4))
    poll.send("POST", "/api/v1/fetch", {"queues": ["none"], "wait_ms": 60000})
    wait_for("a waiter", lambda: c.status()["waiters"] == 1)
    idle.get("/healthz")
    silent = socket.create_connection(("127.0.0.1", server.port))  # Never says hello.
    pipeline.send_raw(request_bytes("POST", "/api/v1/fetch", {"queues": ["none"], "wait_ms": 60000})
                      + request_bytes("POST", ENQUEUE, {"queue": "q"}))
    wait_for("two waiters", lambda: c.status()["waiters"] == 2)
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    eq(poll.receive().status, 204)
    eq(pipeline.receive().status, 204)
    reply = pipeline.receive()  # The request behind the poll hears what became of it.
    eq((reply.status, reply.code, reply.headers.get("connection")), (503, "SHUTTING_DOWN", "close"))
    eq(server.wait_exit(), 0, "exit code")
    note(f"the end: {(time.monotonic() - began) * 1000:.0f} ms")
    check(time.monotonic() - began < 5 * SLOW, "it took long")
    silent.close()
