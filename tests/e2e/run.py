#!/usr/bin/python3
"""End-to-end tests: each runs real servers and talks to them over sockets. Closes with `N passed, N failed`.

    tests/e2e/run.py                     all of them
    tests/e2e/run.py lifecycle           the files and tests whose name contains the word
    tests/e2e/run.py --list              only names
    CORVO=build/asan/corvo tests/e2e/run.py    another build

Environment: CORVO (the executable), CRASH_ROUNDS (test_crash.py), SEED (of what is random; printed by each run).
"""
import glob
import importlib.util
import os
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import harness  # pylint: disable=wrong-import-position

LOG_LINES_SHOWN = 40


def load(path):
    name = os.path.basename(path)[:-3]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tests_of(module):
    """The file's tests in the order in which they stand there."""
    found = [(name, test) for name, test in vars(module).items() if name.startswith("test_") and callable(test)]
    return sorted(found, key=lambda row: row[1].__code__.co_firstlineno)


def chosen(file, name, filters):
    return not filters or any(word in f"{file}.{name}" for word in filters)


def run_test(name, test, shared):
    """True if it passed. What it found is printed."""
    bench = harness.Bench(name, shared)
    began = time.monotonic()
    complaint = None
    try:
        test(bench)
    except harness.Failure as failure:
        where = traceback.extract_tb(failure.__traceback__)
        line = next((frame.lineno for frame in where if os.path.basename(frame.filename).startswith("test_")), 0)
        complaint = f"line {line}: {failure}"
    except Exception:  # pylint: disable=broad-except
        complaint = traceback.format_exc()
    bench.done()
    log = bench.logs()
    bench.remove()
    print(f"{'FAIL' if complaint else 'ok':4} {name:84} {time.monotonic() - began:6.2f} s", flush=True)
    if complaint:
        print(f"     | {complaint}".replace("\n", "\n     | "))
        lines = log.splitlines()
        print("     | --- the server's log" + (", its last lines" if len(lines) > LOG_LINES_SHOWN else ""))
        for line in lines[-LOG_LINES_SHOWN:]:
            print(f"     | {line[:400]}")
    sys.stdout.flush()
    return not complaint


def run_file(path, filters):
    """(passed, failed) of one file."""
    file = os.path.basename(path)[:-3]
    module = load(path)
    tests = [row for row in tests_of(module) if chosen(file, row[0], filters)]
    passed = failed = 0
    shared = {}
    if not tests:
        return 0, 0
    print(f"--- {file}", flush=True)
    try:
        for name, test in tests:
            if run_test(name, test, shared):
                passed += 1
            else:
                failed += 1
    finally:
        complaints = harness.stop_shared(shared)
    for complaint in complaints:
        failed += 1
        print(f"FAIL {file}: {complaint}", flush=True)
    return passed, failed


def on_term(number, frame):
    raise SystemExit(128 + number)


def main():
    filters = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    paths = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
    passed = failed = 0
    signal.signal(signal.SIGTERM, on_term)
    if "--list" in sys.argv:
        for path in paths:
            for name, _ in tests_of(load(path)):
                print(f"{os.path.basename(path)[:-3]}.{name}")
        return 0
    began = time.monotonic()
    for path in paths:
        counts = run_file(path, filters)
        passed += counts[0]
        failed += counts[1]
    print(f"{harness.CORVO}: {time.monotonic() - began:.1f} s")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
