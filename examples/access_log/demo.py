#!/usr/bin/python3
"""The demo: access-log files are the jobs, a few worker processes count what is in them, and things go wrong.

    demo.py --corvo build/release/corvo --data-dir .data/demo           leaves the server running
    demo.py --corvo build/release/corvo --data-dir .data/demo --once    stops it; exit code 0 only if all is right
    demo.py --data-dir .data/demo --stop                                stops the server that the first form left

On purpose every seventh file fails at its first attempt, one worker is killed half-way through a file, and the server
itself is killed with kill -9 when a third is done. At the end each job must be completed with exactly the totals that
the generator of the files counted. --calm leaves the two kills out.
"""
import argparse
import collections
import os
import subprocess
import sys
import time

import generate
from client import Client, Refused
from server import Server, ServerError

HERE = os.path.dirname(os.path.abspath(__file__))
QUEUE = "access-logs"
WORKERS = 3
DIES_AT = 3  # The first worker kills itself in the middle of its third file.
PATIENCE_S = 120
WAITING = {"pending", "scheduled", "retrying"}


def say(text=""):
    print(text, flush=True)


def short(path):
    """The path as one would type it here."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


class Progress:
    """One line that is rewritten on a terminal, and a line every second elsewhere."""

    def __init__(self):
        self.is_terminal = sys.stdout.isatty()
        self.start = self.said_at = time.monotonic()

    def show(self, run):
        now = time.monotonic()
        if not self.is_terminal and now - self.said_at < 1:
            return
        self.said_at = now
        states = collections.Counter(job["state"] for job in run.jobs.values())
        lines = sum((job.get("result") or job.get("progress") or {}).get("lines", 0) for job in run.jobs.values())
        text = (f"  {states['completed']:3}/{len(run.jobs)} files  {states['active']} running  "
                f"{states['retrying']} to retry  {lines:9,} lines  {now - self.start:5.1f} s")
        sys.stdout.write(f"\r{text}\x1b[K" if self.is_terminal else text + "\n")
        sys.stdout.flush()

    def clear(self):
        if self.is_terminal:
            sys.stdout.write("\r\x1b[K")


class Run:
    """One pass of the demo over a running server."""

    def __init__(self, server, tallies, calm):
        self.server = server
        self.client = Client(server.url)
        self.tallies = tallies
        self.expected = {}  # job id -> the generator's tally of its file.
        self.jobs = {}      # job id -> the job as the server last showed it.
        self.calm = calm
        self.workers = []
        self.killed_workers = 0
        self.crash_note = ""
        self.seconds = 0.0

    def enqueue(self):
        for number, (path, tally) in enumerate(self.tallies.items(), 1):
            body = {"queue": QUEUE, "payload": {"file": path, "number": number}, "max_retries": 6,
                    "retry_backoff": "fixed", "retry_base_delay": "300ms"}
            reply = self.client.post("/api/v1/enqueue", body, again=False)
            self.expected[reply["job_id"]] = tally
            self.jobs[reply["job_id"]] = {"id": reply["job_id"], "state": reply["status"]}

    def start_worker(self, number, die_at=0):
        command = [sys.executable, os.path.join(HERE, "worker.py"), "--url", self.server.url, "--queue", QUEUE,
                   "--id", f"worker-{number}", "--die-at", str(die_at)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def start_workers(self):
        for number in range(1, WORKERS + 1):
            self.workers.append(self.start_worker(number, DIES_AT if number == 1 and not self.calm else 0))

    def replace_dead_workers(self):
        for index, worker in enumerate(self.workers):
            if worker.poll() is not None:
                if worker.returncode != -9:
                    raise ServerError(f"a worker ended with {worker.returncode}")
                self.killed_workers += 1
                self.workers[index] = self.start_worker(WORKERS + self.killed_workers)

    def refresh(self):
        """Reads the jobs that had not ended."""
        for job_id, job in self.jobs.items():
            if job["state"] in WAITING or job["state"] == "active":
                self.jobs[job_id] = self.client.get(f"/api/v1/jobs/{job_id}")

    def ended(self):
        return sum(job["state"] not in WAITING and job["state"] != "active" for job in self.jobs.values())

    def crash_server(self):
        done = self.ended()
        start = time.monotonic()
        self.server.crash()
        self.crash_note = f"killed with kill -9 after {done} files, ready again {time.monotonic() - start:.2f} s later"

    def watch(self):
        """Waits until every job has ended; in between the server is killed once."""
        progress = Progress()
        while True:
            self.refresh()
            progress.show(self)
            if self.ended() == len(self.jobs):
                break
            if time.monotonic() - progress.start > PATIENCE_S:
                progress.clear()
                raise ServerError(f"{len(self.jobs) - self.ended()} jobs have not ended after {PATIENCE_S} s")
            if not self.calm and not self.crash_note and self.ended() >= len(self.jobs) // 3:
                self.crash_server()
            self.replace_dead_workers()
            time.sleep(0.1)
        progress.clear()
        self.seconds = time.monotonic() - progress.start

    def stop_workers(self):
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def wrong(self):
        """A line for each job that did not end as it should."""
        found = []
        for number, (job_id, job) in enumerate(self.jobs.items(), 1):
            if job["state"] != "completed":
                found.append(f"{job_id} ended {job['state']}: {job.get('errors')}")
            elif job.get("result") != self.expected[job_id]:
                found.append(f"{job_id}: its totals differ from what was written: {job.get('result')}")
            elif number % 7 == 0 and not any("simulated" in row["error"] for row in job.get("errors", [])):
                found.append(f"{job_id}: file {number} should have failed once, but no error is recorded")
            elif job["payload"] != {"file": list(self.tallies)[number - 1], "number": number}:
                found.append(f"{job_id}: its payload is another one: {job['payload']}")
        return found


def totals(jobs):
    """The sums over the results of completed jobs."""
    sums = generate.tally_new()
    for job in jobs:
        result = job.get("result")
        if job["state"] == "completed" and isinstance(result, dict):
            for key in ["lines", "malformed", "bytes"]:
                sums[key] += result[key]
            sums["statuses"].update(result["statuses"])
            sums["paths"].update(result["paths"])
    return sums


def counts(counter, most):
    return "  ".join(f"{name} {number:,}" for name, number in counter.most_common(most))


def summarize(run, wrong):
    jobs = list(run.jobs.values())
    sums = totals(jobs)
    errors = [row["error"] for job in jobs for row in job.get("errors", [])]
    simulated = sum("simulated" in error for error in errors)
    completed = sum(job["state"] == "completed" for job in jobs)
    seconds = max(run.seconds, 0.001)
    say(f"{completed} of {len(jobs)} files done in {seconds:.1f} s by {WORKERS} workers: {sums['lines']:,} lines, "
        f"{sums['lines'] / seconds:,.0f} a second")
    say(f"  retried       {simulated} (each seventh file fails once, on purpose)")
    if not run.calm:
        say(f"  handed again  {len(errors) - simulated} (leases that ran out: a worker or the server was killed)")
        say(f"  the server    {run.crash_note}")
    say(f"  answers       {counts(sums['statuses'], 7)}")
    say(f"  top paths     {counts(sums['paths'], 5)}")
    say(f"  sent          {sums['bytes'] / 1e6:,.0f} MB, {sums['malformed']} lines could not be read")
    if not wrong:
        say("  check         every job is completed, and every total equals what the generator wrote")
    for line in wrong:
        say(f"  WRONG         {line}")


def next_steps(run):
    url, job_id = run.server.url, next(iter(run.jobs))
    say()
    say(f"The server is at {url} and goes on running, on {short(run.server.data)}. Try:")
    say(f"  curl -s {url}/api/v1/queues | jq .")
    say(f"  curl -s {url}/api/v1/jobs/{job_id} | jq .")
    say(f"  curl -s {url}/api/v1/enqueue -d '{{\"queue\":\"mail\",\"payload\":{{\"to\":\"ada@example.org\"}}}}'")
    say(f"  curl -s {url}/api/v1/fetch -d '{{\"queues\":[\"mail\"],\"worker_id\":\"me\",\"timeout\":5}}'")
    say("  ./dev demo         again, on the same data: the jobs of this run are still there")
    say("  ./dev demo-stop    stops the server")


def work_through(server, arguments):
    """Everything between a ready server and the summary; the exit code."""
    logs = os.path.join(server.folder, "logs")
    tallies = generate.write_files(logs, arguments.files, arguments.lines, arguments.seed)
    run = Run(server, tallies, arguments.calm)
    run.enqueue()
    say(f"demo: {len(tallies)} access logs in {short(logs)}, a job each in queue '{QUEUE}'; {WORKERS} workers")
    try:
        run.start_workers()
        run.watch()
    finally:
        run.stop_workers()
    wrong = run.wrong()
    summarize(run, wrong)
    if not arguments.once:
        next_steps(run)
    return 1 if wrong else 0


def demo(server, arguments):
    started = server.ensure()
    say(f"demo: the server {'is' if started else 'was already'} running at {server.url} "
        f"(data in {short(server.data)}, log in {short(server.log)})")
    try:
        return work_through(server, arguments)
    finally:
        if arguments.once:
            server.stop()


def main():
    parser = argparse.ArgumentParser(description="works through access logs with a real server")
    parser.add_argument("--corvo", help="the executable")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--once", action="store_true", help="stop the server at the end")
    parser.add_argument("--stop", action="store_true", help="only stop the server")
    parser.add_argument("--calm", action="store_true", help="kill neither a worker nor the server")
    parser.add_argument("--files", type=int, default=42)
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    server = Server(arguments.data_dir, arguments.corvo)
    try:
        if arguments.stop:
            say("demo: stopped" if server.stop() else "demo: no server of the demo is running")
            return 0
        return demo(server, arguments)
    except (ServerError, Refused, OSError) as error:
        say(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        say(f"\ndemo: interrupted; the server {'goes on running' if server.pid() else 'is stopped'}")
        return 130


if __name__ == "__main__":
    sys.exit(main())
