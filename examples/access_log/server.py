"""Starts, finds, kills and stops the demo's server: one process, known by the files beside its data."""
import http.client
import os
import signal
import socket
import subprocess
import time
import urllib.parse

PORTS = range(8080, 8100)
READY_S = 60
STOP_S = 40


class ServerError(Exception):
    """The server would not start or stop."""


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_gone(pid):
    """True also for a dead process without living threads that nobody collects: a container's first one may not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
        return state in "ZX" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except OSError:
        return True


class Server:
    """`folder` holds data/ (the server's own), server.log, server.pid and server.url."""

    def __init__(self, folder, corvo):
        self.folder = os.path.abspath(folder)
        self.corvo = corvo and os.path.abspath(corvo)
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "server.log")
        self.child = None
        os.makedirs(self.folder, exist_ok=True)

    def note(self, name, value=None):
        """Reads or writes one of the small files; empty when there is none."""
        path = os.path.join(self.folder, "server." + name)
        if value is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"{value}\n")
            return value
        try:
            with open(path, encoding="utf-8") as file:
                return file.read().strip()
        except OSError:
            return ""

    @property
    def url(self):
        return self.note("url")

    def pid(self):
        """The running server's process id, 0 when it is not running. A reused id is not taken for it."""
        text = self.note("pid")
        try:
            with open(f"/proc/{int(text)}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (OSError, ValueError):
            return 0
        return int(text) if self.data.encode() in words else 0

    def is_outdated(self):
        """True when the executable was built anew since the server started."""
        try:
            return not os.path.samefile(f"/proc/{self.pid()}/exe", self.corvo)
        except OSError:
            return True

    def start(self):
        """Starts it on the port that it had, else on the first free one, and waits until it is ready."""
        ports = [port for port in [urllib.parse.urlsplit(self.url).port, *PORTS] if port and port_is_free(port)]
        if not ports:
            raise ServerError(f"no free port among {PORTS.start} to {PORTS.stop - 1}")
        command = [self.corvo, "server", "--data-dir", self.data, "--bind", f"127.0.0.1:{ports[0]}"]
        self.note("url", f"http://127.0.0.1:{ports[0]}")
        with open(self.log, "ab") as log:
            # A session of its own: it goes on when the demo ends or is interrupted.
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)
        self.note("pid", self.child.pid)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + READY_S
        while not self.is_ready():
            if self.child and self.child.poll() is not None:
                raise ServerError(f"the server ended with {self.child.returncode}:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise ServerError(f"the server is not ready after {READY_S} s:\n{self.log_end()}")
            time.sleep(0.01)

    def is_ready(self):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def log_end(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def ensure(self):
        """Starts it unless it runs already; one that was built anew meanwhile is restarted."""
        if self.pid() and self.is_outdated():
            self.stop()
        if self.pid():
            self.wait_ready()
            return False
        self.start()
        return True

    def crash(self):
        """kill -9, and start again on the same data and port."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        self.wait_gone(pid)
        self.start()

    def stop(self):
        """Asks it to stop and waits; True if it was running."""
        pid = self.pid()
        if not pid:
            return False
        os.kill(pid, signal.SIGTERM)
        self.wait_gone(pid)
        return True

    def wait_gone(self, pid):
        """Waits until the process is gone with all its threads, so that its port and its locks are free."""
        deadline = time.monotonic() + STOP_S
        while self.child.poll() is None if self.child else not is_gone(pid):
            if time.monotonic() > deadline:
                raise ServerError(f"process {pid} is still there after {STOP_S} s:\n{self.log_end()}")
            time.sleep(0.01)
        self.child = None
