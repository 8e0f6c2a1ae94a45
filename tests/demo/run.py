#!/usr/bin/python3
"""Runs the demo as a person does, on a directory of its own: first the form that stops at the end, twice on the same
data, then the form that leaves the server running, and the command that stops it. Closes with `N passed, N failed`."""
import json
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


def call(url, body=None):
    """The decoded answer to a POST of `body`, or to a GET."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as reply:
        return json.loads(reply.read())


def lost_claim(folder):
    """A file that must fail once does so at its second attempt when nobody got the first: the server's kill may take
    the reply to a fetch with it."""
    url = re.search(r"http://127.0.0.1:\d+", demo(folder, "--calm")).group()
    payload = {"file": os.path.join(ROOT, "README.md"), "number": 7}
    try:
        body = {"queue": "lost", "payload": payload, "retry_base_delay": "100ms"}
        job = call(url + "/api/v1/enqueue", body)["job_id"]
        call(url + "/api/v1/fetch", {"queues": ["lost"], "worker_id": "gone", "timeout": 1})
        command = [sys.executable, os.path.join(os.path.dirname(DEMO), "worker.py"), "--url", url, "--queue", "lost"]
        worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while call(f"{url}/api/v1/jobs/{job}")["state"] != "completed" and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            worker.terminate()
            worker.wait(timeout=30)
        want('"completed", 3, 2, true', json.dumps(ended(call(f"{url}/api/v1/jobs/{job}"))))
    finally:
        demo(folder, "--stop")


def ended(job):
    errors = [row["error"] for row in job.get("errors", [])]
    return [job["state"], job["attempt"], len(errors), any("simulated" in error for error in errors)]


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
        for step in [once, once_again, stays, lost_claim, wrong_total_is_seen]:
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
