"""What a server says of itself: one line a fact, in each form, and warnings of what is unsafe."""
import json
import os
import re

from harness import check, eq, wait_for

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) \S.*")


def test_text_lines_and_the_line_of_facts(t):
    server = t.fresh("--node-id", "n 1")
    lines = server.log().splitlines()
    check(all(LINE.fullmatch(line) for line in lines), lines)
    started = [line for line in lines if "corvo started" in line]
    eq(len(started), 1)
    for fact in (r"version=\d+\.\d+\.\d+", "commit=", 'node="n 1"', f"data_dir={server.data_dir}", "durable=true",
                 f"port={server.port}", "applied_index=", f"pid={server.process.pid}", "config=none"):
        check(re.search(fact, started[0]), f"no {fact} in {started[0]}")
    check("warn" not in server.log(), server.log())
    eq(server.stop(), 0)
    check(server.log().endswith("stopped\n"), server.log())


def test_json_lines_are_objects(t):
    server = t.fresh("--log-format", "json", "--durable=false")
    eq(server.stop(), 0)
    rows = [json.loads(line) for line in server.log().splitlines()]
    check(all({"time", "level", "message"} <= set(row) for row in rows), rows)
    started = next(row for row in rows if row["message"] == "corvo started")
    eq((started["port"], started["durable"], started["level"]), (server.port, "false", "info"))
    check(any(row["level"] == "warn" and "power cut" in row["message"] for row in rows), rows)


def test_what_is_unsafe_is_warned_of(t):
    server = t.watch(t.new_server("--raft-store", "badger", bind="0.0.0.0:0",
                                  env={"CORVO_DATA_DRI": "x", "CORVO_API_KEY": "y"})).start()
    warnings = "\n".join(line for line in server.log().splitlines() if " warn " in line)
    for word in ("there is no authentication", "badger means segments", "CORVO_DATA_DRI is not used: .* data-dir"):
        check(re.search(word, warnings), f"no {word!r} in {warnings}")
    check("API_KEY" not in warnings and "power cut" not in warnings, warnings)


def test_the_journal_gets_levels_and_no_time(t):
    server = t.new_server("--durable=false")
    open(server.log_path, "ab").close()
    stat = os.stat(server.log_path)
    server.env["JOURNAL_STREAM"] = f"{stat.st_dev}:{stat.st_ino}"
    t.watch(server).start()
    wait_for("the line of facts", lambda: "corvo started" in server.log())
    lines = server.log().splitlines()
    check(all(re.match(r"<[3467]>\S", line) for line in lines), lines)
    check(any(line.startswith("<4>") and "power cut" in line for line in lines), lines)
