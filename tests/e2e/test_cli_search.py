"""search, held and errors of the command line against a real server, by every flag that is a filter."""
import json
import re

from harness import check, eq
from shell import run


def found(server, *arguments):
    """The ids that a search prints, in its order."""
    return run(server, "search", *arguments, "--ids").out.split()


def enqueue(server, queue, *arguments):
    return run(server, "enqueue", queue, *arguments, "--quiet").out.strip()


def test_search_finds_by_its_flags_and_pages(t):
    server, queue = t.server(), t.queue()
    c = t.client(server)
    first = enqueue(server, queue, '{"to":"ada"}', "--tag", "team=red", "--priority", "high")
    second = enqueue(server, queue, '{"to":"bob"}', "--tag", "team=it's")
    third = enqueue(server, queue, '{"to":"100%"}', "--delay", "1h")
    eq(found(server, "--queue", queue), [third, second, first])
    eq(found(server, "--queue", queue, "--order", "asc"), [first, second, third])
    eq(found(server, "--queue", queue, "--sort", "priority", "--order", "asc"), [first, second, third])
    eq(found(server, "--queue", queue, "--state", "scheduled"), [third])
    eq(found(server, "--queue", queue, "--state", "pending,scheduled", "--priority", "normal"), [third, second])
    eq(found(server, "--tag", "team=it's"), [second])
    eq(found(server, "--queue", queue, "--tags-any", '[{"team":"red"},{"team":"it\'s"}]'), [second, first])
    eq(found(server, "--queue", queue, "--payload-contains", "100%"), [third])
    eq(found(server, "--queue", queue, "--created-after", "1h"), [third, second, first])
    eq(found(server, "--queue", queue, "--created-before", "1h"), [])
    eq(found(server, "--job-id-prefix", first), [first])
    eq(found(server, "--queue", queue, "--attempt-min", "1"), [])
    job = c.take(queue, worker_id="w-9")
    eq(found(server, "--queue", queue, "--worker-id", "w-9"), [first])
    c.fail(job, "Disk 7 is full", no_retry=True)
    eq(found(server, "--queue", queue, "--has-errors", "--error-contains", "disk"), [first])
    eq(found(server, "--queue", queue, "--limit", "1", "--all"), [third, second, first])
    table = run(server, "search", "--queue", queue).out.splitlines()
    check(re.search(r"^ID +QUEUE +STATE +PRIORITY +TRIES +CREATED +PAYLOAD$", table[0]), table)
    check(re.search(rf"^{first} .* dead +high +1 .*ada", table[3]) and len(table) == 4, table)
    page = json.loads(run(server, "search", "--queue", queue, "--limit", "2", "--output", "json").out)
    eq(([job["id"] for job in page["jobs"]], page["total"], page["has_more"]), ([third, second], 3, True))
    eq(found(server, "--queue", queue, "--cursor", page["cursor"]), [first])
    check("No job matches" in run(server, "search", "--queue", t.queue()).err, "a search that finds nothing")
    check("payload_jq is not supported" in run(server, "search", "--payload-jq", ".a", code=1).err, "jq")


def test_held_jobs_wait_in_a_list_and_are_approved_from_it(t):
    server, queue = t.server(), t.queue()
    jobs = [enqueue(server, queue) for _ in range(2)]
    for job in jobs:
        run(server, "hold", job, "--reason", "too much", "--by", "ada")
    table = run(server, "held", "--queue", queue).out.splitlines()
    check(len(table) == 3 and re.search(rf"^{jobs[1]} .* ada +too much$", table[1]), table)
    ids = run(server, "held", "--queue", queue, "--quiet").out
    run(server, "approve", "-", stdin=ids.encode())
    check("No job is held" in run(server, "held", "--queue", queue).err, "afterwards")
    eq(found(server, "--queue", queue, "--state", "pending"), jobs[::-1])


def test_errors_that_are_alike_are_one_line_that_finds_its_jobs(t):
    server, queue = t.server(), t.queue()
    c = t.client(server)
    jobs = []
    for number in range(3):
        jobs.append(enqueue(server, queue))
        c.fail(c.take(queue), f"host 'h{number}' refused after {number * 17} ms\nat x", no_retry=True)
    table = run(server, "errors", "--queue", queue, "--period", "1h").out.splitlines()
    check(len(table) == 2 and re.search(r"^ *3 .* ([0-9a-f]{16}) +host 'h2' refused after 34 ms$", table[1]), table)
    fingerprint = run(server, "errors", "--queue", queue, "--quiet").out.strip()
    eq(found(server, "--error-fingerprint", fingerprint, "--queue", queue), jobs[::-1])
    check("No error" in run(server, "errors", "--queue", t.queue()).err, "a queue without errors")
