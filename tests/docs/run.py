#!/usr/bin/python3
"""Runs the shell blocks of the documents against real servers, and checks that links lead somewhere.

    tests/docs/run.py               every document
    tests/docs/run.py PATH...       these

blocks.py says which blocks run; one that is written so that it would not run is a failure. Each document with such
blocks has a server and a directory of its own, and one shell (bash -euo pipefail) in which its blocks follow each other:
what one sets the next may use. localhost:8080 stands for the server, corvo for the executable. A block fails when a
command fails, when an answer carries an error or is null, or when a console block shows something else than the page
says. Behind a failure the other blocks of the page fail, too: they did not run. Closes with `N passed, N failed`."""
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import blocks  # pylint: disable=wrong-import-position

CORVO = os.path.abspath(os.environ.get("CORVO") or os.path.join(ROOT, "build/release/corvo"))
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?[^)]*\)")
TIMEOUT_S = 300
COLUMNS = 80
MARK = "@@step "


def documents():
    """The documents that people read: top level, docs, rooms, examples."""
    patterns = ["*.md", "docs/**/*.md", "src/*/README.md", "examples/**/*.md", "bench/*.md", "fuzz/*.md", "packaging/*.md"]
    return sorted(path for pattern in patterns for path in glob.glob(pattern, recursive=True))


class Server:
    """A server with its data in a directory that is removed with it."""

    def __init__(self, folder):
        self.log = open(os.path.join(folder, "server.log"), "w+b")
        self.process = subprocess.Popen([CORVO, "server", "--bind", "127.0.0.1:0", "--data-dir", folder + "/data"],
                                        stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the server did not start: {line!r}; see {folder}/server.log")
        self.url = line.split()[-1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(TIMEOUT_S)
        self.process.stdout.close()
        self.log.close()


def script_of(steps, url):
    """One shell program of all steps, with a mark before the output of each."""
    parts = ["exec 2>&1"]
    for number, (_, script, expected) in enumerate(steps):
        script = script.replace("http://localhost:8080", url).replace("localhost:8080", url)
        if expected is not None:  # As on a terminal; what goes on in a pipe does not.
            script = re.sub(r"^corvo (?=[^|]*$)", "terminal corvo ", script)
        parts.append(f"echo '{MARK}{number}'\n{script}")
    return "\n".join(parts) + f"\necho '{MARK}end'\n"


def run_steps(steps, url, folder):
    """(the output of each step that began, what went wrong with the last of them)."""
    path = os.path.join(folder, "page.sh")
    prelude = f"terminal() {{ '{HERE}/terminal.py' {COLUMNS} \"$@\"; }}\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(prelude + script_of(steps, url))
    work = os.path.join(folder, "clone")  # build/release/corvo is there, too, as it is in a clone.
    os.makedirs(work + "/build/release")
    os.symlink(CORVO, work + "/build/release/corvo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CORVO_")}
    environment.update(CORVO_SERVER=url, NO_COLOR="1", TERM="xterm", TMPDIR=folder,
                       PATH=f"{os.path.dirname(CORVO)}:{os.environ['PATH']}")
    try:
        done = subprocess.run(["bash", "-euo", "pipefail", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              timeout=TIMEOUT_S, check=False, cwd=work, env=environment)
        output, why = done.stdout.decode(errors="replace"), f"exit code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, why = (error.stdout or b"").decode(errors="replace"), f"no end within {TIMEOUT_S} s"
    parts = output.replace(url, "http://localhost:8080").split(MARK)
    return [part.partition("\n")[2] for part in parts[1:]], why


def judge(step, outputs, at, why):
    """Why the step failed; empty when it did not."""
    if at >= len(outputs):
        return "not reached: a step before it failed"
    if at == len(outputs) - 1:  # There is no mark behind it.
        return f"{why}:\n{outputs[at]}"
    if step[2] is not None:
        return blocks.compare(step[2], outputs[at])
    if re.search(r'"error":\s*"', outputs[at]):
        return f"an answer is an error:\n{outputs[at]}"
    if re.search(r"(?m)^null$", outputs[at]):
        return f"an answer is null:\n{outputs[at]}"
    return ""


def check_steps(page):
    """(passed, failed) of what the page runs."""
    steps = [step for block in page.blocks if block.kind != "left" for step in blocks.steps_of(block)]
    if not steps:
        return 0, 0
    with tempfile.TemporaryDirectory(prefix="corvo-docs-") as folder:
        server = Server(folder)
        try:
            outputs, why = run_steps(steps, server.url, folder)
        finally:
            server.stop()
    failed = 0
    for at, step in enumerate(steps):
        bad = judge(step, outputs, at, why)
        failed += bool(bad)
        print(f"{'FAIL' if bad else 'ok':4} {page.path}:{step[0]} {bad}", flush=True)
    return len(steps) - failed, failed


def anchors(path):
    """What "#..." may name in a document: its headings, as they are made into names."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"(?ms)^```.*?^```$", "", file.read())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.*)$", text)}


def check_links(path, text):
    """The count of links that lead nowhere."""
    dead = 0
    for link, anchor in LINK.findall(re.sub(r"(?ms)^```.*?^```$", "", text)):
        target = os.path.join(os.path.dirname(path), link) if link else path
        if not os.path.exists(target):
            why = f"no file {link}"
        elif anchor and target.endswith(".md") and anchor[1:] not in anchors(target):
            why = f"no heading {anchor} in {target}"
        else:
            continue
        dead += 1
        print(f"FAIL {path}: {why}: mend the link", flush=True)
    return dead


def check_page(path):
    """(passed, failed) of a document."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    page = blocks.Page(path, text)
    for line, mistake in page.mistakes:
        print(f"FAIL {path}:{line} {mistake}", flush=True)
    for block in page.blocks:
        if block.kind == "left":
            print(f"     {path}:{block.line} is not run: {block.text}", flush=True)
    passed, failed = check_steps(page)
    wrong = len(page.mistakes) + check_links(path, text)
    if path.startswith("docs/user/") and passed + failed == 0:
        print(f"FAIL {path} runs nothing: a page for users shows at least one command", flush=True)
        wrong += 1
    return passed + (not wrong), failed + wrong


def main():
    os.chdir(ROOT)
    counts = [check_page(path) for path in sys.argv[1:] or documents()]
    print(f"{sum(row[0] for row in counts)} passed, {sum(row[1] for row in counts)} failed")
    return 1 if any(row[1] for row in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
