"""The command line row by row of the contract: each command's flags, its plain output, JSON and exit status. What a row
waits for is in LATER, so that it can not be forgotten when its feature is built."""
import json
import re

from harness import check, eq
from shell import run

SHARED = ["--server", "--api-key", "--output-json", "--output", "--no-color", "--quiet", "--timeout"]
FLAGS = {
    "enqueue": ["--priority", "--max-retries", "--scheduled-at", "--tags", "--wait"],
    "inspect": [], "why": [], "attempts": [], "retry": [], "cancel": [], "hold": [], "approve": [], "delete": [], "move": [],
    "reject": ["--revise", "--payload-patch"],
    "held": [], "queues": [], "pause": [], "resume": [], "clear": [], "drain": ["--wait"], "destroy": ["--confirm"],
    "search": ["--queue", "--state", "--priority", "--payload-contains", "--payload-jq", "--error-contains", "--tag",
               "--created-after", "--created-before", "--limit", "--sort", "--order", "--ids"],
    "status": [], "workers": [], "errors": [],
}
LATER = {"enqueue": ["--agent-max-iterations", "--agent-max-cost-usd", "--agent-iteration-timeout", "--parent-id"]}
OTHERS = ["server", "config", "bench", "version", "completion", "help"]
JOB = r"job_[0-9a-f]{26}"


def test_every_command_of_the_contract_has_its_flags(t):
    del t
    listed = re.findall(r"^  ([a-z]+)  ", run(None, "help").out, re.M)
    eq(sorted(listed), sorted([*FLAGS, *OTHERS, "priority"]))
    for command, flags in FLAGS.items():
        words = set(re.findall(r"--[a-z-]+", run(None, command, "--help").out))
        eq(sorted({*SHARED, *flags} - words), [], f"flags that {command} has not")
        eq(sorted(words & set(LATER.get(command, []))), [], f"flags of {command} that are there now: move them to FLAGS")


def test_plain_output_of_what_changes_something_is_one_line(t):
    server = t.fresh()
    run(server, "enqueue", "q", "--max-retries", "-1")
    job_id = run(server, "enqueue", "q", "-q").out.strip()
    for arguments, want in ((["hold", job_id], f"{job_id} held"), (["approve", job_id], f"{job_id} pending"),
                            (["move", job_id, "r"], f"{job_id} moved"), (["cancel", job_id], f"{job_id} cancelled"),
                            (["retry", job_id], f"{job_id} retried"), (["hold", job_id], f"{job_id} held"),
                            (["reject", job_id], f"{job_id} dead"), (["delete", job_id], f"{job_id} deleted"),
                            (["pause", "q"], "q paused"), (["resume", "q"], "q resumed"), (["drain", "q"], "q draining"),
                            (["clear", "q", "--yes"], "q cleared, . jobs?"),
                            (["destroy", "q", "--confirm"], "q deleted, . jobs?")):
        out = run(server, *arguments).out
        check(re.fullmatch(want + r"\n", out), f"{arguments}: {out!r}, want {want!r}")
    check(re.fullmatch(JOB + r" pending\n", run(server, "enqueue", "q", "{}").out), "id and status on one line")


def test_max_retries_of_minus_one_is_unset(t):
    job_id = run(t.server(), "enqueue", t.queue(), "--max-retries", "-1", "-q").out.strip()
    eq(t.client().job(job_id)["max_retries"], 3)


def test_json_is_the_reply_on_every_command_and_under_its_older_name(t):
    server, queue = t.server(), t.queue()
    job_id = run(server, "enqueue", queue, "-q").out.strip()
    for flag in (["--output", "json"], ["-o", "json"], ["--output=json"], ["--output-json"]):
        for arguments in (["inspect", job_id], ["why", job_id], ["attempts", job_id], ["queues"], ["queues", queue],
                          ["status"], ["workers"], ["version"], ["hold", job_id], ["approve", job_id], ["pause", queue],
                          ["resume", queue], ["drain", queue], ["enqueue", queue]):
            out = run(server, *arguments, *flag).out
            check(json.loads(out) is not None and out.endswith("\n"), f"{arguments} {flag}: {out!r}")


def test_json_of_those_commands_that_ask_no_server_themselves(t):
    url = f"http://127.0.0.1:{t.server().port}"
    found = run(None, "bench", "--server", url, "--workload", "b1", "--runs", "1", "--duration", "100ms", "--warmup", "10ms",
                "--connections", "2", "--no-yardsticks", "--queue", t.queue(), "--output", "json")
    rows = [json.loads(line) for line in found.out.splitlines()]
    check(len(rows) > 2 and "round 1 of 1" in found.err, found)
    check(json.loads(run(None, "config", "check", "--output", "json").out)["ok"], "config check")
    check(json.loads(run(None, "config", "dump", "--output", "json").out)["options"], "config dump")
