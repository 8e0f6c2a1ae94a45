"""What the end-to-end tests share: a real server process, a client over plain sockets, waiting and comparing.

A test is a function `test_...(t)`; `t` is a Bench: it gives servers, clients, directories and names, and takes all of
them back afterwards. Nothing here sleeps for a fixed time to let something happen: wait_for polls for a fact.
"""
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CORVO = os.environ.get("CORVO") or os.path.join(ROOT, "build/release/corvo")
# A sanitized build is that much slower: limits on time are stretched, never the facts.
SLOW = 10 if "/tsan" in CORVO else 5 if "/asan" in CORVO else 1
START_S = 20 * SLOW
STOP_S = 20 * SLOW
ANSWER_S = 20 * SLOW
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """A test's finding."""


def fail(text):
    raise Failure(text)


def check(truth, text):
    if not truth:
        raise Failure(text)


def eq(got, want, what="value"):
    if got != want or type(got) is not type(want):
        raise Failure(f"{what}: got {short(got)}, want {short(want)}")


def short(value, most=600):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def wait_for(what, fact, timeout_s=10, pause_s=0.01):
    """Polls until fact() is true; returns what it returned."""
    end = time.monotonic() + timeout_s * SLOW
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"not within {timeout_s * SLOW} s: {what}")
        time.sleep(pause_s)


# --- The client ------------------------------------------------------------------------------------------------------


class Closed(Exception):
    """The connection ended before the reply was whole; `partial` is what came."""

    def __init__(self, text, partial=b""):
        super().__init__(text)
        self.partial = partial


class Reply:
    """Status, headers (names in lower case) and body of a reply."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Failure(f"not JSON ({error}): {short(self.body)}") from error

    @property
    def code(self):
        """The error body's machine-readable word, or None."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value.get("code") if isinstance(value, dict) else None

    def __repr__(self):
        return f"Reply({self.status}, {short(self.body, 300)})"


class Client:
    """One keep-alive connection, through TLS when there is an ssl.SSLContext. Not for several threads at once."""

    def __init__(self, port, timeout_s=ANSWER_S, tls=None):
        self.port = port
        self.timeout_s = timeout_s
        self.tls = tls
        self.socket = None
        self.buffer = b""

    def connect(self):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout_s)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.buffer = b""
            if self.tls is not None:
                self.socket = self.tls.wrap_socket(self.socket, server_hostname="localhost")
        return self.socket

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None
            self.buffer = b""

    def send(self, method, path, body=None, headers=None):
        """Sends a request without waiting for its reply. `body` is bytes, or anything that JSON can say."""
        self.send_raw(request_bytes(method, path, body, headers))

    def send_raw(self, data):
        try:
            self.connect().sendall(data)
        except OSError as error:
            # A server may answer and close before it has read everything: what it said is still to be read.
            if not self.readable(1.0):
                self.close()
                raise Closed(f"send: {error}") from error

    def readable(self, timeout_s):
        try:
            return bool(self.buffer) or bool(select.select([self.socket], [], [], timeout_s)[0])
        except (OSError, ValueError, AttributeError, TypeError):
            return False

    def fill(self):
        try:
            data = self.socket.recv(1 << 18)
        except socket.timeout as error:
            self.close()
            raise Closed(f"no reply within {self.timeout_s} s", self.buffer) from error
        except OSError as error:
            partial = self.buffer
            self.close()
            raise Closed(f"recv: {error}", partial) from error
        if not data:
            partial = self.buffer
            self.close()
            raise Closed("the server closed the connection", partial)
        self.buffer += data

    def receive(self, method="GET"):
        """Reads one reply; interim 1xx replies are skipped."""
        self.connect()
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.fill()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            match = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", lines[0])
            check(match, f"not a status line: {lines[0]!r}")
            status = int(match.group(1))
            if status >= 200:
                break
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            check(colon, f"not a header line: {line!r}")
            headers[name.strip().lower()] = value.strip()
        size = int(headers.get("content-length", "0"))
        if method == "HEAD" or status in (204, 304):
            size = 0
        while len(self.buffer) < size:
            self.fill()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(status, headers, body)

    def request(self, method, path, body=None, headers=None):
        """One exchange. A kept connection that the server had closed meanwhile is an error: it may not be repeated."""
        self.send(method, path, body, headers)
        return self.receive(method)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    # The operations; each returns the reply's JSON and fails when the status is another one.

    def ok(self, method, path, body=None, status=200, headers=None):
        reply = self.request(method, path, body, headers)
        check(reply.status == status, f"{method} {path}: {reply}, want {status}; sent {short(body)}")
        return reply.json() if reply.body else None

    def enqueue(self, queue, status=201, **fields):
        return self.ok("POST", "/api/v1/enqueue", {"queue": queue, **fields}, status)["job_id"]

    def fetch(self, *queues, **fields):
        """One job, or None."""
        return self.ok_or_empty("/api/v1/fetch", {"queues": list(queues), "worker_id": "w", **fields})

    def take(self, *queues, **fields):
        """One job that is there now."""
        job = self.fetch(*queues, **{"wait_ms": 0, **fields})
        check(job, f"no job in {queues}")
        return job

    def ok_or_empty(self, path, body):
        reply = self.post(path, body)
        check(reply.status in (200, 204), f"{path}: {reply}")
        return reply.json() if reply.status == 200 else None

    def ack(self, job, **fields):
        """Acks a job as delivered (with its token)."""
        return self.ok("POST", f"/api/v1/ack/{job['job_id']}", {"lease_token": job["lease_token"], **fields})

    def fail(self, job, error="boom", **fields):
        body = {"error": error, "lease_token": job["lease_token"], **fields}
        return self.ok("POST", f"/api/v1/fail/{job['job_id']}", body)

    def heartbeat(self, **jobs):
        return self.ok("POST", "/api/v1/heartbeat", {"jobs": jobs})

    def job(self, job_id):
        return self.ok("GET", f"/api/v1/jobs/{job_id}")

    def state(self, job_id):
        return self.job(job_id)["state"]

    def status(self, verify=False):
        return self.ok("GET", "/api/v1/cluster/status" + ("?verify=true" if verify else ""))


def request_bytes(method, path, body=None, headers=None):
    lines = {"Host": "localhost", **(headers or {})}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    if body is not None and not any(name.lower() in ("content-length", "transfer-encoding") for name in lines):
        lines["Content-Length"] = str(len(body))
    elif body is None and method in ("POST", "PUT", "PATCH"):
        lines.setdefault("Content-Length", "0")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


# --- The server ------------------------------------------------------------------------------------------------------


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """One process of `corvo server` on a data directory. `wrap` is a command before it, e.g. strace; `tls` is the
    ssl.SSLContext that its clients use."""

    def __init__(self, data_dir, log_path, flags=(), wrap=(), env=None, bind="127.0.0.1:0", tls=None):
        self.data_dir = data_dir
        self.log_path = log_path
        self.flags = list(flags)
        self.wrap = list(wrap)
        self.env = dict(os.environ, **(env or {}))
        self.bind = bind
        self.tls = tls
        self.process = None
        self.port = None
        self.start_s = None

    def spawn(self):
        """Starts the process without waiting for anything."""
        check(os.path.exists(CORVO), f"{CORVO} does not exist: build it first")
        if self.wrap:
            # The leak sanitizer can not work in a traced process.
            options = self.env.get("ASAN_OPTIONS", "")
            self.env["ASAN_OPTIONS"] = (options + ":" if options else "") + "detect_leaks=0"
        command = [*self.wrap, CORVO, "server", "--bind", self.bind, "--data-dir", self.data_dir, *self.flags]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env=self.env, preexec_fn=die_with_parent)
        return self

    def start(self, ready=True):
        """Starts and waits for the line that names the port, then for readiness."""
        began = time.monotonic()
        self.spawn()
        line = self.read_line(began + START_S)
        match = re.fullmatch(r"listening on https?://127\.0\.0\.1:(\d+)\n", line)
        if not match:
            self.kill()
            fail(f"the server's first line is {line!r}; its log:\n{self.log()}")
        self.port = int(match.group(1))
        if ready:
            self.wait_ready()
        self.start_s = time.monotonic() - began
        return self

    def read_line(self, deadline):
        line = b""
        out = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                self.kill()
                fail(f"the server did not start within {START_S} s; its log:\n{self.log()}")
            data = os.read(out, 4096)
            if not data:
                break
            line += data
        return line.decode(errors="replace")

    def wait_ready(self):
        client = self.client()
        try:
            wait_for("readiness", lambda: client.get("/readyz").status == 200, START_S / SLOW, 0.002)
        except Closed as error:
            fail(f"the server went away while it started: {error}; its log:\n{self.log()}")
        finally:
            client.close()

    def client(self, timeout_s=ANSWER_S):
        return Client(self.port, timeout_s, self.tls)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As a crash of the process: kill -9. The server's directory stays."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def stop(self, timeout_s=STOP_S):
        """Stops in an orderly way; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait_exit(timeout_s)

    def wait_exit(self, timeout_s=STOP_S):
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            fail(f"the server did not stop within {timeout_s} s; its log:\n{self.log()}")
        self.process.stdout.close()
        self.process = None
        return code

    def log(self, since=0):
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")


# --- The bench that a test works on ----------------------------------------------------------------------------------


class Bench:
    """What one test may use. Servers that it asks for with server() are shared by the tests of a file."""

    def __init__(self, name, shared):
        self.name = name
        self.shared = shared
        self.root = tempfile.mkdtemp(prefix="corvo-e2e-")
        self.own = []
        self.clients = []
        self.names = 0
        self.watched = []  # (server, size of its log when the test began to use it)

    def directory(self, name="data"):
        self.names += 1
        return os.path.join(self.root, f"{name}-{self.names}")

    def new_server(self, *flags, data_dir=None, **more):
        """A server of this test alone, not started. It is killed at the end if it still runs."""
        self.names += 1
        data_dir = data_dir or self.directory()
        server = Server(data_dir, os.path.join(self.root, f"server-{self.names}.log"), flags, **more)
        self.own.append(server)
        return server

    def fresh(self, *flags, **more):
        """A server of this test alone, ready."""
        return self.watch(self.new_server(*flags, **more)).start()

    def server(self, *flags):
        """A running server with these flags that other tests use as well: stay in your own queues."""
        server = self.shared.get(flags)
        if server is None or not server.alive():
            root = tempfile.mkdtemp(prefix="corvo-e2e-")
            server = Server(os.path.join(root, "data"), os.path.join(root, "server.log"), flags).start()
            server.root = root
            self.shared[flags] = server
        return self.watch(server)

    def watch(self, server):
        try:
            size = os.path.getsize(server.log_path)
        except OSError:
            size = 0
        self.watched.append((server, size))
        return server

    def client(self, server=None, timeout_s=ANSWER_S):
        client = (server or self.server()).client(timeout_s)
        self.clients.append(client)
        return client

    def queue(self, suffix=""):
        """A queue name that no other test uses."""
        self.names += 1
        return f"{self.name[:120]}.{self.names}{suffix}"

    def logs(self):
        """What the servers wrote while the test ran."""
        seen, texts = set(), []
        for server, since in self.watched:
            if server.log_path not in seen and os.path.exists(server.log_path):
                seen.add(server.log_path)
                texts.append(server.log(since).strip())
        return "\n".join(text for text in texts if text)

    def done(self):
        """Takes everything back. A shared server must have outlived the test."""
        for client in self.clients:
            client.close()
        for server in self.own:
            server.kill()

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


def stop_shared(shared):
    """Stops the shared servers; returns complaints about how they ended."""
    complaints = []
    for server in shared.values():
        if not server.alive():
            complaints.append(f"a server died (exit {server.process.poll()}):\n{server.log()}")
            server.kill()
        else:
            code = server.stop()
            if code != 0:
                complaints.append(f"a server ended with exit code {code}:\n{server.log()}")
        shutil.rmtree(server.root, ignore_errors=True)
    shared.clear()
    return complaints


def strace(*options, output=None):
    """The command that traces a server: the process itself stays our child (-D)."""
    path = shutil.which("strace")
    check(path, "strace is not installed: run tools/setup")
    return [path, "-D", "-f", *(["-o", output] if output else ["-o", os.devnull]), *options]


def own_mount(directory, size):
    """The command that gives what it starts a file system of its own at the directory; None when nothing can be mounted
    here. As we see it, it is /proc/PID/root/DIRECTORY."""
    script = f'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
    wrap = ["unshare", "-m", "sh", "-c", script, directory]
    probe = subprocess.run([*wrap, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        note(f"nothing can be mounted here ({probe.stderr.decode().strip()}): the full disk is only injected")
        return None
    return wrap


def note(text):
    """One line of a figure that a reader of the run wants to see."""
    print(f"     {text}", flush=True)
    sys.stdout.flush()
