"""What a service manager hears: readiness, reloads, the end, and a watchdog that the loop itself feeds."""
import os
import signal
import socket
import subprocess

from harness import SLOW, check, eq, strace, wait_for


class Manager:
    """A service manager's socket, by path or abstract."""

    def __init__(self, t, abstract=False):
        self.name = f"@corvo-{os.getpid()}-{t.name}"[:100] if abstract else os.path.join(t.root, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name[1:] if abstract else self.name)
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        """Everything that was said so far, one KEY=value each."""
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def count(self, line):
        return sum(heard.startswith(line) for heard in self.listen())

    def environment(self, **more):
        return {"NOTIFY_SOCKET": self.name, **more}


def test_ready_reload_and_stop_are_told(t):
    for abstract in (False, True):
        manager = Manager(t, abstract)
        server = t.watch(t.new_server(env=manager.environment())).start()
        wait_for("READY=1", lambda m=manager: m.count("READY=1") == 1)
        check(any(line.startswith("STATUS=serving on ") for line in manager.heard), manager.heard)
        eq(manager.count("WATCHDOG=1"), 0)
        server.signal(signal.SIGHUP)
        wait_for("RELOADING=1 and READY=1", lambda m=manager: m.count("READY=1") == 2)
        eq(manager.count("RELOADING=1"), 1)
        eq(manager.count("MONOTONIC_USEC="), 1)
        check(manager.heard.index("RELOADING=1") < len(manager.heard) - manager.heard[::-1].index("READY=1") - 1,
              manager.heard)
        eq(server.stop(), 0)
        eq(manager.count("STOPPING=1"), 1)
        manager.socket.close()
        os.path.exists(manager.name) and os.unlink(manager.name)


def test_a_failure_is_the_status(t):
    manager = Manager(t)
    wrap = strace("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=40+")
    server = t.watch(t.new_server(env=manager.environment(), wrap=wrap)).start()
    c = t.client(server)
    while c.post("/api/v1/enqueue", {"queue": "q"}).status == 201:
        pass
    wait_for("the status", lambda: manager.count("STATUS=storage_failed: ") == 1, timeout_s=20)


def test_a_start_that_is_refused_is_never_ready(t):
    manager = Manager(t)
    server = t.new_server("--bootstrap=false", env=manager.environment())
    open(server.log_path, "ab").close()
    server.spawn()
    eq(server.wait_exit(), 1)
    eq(manager.count("READY=1"), 0)


def test_the_watchdog_is_fed_by_the_loop(t):
    """A tracer makes each wait of the main thread for events last four seconds: the process lives, its loop does not
    turn, and the watchdog hears nothing for longer than it allows."""
    manager = Manager(t)
    limit_s = 1
    server = t.watch(t.new_server(env=manager.environment(WATCHDOG_USEC=str(limit_s * 1000000)))).start()
    wait_for("three signs of life", lambda: manager.count("WATCHDOG=1") >= 3, timeout_s=10)
    pid = server.process.pid
    tracer = t.directory("trace")
    command = strace("-p", str(pid), "-e", "trace=?epoll_wait,?epoll_pwait",
                     "-e", "inject=?epoll_wait,?epoll_pwait:delay_enter=4000000", output=tracer)
    command = [word for word in command if word not in ("-D", "-f")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            before = []

            def silent():
                """True after a silence of more than the limit, as the manager would see it."""
                now = manager.count("WATCHDOG=1")
                before.append(now)
                window = int(2.5 * limit_s / 0.01)
                return len(before) > window and before[-window] == now

            wait_for("a silence longer than the watchdog allows", silent, timeout_s=30)
            check(server.alive(), "the server died")
        finally:
            process.terminate()
    heard = manager.count("WATCHDOG=1")
    wait_for("signs of life again", lambda: manager.count("WATCHDOG=1") > heard, timeout_s=20)
    eq(server.stop(30 * SLOW), 0)
