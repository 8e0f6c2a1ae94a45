#!/usr/bin/python3
"""Runs every ```sh block of the documents against a real server, and checks that their links lead somewhere.

A block runs under bash -euo pipefail; localhost:8080 stands for the server, corvo for the executable. It fails when a
command fails or when an answer carries an error. Blocks that are not fenced as sh are not run. Closes with
`N passed, N failed`."""
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "examples/access_log"))
sys.dont_write_bytecode = True

from server import Server  # pylint: disable=wrong-import-position

CORVO = os.environ.get("CORVO") or os.path.join(ROOT, "build/release/corvo")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)")
TIMEOUT_S = 120


def documents():
    """The documents that people read: top level, docs, rooms, examples."""
    patterns = ["*.md", "docs/**/*.md", "src/*/README.md", "examples/**/*.md", "bench/*.md"]
    return sorted(path for pattern in patterns for path in glob.glob(pattern, recursive=True))


def run_block(text, url):
    """Why the block failed; empty when it did not."""
    script = text.replace("http://localhost:8080", url).replace("localhost:8080", url)
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=TIMEOUT_S, check=False,
                            env={**os.environ, "CORVO_SERVER": url, "PATH": f"{os.path.dirname(CORVO)}:{os.environ['PATH']}"})
    output = result.stdout + result.stderr
    if result.returncode != 0:
        return f"exit code {result.returncode}:\n{output}"
    if re.search(r'"error":\s*"', output):
        return f"an answer is an error:\n{output}"
    return ""


def check_blocks(path, text, url):
    """(passed, failed) of the document's blocks."""
    passed = failed = 0
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        why = run_block(match.group(1), url)
        print(f"{'FAIL' if why else 'ok':4} {path}:{line} {why}", flush=True)
        passed, failed = passed + (not why), failed + bool(why)
    return passed, failed


def check_links(path, text):
    """The document's links that lead nowhere."""
    dead = [link for link in LINK.findall(text) if not os.path.exists(os.path.join(os.path.dirname(path), link))]
    for link in dead:
        print(f"FAIL {path}: no file {link}: mend the link", flush=True)
    return len(dead)


def main():
    os.chdir(ROOT)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="corvo-docs-") as folder:
        server = Server(folder, CORVO)
        server.start()
        try:
            for path in documents():
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                counts = check_blocks(path, text, server.url)
                dead = check_links(path, text)
                passed, failed = passed + counts[0] + (not dead), failed + counts[1] + dead
        finally:
            server.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
