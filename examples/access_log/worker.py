#!/usr/bin/python3
"""A worker: takes access-log files as jobs, adds them up, and reports the totals as the job's result.

    worker.py --url http://127.0.0.1:8080 --queue access-logs --id worker-1

It is what a worker of Corvo always is: fetch, work, heartbeat now and then, and at the end ack or fail. Each job comes
with a lease token; whoever lost the lease (because it was silent for too long) is told so and drops the job.
It fails on purpose: every seventh file ends in a made-up network error once. SIGTERM lets it finish the job in hand.
--die-at N makes it kill itself half-way through its Nth job or a later one, as a crash would.
"""
import argparse
import collections
import http.client
import os
import re
import signal
import socket
import sys

from client import Client, Refused

# host ident user [time] "METHOD path PROTOCOL" status bytes
LINE = re.compile(r'^(\S+) (\S+) (\S+) \[([^\]]+)\] "([A-Z]+) (\S+) [^"]*" (\d{3}) (\d+|-)$')
LINES_BETWEEN_HEARTBEATS = 2000
LEASE_S = 3  # Also how long an empty fetch waits: the contract has one number for both.
FAIL_EVERY = 7


class Simulated(Exception):
    """An error that the demo makes up."""


class Worker:
    """One process, one job at a time."""

    def __init__(self, arguments):
        self.client = Client(arguments.url)
        self.queue = arguments.queue
        self.id = arguments.id
        self.die_at = arguments.die_at
        self.jobs = 0
        self.stopping = False

    def fetch(self):
        return self.client.post("/api/v1/fetch", {"queues": [self.queue], "worker_id": self.id,
                                                  "hostname": socket.gethostname(), "timeout": LEASE_S})

    def heartbeat(self, job, totals, size):
        """Tells how far it is; False when the job is no longer ours."""
        progress = {"lines": totals["lines"], "percent": min(99, totals["read"] * 100 // max(size, 1))}
        entry = {"progress": progress, "lease_token": job["lease_token"]}
        reply = self.client.post("/api/v1/heartbeat", {"jobs": {job["job_id"]: entry}})
        return reply["jobs"][job["job_id"]]["status"] == "ok"

    def has_failed(self, job):
        """True when the made-up error is behind it. Not each first attempt brings it: a claim's reply may be lost."""
        if job["attempt"] == 1:
            return False
        errors = self.client.get(f"/api/v1/jobs/{job['job_id']}").get("errors", [])
        return any("simulated" in row["error"] for row in errors)

    def work(self, job):
        """The totals of the job's file; None when the lease was lost on the way."""
        payload = job["payload"]
        if payload["number"] % FAIL_EVERY == 0 and not self.has_failed(job):
            raise Simulated(f"reading {os.path.basename(payload['file'])}: connection reset by peer (simulated)")
        totals = {"lines": 0, "malformed": 0, "bytes": 0, "read": 0,
                  "statuses": collections.Counter(), "paths": collections.Counter()}
        size = os.path.getsize(payload["file"])
        with open(payload["file"], encoding="utf-8", errors="replace") as file:
            for line in file:
                self.count(line, totals)
                if totals["lines"] % LINES_BETWEEN_HEARTBEATS == 0:
                    if 0 < self.die_at <= self.jobs:
                        os.kill(os.getpid(), signal.SIGKILL)
                    if not self.heartbeat(job, totals, size):
                        return None
        del totals["read"]
        return totals

    @staticmethod
    def count(line, totals):
        totals["lines"] += 1
        totals["read"] += len(line)
        match = LINE.match(line)
        if not match:
            totals["malformed"] += 1
            return
        path, status, size = match.group(6, 7, 8)
        totals["bytes"] += 0 if size == "-" else int(size)
        totals["statuses"][status] += 1
        totals["paths"][path.partition("?")[0]] += 1

    def handle(self, job):
        """Works on one job and says how it ended."""
        self.jobs += 1
        try:
            totals = self.work(job)
        except (Simulated, OSError) as error:
            self.client.post(f"/api/v1/fail/{job['job_id']}",
                             {"error": str(error), "lease_token": job["lease_token"]})
            return
        if totals is None:
            print(f"{self.id}: lost the lease of {job['job_id']}", file=sys.stderr)
            return
        self.client.post(f"/api/v1/ack/{job['job_id']}", {"result": totals, "lease_token": job["lease_token"]})

    def stop(self, *_):
        self.stopping = True

    def run(self):
        signal.signal(signal.SIGTERM, self.stop)
        while not self.stopping:
            job = self.fetch()
            if job is None:
                continue
            try:
                self.handle(job)
            except Refused as refusal:
                # LEASE_LOST, or the job was cancelled meanwhile: somebody else has it, or nobody needs it.
                print(f"{self.id}: {job['job_id']}: {refusal}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description="works through access-log files")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--queue", default="access-logs")
    parser.add_argument("--id", default=f"worker-{os.getpid()}")
    parser.add_argument("--die-at", type=int, default=0)
    worker = Worker(parser.parse_args())
    try:
        worker.run()
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"{worker.id}: the server is away: {error}")


if __name__ == "__main__":
    main()
