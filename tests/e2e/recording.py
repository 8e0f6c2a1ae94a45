"""Recordings of a server's system calls by strace, and the directories that a power cut could leave behind.

A call has two positions, those of the lines where it began and where it had returned; causes stand before effects,
since strace holds a thread at both points.
"""
import functools
import os
import re

from harness import check, fail, wait_for

CALLS = ("openat,close,fallocate,ftruncate,pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync,"
         "sync_file_range,rename,renameat,renameat2,unlink,unlinkat,link,linkat")
OPTIONS = ("-y", "-xx", "-s", "10000000", "-e", "trace=" + CALLS)
SECTOR = 512
LINE = re.compile(r"(\d+) +(.*)\n")
RESUMED = re.compile(r"<\.\.\. \w+ resumed>,? ?(.*)", re.S)
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FD_PATH = re.compile(r"-?\w+<([^>]*)>")


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


class Call:
    """One system call."""

    def __init__(self, start, name, text):
        self.start = start
        self.end = None
        self.name = name
        self.text = text  # Arguments, then what it returned.
        self.result = None
        self.returned = ""

    def finish(self, end):
        arguments, mark, returned = self.text.rpartition(") ")
        check(mark and returned.lstrip().startswith("= "), f"a call that strace did not end: {self.text[:200]}")
        self.end = end
        self.text = arguments
        self.returned = returned.lstrip()[2:]
        number = re.match(r"-?\d+", self.returned)
        self.result = int(number.group()) if number else -1  # `?`: the process ended in it.
        return self

    @functools.cached_property
    def path(self):
        """Of the file that the first argument is, or that was opened."""
        text = self.returned if self.name == "openat" else self.text
        match = FD_PATH.match(text)
        return unhex(match.group(1)).decode(errors="replace") if match and "\\x" in match.group(1) else ""

    @property
    def is_socket(self):
        match = FD_PATH.match(self.text)
        return bool(match) and (match.group(1).startswith(("socket:", "TCP")) or
                                self.path.startswith(("socket:", "TCP")))

    @functools.cached_property
    def offered(self):
        """The bytes that were to be written."""
        return b"".join(unhex(part) for part in TEXT.findall(self.text))

    @property
    def data(self):
        """The bytes that were taken."""
        return self.offered[:max(self.result or 0, 0)]

    @functools.cached_property
    def numbers(self):
        """The numbers that stand behind everything else: sizes and offsets."""
        return [int(number) for number in re.findall(r", (\d+)(?=,|$)", self.text[-200:])]


def read(path):
    """All calls, in the order in which they began; those that never returned have end None."""
    calls, open_calls = [], {}
    with open(path, encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file):
            match = LINE.fullmatch(line)
            if not match:
                continue
            pid, text = match.groups()
            resumed = RESUMED.fullmatch(text)
            if resumed:
                call = open_calls.pop(pid, None)
                if call:
                    call.text += resumed.group(1)
                    call.finish(number)
                continue
            name, bracket, rest = text.partition("(")
            if not bracket or not name.isidentifier():
                continue  # A signal or an exit.
            call = Call(number, name, rest)
            calls.append(call)
            if rest.endswith("<unfinished ...>"):
                call.text = rest[:-len("<unfinished ...>")].rstrip().removesuffix(",")
                call.text += ", " if not call.text.endswith(">") else ""
                open_calls[pid] = call
            else:
                call.finish(number)
    return calls


def wait_for_end(path, pid):
    """strace runs beside the server and may still be writing when the server is gone."""

    def ended():
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 4096))
            return re.search(rb"^%d +\+\+\+ " % pid, file.read(), re.M)

    wait_for("the end of the recording", ended)


# --- What a disk may hold after a power cut --------------------------------------------------------------------------


class File:
    """A file of the directory: what is durable, and the writes that are not yet."""

    def __init__(self):
        self.size = 0
        self.writes = []   # Durable (offset, bytes), oldest first.
        self.pending = []  # (offset, bytes) since the last sync that returned; bytes None: a change of the size.


class Disk:
    """The directory `root` as of a position of the recording."""

    def __init__(self, calls, root, position):
        self.files = {}
        self.unsure = set()  # Names whose directory entry is not durable.
        began = {}           # fd path -> pending writes when a sync began.
        events = []
        for call in calls:
            if call.start < position and call.path.startswith(root):
                events.append((call.start, 0, call))
                if call.end is not None and call.end < position:
                    events.append((call.end, 1, call))
        for _, returned, call in sorted(events, key=lambda event: event[:2]):
            name = call.path[len(root):].strip("/")
            if returned:
                self.returned(call, name, began)
            elif call.name in ("fdatasync", "fsync") and name in self.files:
                began[id(call)] = list(self.files[name].pending)
            elif call.name == "fsync":
                began[id(call)] = set(self.unsure)
            elif call.name in ("pwrite64", "fallocate", "ftruncate"):
                self.change(call, name)

    def change(self, call, name):
        """From its beginning on a change may be on the disk; a failed one too."""
        file = self.files.setdefault(name, File())
        if call.name == "pwrite64":
            file.pending.append((call.numbers[-1], call.offered))
        elif call.name == "fallocate":
            file.pending.append((call.numbers[-2] + call.numbers[-1], None))
        else:
            file.pending.append((call.numbers[-1], None))

    def returned(self, call, name, began):
        if call.name == "openat" and "O_CREAT" in call.text and call.result >= 0:
            if name not in self.files:
                self.unsure.add(name)
            self.files.setdefault(name, File())
        elif call.name in ("fdatasync", "fsync") and call.result == 0:
            if name in self.files:
                self.settle(self.files[name], began[id(call)])
            else:
                self.unsure -= began[id(call)]
        elif call.name.startswith(("unlink", "rename", "link")):
            fail(f"{call.name} in the log is not modelled")

    @staticmethod
    def settle(file, synced):
        for offset, data in synced:
            if data is None:
                file.size = max(file.size, offset)
            else:
                file.size = max(file.size, offset + len(data))
                file.writes.append((offset, data))
        file.pending = file.pending[len(synced):]

    @property
    def pending(self):
        """All writes that a power cut now may lose, as sectors."""
        return [(name, piece) for name, file in sorted(self.files.items()) for write in file.pending
                for piece in sectors(write)]

    def build(self, target, kept, with_unsure):
        """Makes the directory, with those pending pieces whose numbers are in `kept`."""
        os.makedirs(target)
        extra = {}
        for number, (name, piece) in enumerate(self.pending):
            if number in kept:
                extra.setdefault(name, []).append(piece)
        for name, file in self.files.items():
            if name in self.unsure and not with_unsure:
                continue
            with open(os.path.join(target, name), "wb") as out:
                out.truncate(file.size)
                for offset, data in file.writes + extra.get(name, []):
                    if data is None:
                        out.truncate(max(offset, out.seek(0, os.SEEK_END)))
                    else:
                        out.seek(offset)
                        out.write(data)


def sectors(write):
    """A write as the pieces that a disk writes whole."""
    offset, data = write
    if data is None:
        return [write]
    ends = [*range(SECTOR - offset % SECTOR, len(data), SECTOR), len(data)]
    return [(offset + start, data[start:end]) for start, end in zip([0, *ends], ends)]
