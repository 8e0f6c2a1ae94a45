"""The code blocks of a document, and what is wrong with how they are written: nothing that looks like a command may be
left out of the tests without a word.

    ```sh               runs, all blocks of a page in one shell
    ```console          runs what stands behind each "$ "; what stands below is compared with what it prints
    ```sh not run: WHY  does not run, and says so to the reader of the source and of the test's output
    ```text, ```json …  is no command
    <!-- sh             runs, too, and is not shown: what a page needs to be prepared. Ends with a line "-->".
"""
import collections
import re

Block = collections.namedtuple("Block", "kind line text")  # kind: sh, console, left; for left, text is the reason.

SHELLS = {"bash", "shell", "zsh", "shell-session", "sh-session"}
FENCE = re.compile(r"^( *)(```+|~~~+)\s*(.*)$")
LEFT_OUT = re.compile(r"^sh not run: (\S.*)$")
COMMAND = re.compile(r"^(\$ |(sudo |nohup )?(\./dev|make|corvo|curl|git|jq|apt|apt-get|systemctl|docker|kill|cat|export) )")
# Pages of which every block has to say what it is, and in which no command stands in an indented block.
STRICT = re.compile(r"^(README\.md|docs/user/.*|docs/operating/.*)$")


class Page:
    """The blocks of a document in their order, and its mistakes as (line, text)."""

    def __init__(self, path, text):
        self.path = path
        self.strict = bool(STRICT.match(path))
        self.blocks = []
        self.mistakes = []
        self.lines = text.split("\n")
        at = 0
        while at < len(self.lines):
            at = self.read(at)

    def wrong(self, at, text):
        self.mistakes.append((at + 1, text))

    def read(self, at):
        """Takes what begins at that line; returns the line behind it."""
        line = self.lines[at]
        fence = FENCE.match(line)
        if fence:
            return self.read_fence(at, fence)
        if line.startswith("<!-- sh"):
            end = self.find(at, lambda text: text.strip() == "-->")
            self.blocks.append(Block("sh", at + 1, self.text(at, end)))
            return end + 1
        if self.strict and line.startswith("    ") and COMMAND.match(line.strip()):
            self.wrong(at, "a command in an indented block is not run: fence it as sh")
        return at + 1

    def find(self, at, is_end):
        """The line that ends what begins at `at`."""
        for end in range(at + 1, len(self.lines)):
            if is_end(self.lines[end]):
                return end
        self.wrong(at, "this block has no end")
        return len(self.lines)

    def text(self, at, end):
        return "\n".join(self.lines[at + 1:end]) + "\n"

    def read_fence(self, at, fence):
        mark, tag = fence.group(2), fence.group(3).strip()
        end = self.find(at, lambda text: text.strip() == mark)
        text = self.text(at, end)
        word = tag.split()[0] if tag else ""
        left = LEFT_OUT.match(tag)
        if fence.group(1) and word in {"sh", "console"}:
            self.wrong(at, "an indented fence is not run: begin it at the margin")
        elif left:
            self.blocks.append(Block("left", at + 1, left.group(1)))
        elif tag in {"sh", "console"}:
            self.add(tag, at, text)
        elif word in SHELLS or word in {"sh", "console"}:
            self.wrong(at, f"'{tag}' is not run: say sh, console, or 'sh not run: WHY'")
        elif self.strict and not tag:
            self.wrong(at, "say what this block is: sh, console, text ...")
        elif any(row.startswith("$ ") for row in text.split("\n")):
            self.wrong(at, f"a command in a block of '{tag}' is not run: say console")
        return end + 1

    def add(self, kind, at, text):
        if kind == "console" and not text.startswith("$ "):
            self.wrong(at, "a console block begins with '$ '")
        elif not text.strip():
            self.wrong(at, "this block is empty")
        else:
            self.blocks.append(Block(kind, at + 1, text))


def steps_of(block):
    """What a block runs, as (line, script, expected output); the output of an sh block is None."""
    if block.kind == "sh":
        return [(block.line, block.text, None)]
    steps = []
    for offset, line in enumerate(block.text.split("\n")[:-1], 1):
        if line.startswith("$ "):
            steps.append([block.line + offset, line[2:] + "\n", ""])
        elif line.startswith("> ") and not steps[-1][2]:
            steps[-1][1] += line[2:] + "\n"
        else:
            steps[-1][2] += line + "\n"
    return [tuple(step) for step in steps]


# What is another each time, and how it is written for the comparison.
SHAPES = [(re.compile(pattern), name) for pattern, name in [
    (r"\x1b\[[0-9;]*[mK]", ""),
    (r"\bjob_[0-9a-f]{26}\b", "JOB"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r"\b[0-9a-f]{12,16}\b", "HEX"),
    (r"\b(\d+(\.\d+)?(ms|d|h|m|s))+( ago)?(?![\w.])|\bnow\b", "AGE"),
    (r"\b\d+(\.\d+)? (B|[KMGT]iB)", "SIZE"),
    (r"(?m)^(  (Index|Log|Version|Search) +).*$", r"\1…"),
]]


CUT_SHIFT_MAX = 4


def shape(text):
    """The text with what changes from run to run replaced, and runs of blanks as one."""
    for pattern, name in SHAPES:
        text = pattern.sub(name, text)
    return [re.sub(r" +", " ", line).rstrip() for line in text.replace("\r", "").strip("\n").split("\n")]


def same_line(want, got):
    """True also when both are cut, one a little later: other times make other widths of columns."""
    (want, cut, want_rest), (got, got_cut, got_rest) = want.partition("…"), got.partition("…")
    size = min(len(want), len(got))
    if not cut or not got_cut:
        return want == got and cut == got_cut
    return want[:size] == got[:size] and abs(len(want) - len(got)) <= CUT_SHIFT_MAX and same_line(want_rest, got_rest)


def same(want, got):
    return len(want) == len(got) and all(map(same_line, want, got))


def compare(expected, found):
    """Why the output is not what the page says; empty when it is. A line "..." stands for any lines."""
    want, got = shape(expected), shape(found)
    parts, part = [], []
    for line in want:
        if line.strip() == "...":
            parts.append(part)
            part = []
        else:
            part.append(line)
    parts.append(part)
    if matches(parts, got):
        return ""
    return "the page says:\n" + "\n".join(want) + "\nit is:\n" + "\n".join(got) + "\nword for word:\n" + found


def matches(parts, got):
    """True if the lines have the parts in their order, with anything between two of them."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return same(first, got)
    if len(got) < len(first) + len(last) or not same(first, got[:len(first)]) or not same(last, got[len(got) - len(last):]):
        return False
    at, end = len(first), len(got) - len(last)
    for part in parts[1:-1]:
        while at + len(part) <= end and not same(part, got[at:at + len(part)]):
            at += 1
        if at + len(part) > end:
            return False
        at += len(part)
    return True
