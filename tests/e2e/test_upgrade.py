"""Data of older versions: each archive in data/ is a directory that one of them left, and what was in it.

    CORVO=/an/older/corvo tests/e2e/test_upgrade.py make NAME     makes tests/e2e/data/NAME.tar.xz

An archive is made once, by the version that it is of, and never again: it is what users have on their disks.
"""
import glob
import json
import os
import sys
import tarfile

from harness import Bench, check, eq, note, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ARCHIVES = os.path.join(HERE, "data")


def unpack(path, folder):
    os.makedirs(folder)
    with tarfile.open(path) as archive:
        archive.extractall(folder)
    with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
        return os.path.join(folder, "data"), json.load(file)


def test_data_of_every_older_version_is_read_and_goes_on(t):
    paths = sorted(glob.glob(os.path.join(ARCHIVES, "*.tar.xz")))
    check(paths, "there are no archives")
    for path in paths:
        data_dir, expected = unpack(path, t.directory("older"))
        server = t.watch(t.new_server("--retention", "0", data_dir=data_dir)).start()
        c = t.client(server)
        compare(c, expected)
        work_on(c, expected)
        server.kill()
        server.start()
        c = t.client(server)
        status = c.status(verify=True)
        eq(status["state_hash"], status["scanned_hash"])
        eq(server.stop(), 0)
        note(f"{os.path.basename(path)}: {len(expected['jobs'])} jobs of {expected['version']}")


def compare(c, expected):
    """Members that are new may be there; those that the older version showed are what they were."""
    status = c.status(verify=True)
    eq(status["state_hash"], status["scanned_hash"])
    wait_for("what is due", lambda: all(queue["retrying"] == 0 for queue in c.ok("GET", "/api/v1/queues")))
    for job in expected["jobs"]:
        now = c.job(job["id"])
        if job["state"] == "retrying":  # Its time has come since.
            job.update(state="pending", scheduled_at=None)
        eq({key: now.get(key) for key in job}, job, f"job {job['id']}")
    for queue in expected["queues"]:
        now = c.ok("GET", f"/api/v1/queues/{queue['name']}")
        queue.update(pending=queue["pending"] + queue["retrying"], retrying=0)
        eq({key: now.get(key) for key in queue}, queue, f"queue {queue['name']}")


def work_on(c, expected):
    """A lease that ran out meanwhile is another's; what was queued is delivered in order; a paused queue goes on."""
    leased = [c.take("leased", wait_ms=5000), c.take("leased", wait_ms=5000)]
    eq(sorted(job["job_id"] for job in leased), sorted(expected["leased"]))
    eq([job["attempt"] for job in leased], [2, 2])
    c.ack(leased[0], result={"late": True})
    job = c.take("mail", lease_duration=60)
    eq(job["job_id"], expected["next"])
    c.fail(job)
    c.ok("POST", "/api/v1/queues/slow/resume")
    c.ack(c.take("slow"))
    c.enqueue("mail", payload="new", priority="critical")
    eq(c.take("mail")["payload"], "new")


# --- Making one ------------------------------------------------------------------------------------------------------

# Members that mean the same as long as the data do; others are added and change their form.
JOB_MEMBERS = ("id", "queue", "state", "payload", "priority", "attempt", "max_retries", "tags", "result", "created_at",
               "scheduled_at", "checkpoint", "progress")
QUEUE_MEMBERS = ("name", "paused", "pending", "active", "completed", "dead", "scheduled", "retrying")


def fill(c):
    """One job of each kind; returns the expectations but for what is read back at the end."""
    mail = [c.enqueue("mail", payload={"n": i}, priority=("normal", "high", "low")[i % 3], tags={"i": str(i)})
            for i in range(30)]
    c.enqueue("later", payload=1, scheduled_at="2040-01-01T00:00:00Z")
    for _ in range(4):
        c.ack(c.take("mail"), result={"ok": True, "text": "x" * 300})
    for _ in range(3):
        c.fail(c.take("mail"), retry_backoff="none")
    dead = c.enqueue("dead", max_retries=1)
    c.fail(c.take("dead"), error="no")
    c.ok("POST", f"/api/v1/jobs/{c.enqueue('cancelled')}/cancel")
    slow = [c.enqueue("slow", payload="y" * 2000, checkpoint={"at": i}) for i in range(5)]
    c.ok("POST", "/api/v1/queues/slow/pause")
    leased = c.enqueue("leased", payload="z")
    c.take("leased", lease_duration=1)
    return mail + [dead] + slow, leased


def finish(c, queue):
    """Acks all that can be had now."""
    job = c.fetch(queue, wait_ms=0)
    while job:
        c.ack(job)
        job = c.fetch(queue, wait_ms=0)


def make(name):
    """Half of it is in the state, by an orderly stop; the other half only in the log, by a kill."""
    t = Bench("make", {})
    server = t.fresh("--retention", "0", "--node-id", "node-1")
    c = t.client(server)
    _, first = fill(c)
    eq(server.stop(), 0)
    server.start()
    c = t.client(server)
    finish(c, "mail")  # So that the second half's are what comes next.
    c.ok("POST", "/api/v1/queues/slow/resume")
    finish(c, "slow")
    ids, second = fill(c)
    expected = {"leased": [first, second]}
    pending = [c.job(job_id) for job_id in ids if c.state(job_id) == "pending"]
    mail = [job for job in pending if job["queue"] == "mail"]
    expected["next"] = min(mail, key=lambda job: (job["priority"], job["created_at"], job["id"]))["id"]
    expected["jobs"] = [{key: job[key] for key in JOB_MEMBERS if key in job} for job in map(c.job, ids)]
    expected["queues"] = [{key: queue[key] for key in QUEUE_MEMBERS if key in queue}
                          for queue in c.ok("GET", "/api/v1/queues") if queue["name"] != "leased"]
    expected["version"] = c.ok("GET", "/api/v1/info")["server_version"]
    server.kill()
    with open(os.path.join(t.root, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(expected, file, indent=1)
    with tarfile.open(os.path.join(ARCHIVES, name + ".tar.xz"), "w:xz") as archive:
        archive.add(server.data_dir, "data", filter=anonymous)
        archive.add(os.path.join(t.root, "expected.json"), "expected.json", filter=anonymous)
    t.done()
    t.remove()


def anonymous(member):
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__" and sys.argv[1:2] == ["make"]:
    make(sys.argv[2])
