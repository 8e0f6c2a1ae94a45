#!/usr/bin/python3
"""Replays the golden transcripts over HTTP: the same commands to a real server, the same replies (left of the bar).

    tests/golden/run.py [FILE ...]

CORVO is the server (build/release/corvo). Each transcript gets a server of its own, which is killed and started again
after half of it. Bodies are compared as text. Job ids appear as $n in both; instants are compared by their distance
from the time of the entry, which is only known within the bounds of the run.

A server turns its own clock and ticks by itself: a transcript is replayed up to the first line that no client can say.
Only whole ones are counted as passed; the others are named with the reason, and any difference in them is a failure.
Ends with `N passed, N failed`.
"""
import argparse
import datetime
import glob
import json
import os
import re
import shutil
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
from harness import Closed, Failure, Server, check, short  # pylint: disable=wrong-import-position

NS = 10**9
START_NS = 1767225600 * NS  # The time of a transcript's first entry.
SLACK_NS = NS  # Between the server's clock and ours.
TIME = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z"')
JOB = re.compile(r"job_[0-9a-f]{16}([0-9a-f]{10})|[0-9a-f]{16}([0-9a-f]{10})(?=\.)")
AGE = re.compile(r'"(?:oldest_ready_age|duration)_ms":(\d+)')
PRINTED = re.compile(r"(\d+) (\w+)(?: (.*))?")
SOON = re.compile(r"\bscheduled_at=\d|\b(?:delay|expire_after)=(?:[0-2]s|\d+ms)\b")
NEXT = re.compile(r'"next_attempt_at":("[^"]*")')
SOON_NS = 3 * NS  # What is due before that may happen while we go on.
NUMBER = re.compile(r"[0-9.-]+")
NO_REPLY = {"due", "epoch"}  # They print what no client sees.
ON_A_JOB = {"cancel", "retry", "move", "hold", "approve", "reject", "priority"}  # POST /jobs/{job_id}/...
ON_A_QUEUE = {  # Method and path behind /queues/NAME.
    "pause": ("POST", "/pause"), "resume": ("POST", "/resume"), "drain": ("POST", "/drain"),
    "clear": ("POST", "/clear"), "destroy": ("DELETE", ""),
    "throttle": ("POST", "/throttle"), "unthrottle": ("DELETE", "/throttle"), "concurrency": ("POST", "/concurrency"),
    "queue_retention": ("PUT", "/retention"), "queue_lease": ("PUT", "/lease"),
}
OPERATIONS = {"enqueue", "fetch", "ack", "fail", "heartbeat", "delete"} | ON_A_JOB | set(ON_A_QUEUE)
READS = {"job", "attempts", "queues"}
SOFT = {"throughput_1m", "wait_p50_ms", "wait_p99_ms"}
REASONS = {
    "clock": "a server's clock can not be turned",
    "tick": "a server ticks by itself",
    "options": "options are changed on the way",
    "why": "a server adds what it knows of its workers",
}


class Unsayable(Exception):
    """A line that can not be said over HTTP, and why."""


class Line:
    """A command: its number, verb, words, how often, and whether its output is left out."""

    def __init__(self, number, verb, words, count, hushed):
        self.number = number
        self.verb = verb
        self.words = words
        self.count = count
        self.hushed = hushed


# --- Reading transcripts ---------------------------------------------------------------------------------------------


def split_words(text):
    """Words of a line; spaces within quotes and brackets do not end one."""
    words, word, depth, quoted = [], "", 0, False
    for at, letter in enumerate(text):
        if letter == '"' and (at == 0 or text[at - 1] != "\\"):
            quoted = not quoted
        if not quoted:
            depth += (letter in "{[") - (letter in "}]")
        if letter == " " and not quoted and depth == 0:
            words += [word] if word else []
            word = ""
        else:
            word += letter
    return words + ([word] if word else [])


def read_lines(script):
    lines, hushed, number = [], False, 0
    for text in script.splitlines():
        if text.startswith("#"):
            continue
        number += 1
        words = split_words(text)
        count = 1
        if words[0] == "repeat":
            count, words = int(words[1]), words[2:]
        if words[0] in ("quiet", "loud"):
            hushed = words[0] == "quiet"
        else:
            lines.append(Line(number, words[0], words[1:], count, hushed))
    return lines


def read_output(text):
    """What must be printed: (number, name, reply); queue objects belong to the line above them."""
    printed = []
    for line in text.splitlines():
        match = PRINTED.fullmatch(line)
        if match:
            printed.append([int(match.group(1)), match.group(2), match.group(3)])
        elif line.startswith("{"):
            printed[-1][2] += "\n" + line
    return printed


def json_value(key, value):
    """The value as JSON: words become strings."""
    raw = value[:1] in ('{', '[', '"') or value in ("null", "true", "false")
    number = bool(NUMBER.fullmatch(value))
    if key == "queues" and not raw:
        return json.dumps(value.split(","), ensure_ascii=False)
    if key == "lease_token" or not (raw or number):
        return f'"{value}"'
    return value


# --- Comparing -------------------------------------------------------------------------------------------------------


def with_aliases(text):
    return JOB.sub(lambda match: f"${int(match.group(1) or match.group(2), 16)}", text)


def instant_ns(match):
    whole = datetime.datetime.fromisoformat(match.group(1) + "+00:00")
    fraction = (match.group(2) or ".0")[1:].ljust(9, "0")
    return int(whole.timestamp()) * NS + int(fraction)


def compare(what, got, want, began_ns):
    """`got` is the server's text, `want` the transcript's."""
    now_ns = time.time_ns()
    got = with_aliases(got)
    for age in AGE.findall(got):
        check(int(age) * 10**6 <= now_ns - began_ns + SLACK_NS, f"{what}: an age or duration of {age} ms")
    shapes = [AGE.sub('"_ms":_', TIME.sub('"<time>"', text)) for text in (got, want)]
    check(shapes[0] == shapes[1], f"{what}:\n  want: {short(want, 2000)}\n  have: {short(got, 2000)}")
    for have, expected in zip(TIME.finditer(got), TIME.finditer(want)):
        entry_ns = instant_ns(have) - (instant_ns(expected) - START_NS)
        check(began_ns - SLACK_NS <= entry_ns <= now_ns + SLACK_NS,
              f"{what}: {have.group(0)} where the transcript has {expected.group(0)}")


# --- Saying it over HTTP ---------------------------------------------------------------------------------------------


class Replay:
    """A server, what is known of its jobs, and the output that is still to come."""

    def __init__(self, server, printed):
        self.server = server
        self.printed = printed
        self.client = server.client()
        self.began_ns = time.time_ns()
        self.ids = {}
        self.headers = {}
        self.statuses = read_statuses()
        self.said = 0  # Commands that got a reply.
        self.over = ""  # Why nothing behind this line can be compared.

    def restart(self):
        """As a crash of the process: what was acknowledged must be there again."""
        self.client.close()
        self.server.kill()
        self.server.start()
        self.client = self.server.client()

    def expand(self, text):
        def alias(match):
            job_id = self.ids.get(int(match.group(1)))
            if job_id is None:
                return match.group(0)
            return job_id[4:] if match.group(2) else job_id
        return re.sub(r"\$(\d+)(?=(\.\d)?)", alias, text)

    def fields(self, words):
        fields = {}
        for word in words:
            key, _, value = self.expand(word).partition("=")
            fields[key] = json_value(key, value)
        return fields

    def send(self, method, path, fields=None):
        headers, self.headers = self.headers, {}
        body = None
        if fields is not None:
            body = ("{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}").encode()
        return self.client.request(method, path, body, headers)

    def request(self, verb, words):
        """Sends the command; the server's reply."""
        fields = self.fields(words)
        if verb == "job":
            return self.send("GET", "/api/v1/jobs/" + quote(self.expand(words[0])))
        if verb == "attempts":
            return self.send("GET", f"/api/v1/jobs/{quote(self.expand(words[0]))}/attempts")
        if verb == "queues":
            return self.send("GET", "/api/v1/queues")
        if verb == "fetch":
            return self.send("POST", "/api/v1/fetch/batch", {"wait_ms": "0", **fields})
        if verb in ("ack", "fail"):
            return self.send("POST", f"/api/v1/{verb}/{named(fields, 'job_id')}", fields)
        if verb == "delete":
            return self.send("DELETE", "/api/v1/jobs/" + named(fields, "job_id"))
        if verb in ON_A_JOB:
            return self.send("POST", f"/api/v1/jobs/{named(fields, 'job_id')}/{verb}", fields)
        if verb in ON_A_QUEUE:
            method, path = ON_A_QUEUE[verb]
            path = f"/api/v1/queues/{named(fields, 'queue')}{path}"
            return self.send(method, path, fields if fields or method == "PUT" else None)
        return self.send("POST", f"/api/v1/{verb}", fields)

    def learn(self, reply):
        if reply.status == 201:
            job_id = reply.json()["job_id"]
            self.ids[int(job_id[-10:], 16)] = job_id

    def text_of(self, verb, reply):
        """A reply as transcripts print it."""
        text = reply.body.decode().rstrip("\n")
        again = "again " if reply.headers.get("idempotency-replayed") == "true" else ""
        if reply.status >= 400:
            error = reply.json()
            want = self.statuses.get(error["code"])
            check(reply.status == want, f"{error['code']} comes with status {reply.status}, not {want}")
            return f"{again}{error['code']}: {error['error']}"
        made = verb == "enqueue" and not reply.json()["unique_existing"]
        check(reply.status == (201 if made else 200), f"{verb}: {reply}")
        if verb == "queues":
            # Core does not know how fast the queues go: a server adds that.
            known = [{key: value for key, value in queue.items() if key not in SOFT} for queue in reply.json()]
            queues = [json.dumps(queue, separators=(",", ":"), ensure_ascii=False) for queue in known]
            return "\n".join([str(len(queues))] + queues)
        return text if verb in READS else again + "ok " + text

    def expect(self, number, verb):
        check(self.printed, f"the transcript has no output for command {number}")
        printed = self.printed.pop(0)
        check(printed[:2] == [number, verb], f"command {number} {verb}: the transcript has {printed[0]} {printed[1]}")
        return printed[2]

    def say(self, line, number):
        """Does a command as often as it says and compares the last reply."""
        for _ in range(line.count - 1):
            self.learn(self.request(line.verb, line.words))
        want = None if line.hushed else self.expect(number, line.verb)
        try:
            reply = self.request(line.verb, line.words)
        except Unsayable:
            check(want is not None and not want.startswith("ok"), f"command {number} can not be said, but succeeds")
            return
        self.said += 1
        if line.verb == "enqueue":
            self.learn(reply)
        got = self.text_of(line.verb, reply)
        if want is not None:
            compare(f"command {number} {line.verb}", got, want, self.began_ns)
        self.look_ahead(line, got)

    def look_ahead(self, line, got):
        """Sees when the server is going to do something by itself that the transcript does with a tick."""
        again = NEXT.search(got)
        if SOON.search(" ".join(line.words)) or (
                again and instant_ns(TIME.fullmatch(again.group(1))) < time.time_ns() + SOON_NS):
            self.over = f"what `{line.verb}` made due is done by the server itself"

    def say_unit(self, lines, number):
        """A unit of enqueues is a batch."""
        if any(line.verb != "enqueue" for line in lines):
            raise Unsayable("only a unit of enqueues has a route")
        jobs = "[" + ",".join("{" + ",".join(f'"{key}":{value}' for key, value in self.fields(line.words).items()) + "}"
                              for line in lines) + "]"
        reply = self.send("POST", "/api/v1/enqueue/batch", {"jobs": jobs})
        if reply.status >= 400:
            # All of them answer as the one that failed; over HTTP that one is named.
            got = re.sub(r": jobs\[\d+\]: ", ": ", self.text_of("enqueue", reply))
            for _ in lines:
                compare(f"command {number} enqueue", got, self.expect(number, "enqueue"), self.began_ns)
            return
        check(reply.status == 201, f"a unit of enqueues: {reply}")
        results = reply.json()["results"]
        check(len(results) == len(lines), f"{len(results)} results of {len(lines)} enqueues")
        for result in results:
            self.ids[int(result["job_id"][-10:], 16)] = result["job_id"]
            again = "again " if "idempotency-replayed" in reply.headers else ""
            got = again + "ok " + json.dumps(result, separators=(",", ":"))
            compare(f"command {number} enqueue", got, self.expect(number, "enqueue"), self.began_ns)
            self.said += 1

    def refuse(self, line):
        """Raises when a line is not for a server with a clock of its own."""
        if self.over:
            raise Unsayable(self.over)
        if line.verb in REASONS:
            raise Unsayable(f"`{line.verb}`: {REASONS[line.verb]}")


def heads(words):
    """The headers that say what the words of a `head` line do."""
    if "list" in words:
        raise Unsayable("a keyed list of operations is said with ack/batch")
    names = {"key": "Idempotency-Key"}
    return {names.get(name, name): value for name, _, value in (word.partition("=") for word in words)}


def named(fields, key):
    """Takes a field that goes into the path."""
    name = json.loads(fields.pop(key, '""'))
    if not name:
        raise Unsayable(f"a path without {key}")
    return quote(name)


def quote(text):
    return urllib.parse.quote(text, safe="")


def read_statuses():
    """The status of each code, from the reference that is derived from the server's table."""
    with open(os.path.join(ROOT, "docs/reference/errors.md"), encoding="utf-8") as page:
        return {code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", page.read(), re.M)}


def entries(lines):
    """Groups of lines that are said together: (lines, number of the last, is a unit)."""
    groups, group, unit = [], None, False
    for line in lines:
        if line.verb == "begin":
            group, unit = [], line.words == ["unit"]
        elif line.verb == "end":
            groups.append((group, line.number, unit))
            group = None
        elif group is not None:
            group.append(line)
        else:
            groups.append(([line], line.number, False))
    return groups


def run_group(replay, group, number, unit):
    if unit:
        replay.refuse(group[0])
        replay.say_unit(group, number)
        return
    for line in group:
        replay.refuse(line)
        if line.verb in NO_REPLY:
            if not line.hushed:
                replay.expect(number, line.verb)
        elif line.verb == "reopen":
            replay.restart()
        elif line.verb == "head":
            replay.headers = heads(line.words)
        else:
            check(line.verb in OPERATIONS or line.verb in READS, f"{line.verb}: not known here")
            replay.say(line, number)


def replay_file(path, folder):
    """(commands said, commands in all, why it ended early or "")."""
    with open(path, encoding="utf-8") as file:
        script, _, output = file.read().partition("----\n")
    groups = entries(read_lines(script))
    server = Server(os.path.join(folder, "data"), os.path.join(folder, "log"), ["--log-level", "warn"]).start()
    replay = Replay(server, read_output(output))
    why = ""
    try:
        for at, (group, number, unit) in enumerate(groups):
            if at > 0 and at == len(groups) // 2:
                replay.restart()
            run_group(replay, group, number, unit)
        check(not replay.printed, f"the transcript has more output: {short(replay.printed)}")
    except Unsayable as reason:
        why = str(reason)
    except Closed as error:
        raise Failure(f"{error}; the server's log:\n{server.log()}") from error
    finally:
        replay.client.close()
        code = server.stop()
    check(code == 0, f"the server ended with exit code {code}:\n{server.log()}")
    return replay.said, sum(len(group) for group, _, _ in groups), why


def main():
    parser = argparse.ArgumentParser(description="replays golden transcripts over HTTP")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    files = arguments.files or sorted(glob.glob(os.path.join(HERE, "*.txt")))
    whole, part, no, failed = 0, 0, 0, 0
    for path in files:
        folder = tempfile.mkdtemp(prefix="corvo-golden-")
        name = os.path.basename(path)
        try:
            said, count, why = replay_file(path, folder)
            if not why:
                whole += 1
                print(f"whole {name}: {said} of {count} commands have a reply", flush=True)
            else:
                part, no = part + (said > 0), no + (said == 0)
                print(f"{'part' if said else 'none'}  {name}: {said} of {count} commands, then {why}", flush=True)
        except Failure as error:
            failed += 1
            print(f"FAIL  {name}: {error}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"over HTTP: {whole} transcripts whole, {part} in part, {no} not at all (the latter two are not counted)")
    print(f"{whole} passed, {failed} failed")
    return 1 if failed or not whole else 0


if __name__ == "__main__":
    sys.exit(main())
