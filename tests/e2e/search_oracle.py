"""An independent search: filters, orders and groups of errors over job objects as GET /jobs/{id} shows them.

Nothing here knows SQL or the server's code. Times are compared as the contract says: in milliseconds, strictly; those of
creation exactly.
"""
import datetime
import hashlib
import json
import random
import re

from contract import time_ns

MS = 10**6
STATES = ["pending", "scheduled", "active", "retrying", "held", "completed", "dead", "cancelled"]
PRIORITIES = ["critical", "high", "normal", "low"]
SORTS = ["created_at", "priority", "started_at", "completed_at", "attempt"]
TIMES = {"created": "created_at", "scheduled": "scheduled_at", "started": "started_at", "completed": "completed_at",
         "expire": "expire_at"}


def lower(text):
    """ASCII alone."""
    return re.sub("[A-Z]", lambda match: match.group(0).lower(), text)


def tag_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def searchable(tags):
    """The tags of a job that count: those of an object of texts, numbers and booleans."""
    if not isinstance(tags, dict) or any(isinstance(value, (dict, list)) or value is None for value in tags.values()):
        return {}
    return {key: tag_text(value) for key, value in tags.items()}


def has_tags(job, wanted):
    tags = searchable(job.get("tags"))
    return all(tags.get(key) == tag_text(value) for key, value in wanted.items())


def time_of(job, name):
    if name == "held":
        return time_ns(job["hold"]["at"]) if "hold" in job else None
    return time_ns(job[TIMES[name]]) if TIMES[name] in job else None


def time_matches(job, name, side, bound):
    at = time_of(job, name)
    if at is None:
        return False
    bound = time_ns(bound)
    if name != "created":
        at, bound = at // MS, bound // MS
    return at > bound if side == "after" else at < bound


def fingerprint(error):
    """The first line, quoted text as "…", runs of eight hexadecimal digits or more as x, other digits as 0."""
    line = error.split("\n")[0]
    line = line[:-1] if line.endswith("\r") else line
    line = re.sub(r'"[^"]*"|(?<![0-9A-Za-z])\'[^\']*\'|[0-9a-fA-F]{8,}|[0-9]+', replace, line)
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def replace(match):
    found = match.group(0)
    if found[0] in "\"'":
        return '"…"'
    return "x" if len(found) >= 8 else "0"


def matches(job, wish):
    """True if the job is as the search's body wants it."""
    return all(value is None or FILTERS[name](job, value) for name, value in wish.items() if name in FILTERS)


def payload_text(job):
    """Without white space, and with characters as themselves however they were sent."""
    return json.dumps(job["payload"], separators=(",", ":"), ensure_ascii=False)


def errors_of(job):
    return [error["error"] for error in job.get("errors", [])]


FILTERS = {
    "queue": lambda job, value: job["queue"] == value,
    "state": lambda job, value: not value or job["state"] in value,
    "states": lambda job, value: not value or job["state"] in value,
    "priority": lambda job, value: job["priority"] == PRIORITIES.index(value.lower()),
    "tags": has_tags,
    "tags_any": lambda job, value: not value or any(has_tags(job, tags) for tags in value),
    "payload_contains": lambda job, value: lower(value) in lower(payload_text(job)),
    "error_contains": lambda job, value: any(lower(value) in lower(text) for text in errors_of(job)),
    "error_fingerprint": lambda job, value: value in [fingerprint(text) for text in errors_of(job)],
    "has_errors": lambda job, value: not value or bool(errors_of(job)),
    "attempt_min": lambda job, value: job["attempt"] >= value,
    "attempt_max": lambda job, value: job["attempt"] <= value,
    "unique_key": lambda job, value: job.get("unique_key") == value,
    "batch_id": lambda job, value: job.get("batch_id") == value,
    "worker_id": lambda job, value: job.get("worker_id") == value,
    "parent_id": lambda job, value: job.get("parent_id") == value,
    "chain_id": lambda job, value: job.get("chain_id") == value,
    "chain_step": lambda job, value: job.get("chain_step") == value,
    "schedule_id": lambda job, value: job.get("schedule_id") == value,
    "hold_kind": lambda job, value: job.get("hold", {}).get("kind") == value,
    "job_id_prefix": lambda job, value: job["id"].startswith(value),
}
for NAME in (*TIMES, "held"):
    for SIDE in ("after", "before"):
        FILTERS[f"{NAME}_{SIDE}"] = lambda job, value, name=NAME, side=SIDE: time_matches(job, name, side, value)


def sort_key(sort):
    """Of jobs, ascending; equal ones by creation, which is the order of ids. What is unset comes first."""
    def key(job):
        if sort in ("started_at", "completed_at"):
            return (time_ns(job[sort]) // MS if sort in job else 0, job["id"])
        return (0 if sort == "created_at" else job[sort], job["id"])
    return key


def search(jobs, wish):
    """The ids of all that match, in the wish's order."""
    found = sorted((job for job in jobs if matches(job, wish)), key=sort_key(wish.get("sort") or "created_at"))
    ids = [job["id"] for job in found]
    return ids if wish.get("order") == "asc" else ids[::-1]


def groups(jobs, queue=None):
    """{fingerprint: (count, queues, ids)} of all errors."""
    found = {}
    for job in jobs:
        for error in job.get("errors", []):
            if queue in (None, job["queue"]):
                row = found.setdefault(fingerprint(error["error"]), [0, set(), set()])
                row[0] += 1
                row[1].add(job["queue"])
                row[2].add(job["id"])
    return found


# --- Random wishes ---------------------------------------------------------------------------------------------------


def random_time(chance, jobs, name):
    """Such a time of some job, or of its creation, or a bit beside that."""
    job = chance.choice([job for job in jobs if time_of(job, name)] or jobs)
    at = (time_of(job, name) if chance.random() < 0.8 else None) or time_of(job, "created")
    at += chance.choice([-10**9, -MS, -1, 0, 0, 1, MS, 10**9])
    seconds, rest = divmod(at, 10**9)
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def random_tags(chance, jobs, hits=0.8):
    tags = searchable(chance.choice(jobs).get("tags"))
    if tags and chance.random() < hits:
        return dict(chance.sample(sorted(tags.items()), chance.randint(1, min(2, len(tags)))))
    return {chance.choice(["team", "n", "it's", "%"]): chance.choice(["red", "1", "x", "%"])}


def random_value(chance, jobs, name):
    """A value of a filter that some jobs have and others do not."""
    job = chance.choice(jobs)
    if name in ("state", "states"):
        return chance.sample(STATES, chance.randint(1, 4))
    if name.endswith(("_after", "_before")):
        return random_time(chance, jobs, name.rsplit("_", 1)[0])
    errors = errors_of(job)
    return {
        "queue": lambda: chance.choice([job["queue"], job["queue"], "nowhere"]),
        "priority": lambda: chance.choice(PRIORITIES),
        "tags": lambda: random_tags(chance, jobs),
        "tags_any": lambda: [random_tags(chance, jobs) for _ in range(chance.randint(1, 3))],
        "payload_contains": lambda: chance.choice(['"n":1', "WORD", "%", "'", "zzz", "}", "é"]),
        "error_contains": lambda: chance.choice(["disk", "DISK", "%", "'", "timeout", "no such"]),
        "error_fingerprint": lambda: fingerprint(chance.choice(errors)) if errors else "0123456789abcdef",
        "has_errors": lambda: chance.random() < 0.8,
        "attempt_min": lambda: chance.randint(-1, 4),
        "attempt_max": lambda: chance.randint(-1, 4),
        "worker_id": lambda: chance.choice([job.get("worker_id", "w0"), "w1", "w'2"]),
        "hold_kind": lambda: chance.choice(["api", "agent", "budget"]),
        "unique_key": lambda: chance.choice([row["unique_key"] for row in jobs if "unique_key" in row] or ["none"]),
        "chain_step": lambda: chance.randint(-1, 2),
        "job_id_prefix": lambda: job["id"][:chance.choice([2, 4, 9, 12, 14, 16, 19, 20, 24, 29, 30])],
    }.get(name, lambda: "none")()


def random_wish(chance, jobs, names=None):
    """A search's body: these filters, or some."""
    if names is None:
        names = chance.sample(sorted(FILTERS), chance.choice([0, 1, 2, 2, 3, 3, 4]))
    wish = {name: random_value(chance, jobs, name) for name in names}
    if chance.random() < 0.7:
        wish["sort"] = chance.choice(SORTS)
    if chance.random() < 0.7:
        wish["order"] = chance.choice(["asc", "desc"])
    return wish


def chance_of(seed):
    return random.Random(seed)
