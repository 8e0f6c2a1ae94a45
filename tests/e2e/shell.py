"""Running the command line as people and scripts do: in pipes, in a pseudo terminal, against a server of canned
answers."""
import fcntl
import http.server
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
import time

from harness import ANSWER_S, CORVO, SLOW, Failure, check, die_with_parent, fail, short

SGR = re.compile(rb"\x1b\[[0-9;]*m")
ERASE = b"\r\x1b[K"


def environment(server=None, **more):
    """A plain environment: what the caller's shell has set must not decide a test."""
    kept = ("PATH", "HOME", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TMPDIR")
    values = {name: os.environ[name] for name in kept if name in os.environ}
    values["TERM"] = "xterm"
    if server is not None:
        values["CORVO_SERVER"] = server if isinstance(server, str) else f"http://127.0.0.1:{server.port}"
    return {**values, **more}


class Run:
    """What a command left: exit code, standard output, standard error."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self):
        return f"Run({self.code}, {short(self.out, 800)}, {short(self.err, 800)})"


def run(server, *arguments, code=0, stdin=b"", env=None):
    """Runs a command with pipes; fails when it ends with another code."""
    result = subprocess.run([CORVO, *arguments], input=stdin, capture_output=True, timeout=ANSWER_S * 3, check=False,
                            env=environment(server, **(env or {})))
    found = Run(result.returncode, result.stdout.decode(), result.stderr.decode())
    check(found.code == code, f"{arguments}: {found}, want code {code}")
    return found


class Terminal:
    """A command in a pseudo terminal of its own: all three of its files are the terminal."""

    def __init__(self, server, *arguments, columns=80, env=None):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

        def prepare():
            die_with_parent()
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([CORVO, *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        env=environment(server, **(env or {})), preexec_fn=prepare)
        os.close(slave)
        self.master = master
        self.bytes = b""

    def read(self, timeout_s):
        """Takes what is there; False at the end."""
        if not select.select([self.master], [], [], timeout_s)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # The other side is gone.
            data = b""
        self.bytes += data
        return bool(data)

    def expect(self, part):
        """Waits until the output has `part`."""
        end = time.monotonic() + ANSWER_S
        while part not in self.bytes:
            check(time.monotonic() < end, f"no {part!r} in {short(self.bytes)}")
            check(self.read(0.1) or part in self.bytes, f"ended without {part!r}: {short(self.bytes)}")
        return self

    def send(self, data):
        os.write(self.master, data)
        return self

    def finish(self, code=0):
        """Waits for the end; returns everything that was written, with line ends as they were meant."""
        end = time.monotonic() + ANSWER_S
        while self.read(0.1):
            if time.monotonic() > end:
                self.process.kill()
                fail(f"it did not end: {short(self.bytes)}")
        os.close(self.master)
        found = self.process.wait()
        check(found == code, f"code {found}, want {code}: {short(self.bytes)}")
        return self.bytes.replace(b"\r\n", b"\n")


def screen(server, *arguments, code=0, columns=80, env=None):
    """The bytes that a command writes to a terminal."""
    return Terminal(server, *arguments, columns=columns, env=env).finish(code)


def lines_of(data):
    """The text lines of a terminal's bytes: without colours and without progress lines that were taken away."""
    text = SGR.sub(b"", data)
    text = re.sub(rb"\r\x1b\[K[^\r\n]*(?=\r\x1b\[K)", b"", text).replace(ERASE, b"")
    return text.decode().splitlines()


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b[31mred\r\nFAKE LINE\x08\x7f\u009b31m\u202eesrever\u2066\u200b\ufeff\ud83d\ude00"


def check_harmless(data, what):
    """Only colours of ours may be left of what a terminal obeys."""
    text = SGR.sub(b"", data).replace(ERASE, b"").decode()
    for character in text:
        point = ord(character)
        bad = (point < 0x20 and character != "\n") or 0x7f <= point <= 0x9f or point in (0x200b, 0x202e, 0x2066, 0xfeff)
        check(not bad, f"{what}: {character!r} in {short(text)}")
    check(b"\x1b[2J" not in data and b"\x1b]" not in data, what)
    check("\nFAKE LINE" not in text, f"{what}: a line of somebody else's")


class Canned:
    """A server that gives the answers of a test, by "METHOD path", and remembers what it was asked. An answer is a
    function of the request, or (status, body) or a body; of a list one after the other, the last one again and again.
    """

    def __init__(self, answers):
        self.answers = dict(answers)
        self.asked = []
        self.length = None  # What replies claim to be long, if it is not the truth.
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                size = int(self.headers.get("Content-Length", "0"))
                request = {"method": self.command, "path": self.path, "headers": self.headers,
                           "body": self.rfile.read(size)}
                outer.asked.append(request)
                status, body = outer.find(request)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(outer.length or len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format, *args):  # pylint: disable=redefined-builtin
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def find(self, request):
        answer = self.answers.get(f"{request['method']} {request['path'].split('?')[0]}")
        if answer is None:
            answer = (404, {"error": f"no such path: {request['path']}", "code": "NOT_FOUND"})
        if isinstance(answer, list) and answer and isinstance(answer[0], Turn):
            answer = (answer.pop(0) if len(answer) > 1 else answer[0]).answer
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, tuple) else (200, answer)

    def bodies(self, path):
        """The JSON bodies of what was asked at that path."""
        return [json.loads(request["body"]) for request in self.asked if request["path"] == path]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.http.shutdown()
        self.http.server_close()


class Turn:
    """One of several answers that follow each other."""

    def __init__(self, answer):
        self.answer = answer


def turns(*answers):
    return [Turn(answer) for answer in answers]


def refuse(status, code, text="it is so", **more):
    return (status, {"error": text, "code": code, **more})


__all__ = ["ERASE", "HOSTILE", "SGR", "SLOW", "Canned", "Failure", "Run", "Terminal", "check_harmless", "environment",
           "lines_of", "refuse", "run", "screen", "turns"]
