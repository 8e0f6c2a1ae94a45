#!/usr/bin/python3
"""Replays the corpora of fuzz/ and mutates each for a moment; the canary must fail.

    tests/fuzz/run.py [--seconds S] [TARGET ...]

BUILD names the build (build/fuzz: sanitizers and coverage). A target is a folder of fuzz/corpus. That the engine is at
work is checked, too: it must run, reach edges, keep inputs, and find the canary's planted bug, twice the same.
Ends with `N passed, N failed`.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

BUILD = os.environ.get("BUILD", "build/fuzz")
RUNS_MIN = 1000
SLOWDOWN_MAX_S = 300
TOLD = re.compile(r"^(\w+): (\d+) runs in [\d.]+ s of CPU, \d+/s, (\d+) edges, (\d+) inputs$", re.M)
AGAIN = re.compile(r"^again with: (\S+) (\S+)$", re.M)


def run(command):
    """(exit code, output) of a fuzzer."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SLOWDOWN_MAX_S,
                            check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def mutate(target, seconds, findings):
    dictionary = f"fuzz/dict/{target}.dict"
    words = ["--dictionary", dictionary] if os.path.exists(dictionary) else []
    return run([f"{BUILD}/fuzz/{target}", "--seconds", str(seconds), "--findings", findings, *words,
                f"fuzz/corpus/{target}"])


def check_target(target, seconds, findings):
    """Why the target fails; empty when it is well."""
    code, output = mutate(target, seconds, findings)
    told = TOLD.search(output)
    if code != 0 or not told:
        return f"exit code {code}\n{output}"
    runs, edges, inputs = (int(number) for number in told.groups()[1:])
    corpus = len(glob.glob(f"fuzz/corpus/{target}/*"))
    if runs < RUNS_MIN or edges == 0 or inputs <= corpus:
        return f"the engine is not at work: {told.group(0)}, {corpus} in the corpus"
    print(told.group(0))
    return ""


def check_canary(seconds, findings):
    """The planted bug is found, is found again in the same run, and its command replays it."""
    outputs = [mutate("canary", seconds, findings) for _ in range(2)]
    again = AGAIN.search(outputs[0][1])
    if outputs[0][0] == 0 or not again:
        return f"the planted bug was not found:\n{outputs[0][1]}"
    if AGAIN.search(outputs[1][1]).group(2) != again.group(2):
        return "the same seed found another input"
    code, output = run([again.group(1), again.group(2)])
    if code == 0 or "canary.c" not in output:
        return f"the command that it gave does not fail: exit code {code}\n{output}"
    return check_shrink(again.group(2), findings)


def check_shrink(finding, folder):
    """The canary's finding, with more behind it, shrinks to the four letters."""
    long, small = os.path.join(folder, "long"), os.path.join(folder, "small")
    os.mkdir(small)
    with open(finding, "rb") as source, open(long, "wb") as file:
        file.write(source.read() + b"and more")
    code, output = run([f"{BUILD}/fuzz/canary", "--shrink", small, long])
    found = [open(path, "rb").read() for path in glob.glob(f"{small}/*")]
    return "" if code == 0 and found == [b"bird"] else f"shrinking: exit code {code}, {found}\n{output}"


def main():
    parser = argparse.ArgumentParser(description="replays the corpora of fuzz/ and mutates them for a moment")
    parser.add_argument("--seconds", type=int, default=2, help="CPU time for each target")
    parser.add_argument("targets", nargs="*", help="all, when none is named")
    arguments = parser.parse_args()
    targets = arguments.targets or sorted(map(os.path.basename, glob.glob("fuzz/corpus/*")))
    failed = 0
    with tempfile.TemporaryDirectory() as findings:
        for target in targets:
            if target == "canary":
                why = check_canary(arguments.seconds, findings)
            else:
                why = check_target(target, arguments.seconds, findings)
            if why:
                print(f"FAIL {target}: {why}")
                failed += 1
    print(f"{len(targets) - failed} passed, {failed} failed")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
