"""Instructions that the server spends on one job life over HTTP, counted by callgrind.

Two runs of the real server under valgrind, one with more lives than the other: the difference is what the lives cost, without
start and stop. Other load on the machine does not move it. The bounds may only be raised in a commit that says why.

The view is off: it writes by the clock, not by the life, and under valgrind a tenth of a second holds a few lives instead of a
thousand. What it costs is measured at full speed: `corvo bench --workload view`.
"""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

CORVO = os.environ.get("CORVO", "build/release/corvo")
INSTRUCTIONS_MAX = 300_000  # A life: POST enqueue, POST fetch, POST ack, each its own entry.
UNIQUE_MORE_MAX = 0.15  # What a unique key adds to that.
FEW, MANY = 100, 500


def call(connection, path, body):
    connection.request("POST", path, json.dumps(body))
    reply = connection.getresponse()
    data = reply.read()
    assert reply.status in (200, 201), (path, reply.status, data)
    return json.loads(data)


def live(connection, count, unique):
    for number in range(count):
        key = {"unique_key": f"customer-{number:08}"} if unique else {}
        call(connection, "/api/v1/enqueue", {"queue": "budget", "payload": {"text": "x" * 190}, **key})
        job = call(connection, "/api/v1/fetch", {"queues": ["budget"], "worker_id": "w", "timeout": 30})
        call(connection, "/api/v1/ack/" + job["job_id"], {"lease_token": job["lease_token"], "result": {"ok": True}})


def instructions(lives, unique):
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "callgrind.out")
        server = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, CORVO, "server",
             "--bind", "127.0.0.1:0", "--view=false",
             "--data-dir", os.path.join(directory, "data")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            line = server.stdout.readline()
            port = int(re.search(r":(\d+)$", line).group(1))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            live(connection, lives, unique)
            connection.close()
            server.send_signal(signal.SIGTERM)
            _, log = server.communicate(timeout=120)
        finally:
            server.kill()
        if server.returncode != 0:
            raise RuntimeError(log)
        with open(out, encoding="utf-8") as file:
            return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1))


def life(unique):
    return (instructions(MANY, unique) - instructions(FEW, unique)) / (MANY - FEW)


def main():
    plain, unique = life(False), life(True)
    more = unique / plain - 1
    held = [0 < plain <= INSTRUCTIONS_MAX, more <= UNIQUE_MORE_MAX]
    print(f"{plain:,.0f} instructions a life, at most {INSTRUCTIONS_MAX:,}")
    print(f"{unique:,.0f} with a unique key: {more:.1%} more, at most {UNIQUE_MORE_MAX:.0%}")
    print(f"{sum(held)} passed, {held.count(False)} failed")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
