"""What replies look like: exact keys and types, so that a key that is missing, added or of another type is seen."""
import datetime
import re

from harness import check, eq, fail, short, wait_for

BATCH = "/api/v1/enqueue/batch"
TAGS = {"customer": "acme", "n": 7, "flag": True}


def is_job_id(value):
    return isinstance(value, str) and re.fullmatch(r"job_[0-9a-f]{26}", value)


def is_time(value):
    """RFC 3339 in UTC, at most nine digits of fraction, without trailing zeros."""
    return isinstance(value, str) and re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", value)


def is_token(value):
    return isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,64}", value)


def is_int(value):
    return type(value) is int


def is_number(value):
    return type(value) in (int, float)


def is_text(value):
    return isinstance(value, str) and value


def like(got, want, what="reply"):
    """`want` is a value, a predicate, or a dict or list of them; dicts must have exactly the same keys."""
    if callable(want):
        check(want(got), f"{what}: {short(got)} is not what {want.__name__} wants")
    elif isinstance(want, dict):
        check(isinstance(got, dict), f"{what}: {short(got)} is not an object")
        missing, extra = want.keys() - got.keys(), got.keys() - want.keys()
        check(not missing and not extra, f"{what}: missing keys {sorted(missing)}, unexpected keys {sorted(extra)} "
              f"in {short(got)}")
        for key, value in want.items():
            like(got[key], value, f"{what}.{key}")
    elif isinstance(want, list):
        check(isinstance(got, list) and len(got) == len(want), f"{what}: got {short(got)}, want {short(want)}")
        for i, value in enumerate(want):
            like(got[i], value, f"{what}[{i}]")
    else:
        eq(got, want, what)


def refused(reply, status, code, what="reply"):
    """An error reply: exactly `error` and `code` (and a hint when overloaded)."""
    check(reply.status == status and reply.code == code, f"{what}: {reply}, want {status} {code}")
    body = reply.json()
    check(isinstance(body.get("error"), str) and body["error"], f"{what}: no error text in {body}")
    check(set(body) <= {"error", "code", "retry_after_ms"}, f"{what}: unexpected keys in {body}")
    eq(reply.headers.get("content-type"), "application/json", f"{what}: content type")
    check(reply.body.endswith(b"}\n"), f"{what}: the body does not end with one newline: {reply.body!r}")


def time_ns(text):
    """Nanoseconds since 1970 of a time of a reply."""
    check(is_time(text), f"not a time: {text!r}")
    whole, _, fraction = text[:-1].partition(".")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0"))


def rfc3339(ns):
    moment = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{ns % 10**9:09d}Z"


PLAIN_JOB = {
    "id": is_job_id, "queue": is_text, "state": is_text, "payload": {}, "priority": 2, "attempt": 0, "max_retries": 3,
    "retry_backoff": "exponential", "retry_base_delay_ms": 5000, "retry_max_delay_ms": 600000, "created_at": is_time,
}


def job_like(job, state, without=(), **more):
    """A job object: the fields that every job has, as given or with their defaults, and exactly those in `more`."""
    want = dict(PLAIN_JOB, state=state, **more)
    for key in without:
        want.pop(key)
    like(job, want, "job")


def durability(reply):
    """(word, index, term) of the receipt of a write."""
    text = reply.headers.get("x-corvo-durability", "")
    match = re.fullmatch(r"(synced|unsynced);quorum=1;voters=1;index=(\d+);term=(\d+)", text)
    if not match:
        fail(f"X-Corvo-Durability is {text!r} in {reply}")
    return match.group(1), int(match.group(2)), int(match.group(3))


ERROR = {"id": is_int, "job_id": is_job_id, "attempt": is_int, "error": is_text, "created_at": is_time}


def start_fetch(t, *queues, **fields):
    """A fetch that waits, on a connection of its own."""
    waiter = t.client()
    before = t.client().status()["waiters"]
    waiter.send("POST", "/api/v1/fetch", {"queues": list(queues), "worker_id": "w", "wait_ms": 20000, **fields})
    c = t.client()
    wait_for("the fetch to wait", lambda: c.status()["waiters"] > before)
    return waiter
