#!/usr/bin/python3
"""Runs the demo as a person does, on a directory of its own: first the form that stops at the end, twice on the same
data, then the form that leaves the server running, and the command that stops it. Closes with `N passed, N failed`."""
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORVO = os.environ.get("CORVO") or os.path.join(ROOT, "build/release/corvo")
DEMO = os.path.join(ROOT, "examples/access_log/demo.py")
TIMEOUT_S = 240
FILES = ["--files", "15", "--lines", "3000"]


class Failure(Exception):
    """What a step found."""


def demo(folder, *arguments, code=0):
    """The demo's output; Failure when it ended with another exit code."""
    command = [sys.executable, DEMO, "--data-dir", folder, *arguments]
    if "--stop" not in arguments:
        command += ["--corvo", CORVO, *FILES]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S,
                            cwd=ROOT, check=False)
    if result.returncode != code:
        raise Failure(f"exit code {result.returncode}, want {code}:\n{result.stdout}{result.stderr}")
    return result.stdout


def want(pattern, output):
    if not re.search(pattern, output, re.M):
        raise Failure(f"no '{pattern}' in:\n{output}")


def answers(url):
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=10) as reply:
            return reply.status == 200
    except OSError:
        return False


def once(folder):
    """Every job ends as it should although a worker and the server are killed; the server is gone afterwards."""
    output = demo(folder, "--once")
    want(r"^15 of 15 files done", output)
    want(r"^  retried +2 ", output)
    want(r"killed with kill -9 after \d+ files", output)
    want(r"^  check +every job is completed", output)
    url = re.search(r"http://127.0.0.1:\d+", output).group()
    if answers(url):
        raise Failure(f"the server still answers at {url}")


def once_again(folder):
    """The same on the data of the first run."""
    once(folder)


def stays(folder):
    """The plain form leaves a server that answers, a second run uses it, and demo-stop ends it."""
    output = demo(folder, "--calm")
    url = re.search(r"http://127.0.0.1:\d+", output).group()
    try:
        if not answers(url):
            raise Failure(f"no server at {url} after the plain form")
        want("was already running", demo(folder, "--calm"))
    finally:
        want("stopped", demo(folder, "--stop"))
    if answers(url):
        raise Failure(f"the server still answers at {url}")
    want("no server of the demo is running", demo(folder, "--stop"))


def wrong_total_is_seen(folder):
    """A demo whose check is given other totals (another seed's) must say so and exit 1: the check can fail."""
    code = ("import sys; sys.path.insert(0, 'examples/access_log'); "
            "import generate, demo; write = generate.write_files; "
            "generate.write_files = lambda *a: {p: {**t, 'bytes': t['bytes'] + 1} for p, t in write(*a).items()}; "
            "sys.exit(demo.main())")
    command = [sys.executable, "-c", code, "--data-dir", folder, "--corvo", CORVO, "--once", "--calm", *FILES]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S,
                            cwd=ROOT, check=False)
    if result.returncode != 1 or "WRONG" not in result.stdout:
        raise Failure(f"exit code {result.returncode}:\n{result.stdout}{result.stderr}")


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="corvo-demo-") as folder:
        for step in [once, once_again, stays, wrong_total_is_seen]:
            began = time.monotonic()
            try:
                step(os.path.join(folder, "data" if step is not wrong_total_is_seen else "wrong"))
                passed += 1
                print(f"ok   {step.__name__} {time.monotonic() - began:.1f} s", flush=True)
            except (Failure, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAIL {step.__name__}: {failure}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
