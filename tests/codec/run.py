"""Checks our codec against protoc and Python's protobuf on random messages.

    tests/codec/run.py [--seed N] [--count N]

BUILD names the build directory (build/release); its tests/codec/run is the codec as a filter. The .proto text that the
field rows give goes through protoc; messages are drawn from the seed and cross in both directions, as protobuf and as
proto3 JSON. What JSON spells in our own way (times, durations, money, words, raw JSON) is compared with a second
implementation, below. Ends with `N passed, N failed`.
"""
import argparse
import base64
import contextlib
import datetime
import decimal
import importlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor, json_format
from google.protobuf.message import DecodeError

COUNT_DEFAULT = 2000
FAILURES_SHOWN_MAX = 5
DURATION_MS_MAX = 366 * 86400000 * 10
NANO = 10**9
# protoc's own copy comes with the C++ headers, which nothing else here needs.
TIMESTAMP_PROTO = """syntax = "proto3";
package google.protobuf;
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
"""
WORDS = {0: "none", 1: "low", 2: "High", 4: "very_high"}
DECIMALS = json.JSONDecoder(parse_float=decimal.Decimal, parse_int=decimal.Decimal)


@contextlib.contextmanager
def quiet():
    """The C++ library says on stderr what it refuses."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


class Tool:
    """The codec as a filter; convert() gives bytes, or None when it refuses (self.error says why)."""

    def __init__(self, path):
        self.error = ""
        self.process = subprocess.Popen([path, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def convert(self, message, form_from, form_to, data):
        head = f"{message} {form_from} {form_to} {len(data)}\n".encode()
        self.process.stdin.write(head + data)
        self.process.stdin.flush()
        word, rest = self.process.stdout.readline().decode().rstrip("\n").split(" ", 1)
        if word == "ok":
            return self.process.stdout.read(int(rest))
        self.error = rest
        return None

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError("the codec ended badly")


def write_file(directory, name, text):
    with open(os.path.join(directory, name), "w") as file:
        file.write(text)


def run_protoc(path, directory):
    """The generated modules of the rows' .proto text, as it is and with packed and unpacked exchanged."""
    text = subprocess.run([path, "--proto"], check=True, capture_output=True, text=True).stdout
    packable = r"^(  repeated (?:bool|u?int(?:32|64)|fixed64|double) \w+ = \d+)(?: (\[packed = false\]))?;"
    flipped = re.sub(packable, lambda m: m[1] + ("" if m[2] else " [packed = false]") + ";", text, flags=re.M)
    files = {"sample": text, "flipped": flipped.replace("package corvo.sample;", "package corvo.flipped;")}
    os.makedirs(os.path.join(directory, "google/protobuf"))
    write_file(directory, "google/protobuf/timestamp.proto", TIMESTAMP_PROTO)
    sys.path.insert(0, directory)
    modules = []
    for name, content in files.items():
        write_file(directory, name + ".proto", content)
        subprocess.run(["protoc", f"-I{directory}", f"--python_out={directory}", name + ".proto"], check=True)
        modules.append(importlib.import_module(name + "_pb2"))
    return modules


class Maker:
    """Random messages. `compact` maps each raw JSON text that it made to the same without white space."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.compact = {}

    def integer(self, bits, signed):
        value = self.random.choice([0, 1, 2**bits - 1, 2 ** (bits - 1), self.random.getrandbits(bits),
                                    self.random.getrandbits(self.random.randint(1, bits))])
        return value - 2**bits if signed and value >= 2 ** (bits - 1) else value

    def text(self, size_max=12):
        def character():
            ranges = [(1, 0x1F), (0x20, 0x7E), (0x20, 0x7E), (0x7F, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF),
                      (0x10000, 0x10FFFF)]
            return chr(self.random.randint(*self.random.choice(ranges)))
        return "".join(character() for _ in range(self.random.randint(0, size_max)))

    def json_tokens(self, depth):
        kind = self.random.randint(0, 7 if depth < 3 else 5)
        if kind == 0:
            return [self.random.choice(["null", "true", "false"])]
        if kind <= 2:
            return [self.random.choice(["0", "-0", "1e5", "-1.50E-3", "123456789012345678901234567890", "0.1"])]
        if kind <= 5:
            return [json.dumps(self.text(), ensure_ascii=self.random.random() < 0.5)]
        tokens = []
        for _ in range(self.random.randint(0, 3)):
            tokens += [","] if tokens else []
            tokens += [json.dumps(self.text()), ":"] if kind == 6 else []
            tokens += self.json_tokens(depth + 1)
        return ["{", *tokens, "}"] if kind == 6 else ["[", *tokens, "]"]

    def raw_json(self):
        tokens = self.json_tokens(0)
        spaces = [" ", "\n\t", "\r"] if self.random.random() < 0.3 else [""]
        text = "".join(token + self.random.choice(spaces) for token in tokens)
        self.compact[text] = "".join(tokens)
        return text

    def nano(self):
        """Nano-dollars that a double of dollars holds exactly enough to come back."""
        return self.random.choice([1, -1, NANO, -5 * NANO // 2, self.integer(50, True), self.integer(30, True)])

    def duration_ms(self):
        return self.random.choice([1, 999, 1000, 1500, 60000, 3600000, DURATION_MS_MAX,
                                   self.random.randint(1, DURATION_MS_MAX)])

    def timestamp(self, target, least):
        ns = max(least, self.integer(64, False))
        target.seconds, target.nanos = divmod(ns, NANO)
        target.SetInParent()

    def inner(self, message, depth=0):
        message.SetInParent()
        message.name = self.text()
        message.count = self.integer(32, True)
        message.texts.extend(self.text() for _ in range(self.random.randint(0, 2)))
        if depth < 3 and self.random.random() < 0.4:
            self.inner(message.next, depth + 1)

    def value(self, name, least):
        """A value by the field's name; `least` is the smallest number that is not taken for absent."""
        kind = name.removeprefix("opt_")
        makers = {
            "flag": lambda: least == 1 or self.random.random() < 0.5, "flags": lambda: self.random.random() < 0.5,
            "i32": lambda: self.integer(32, True), "i64": lambda: self.integer(64, True),
            "u32": lambda: self.integer(32, False), "u64": lambda: self.integer(64, False),
            "time": lambda: max(least, self.integer(64, False)), "duration": self.duration_ms,
            "duration_text": lambda: go_duration(self.duration_ms()), "money": lambda: self.integer(64, True),
            "money_double": lambda: self.nano() / NANO,
            "word": lambda: self.random.choice(list(WORDS)[least:]),
            "word_text": lambda: WORDS[self.random.choice(list(WORDS)[least:])],
            "word_number": lambda: self.random.choice(list(WORDS)[least:]),
            "text": self.text, "bytes": lambda: self.random.randbytes(self.random.randint(0, 20)),
            "blob": lambda: self.random.randbytes(self.random.randint(0, 20)), "json": self.raw_json,
        }
        return (makers.get(kind) or makers[kind.removesuffix("s")])()

    def fill(self, message):
        for field in message.DESCRIPTOR.fields:
            if self.random.random() < 0.4:
                self.fill_field(message, field)

    def fill_field(self, message, field):
        target = getattr(message, field.name)
        many = field.label == descriptor.FieldDescriptor.LABEL_REPEATED
        count = self.random.randint(1, 4)
        if field.name == "map":
            for _ in range(count):
                self.inner(target[self.text()])
        elif field.name == "inners":
            for _ in range(count):
                self.inner(target.add())
        elif field.name == "timestamps":
            for _ in range(count):
                self.timestamp(target.add(), 0)
        elif field.name == "inner":
            self.inner(target)
        elif field.name.endswith("timestamp"):
            self.timestamp(target, 0 if field.name.startswith("opt_") else 1)
        elif many:
            target.extend(self.value(field.name, 0) for _ in range(count))
        else:
            setattr(message, field.name, self.value(field.name, 0 if field.name.startswith("opt_") else 1))


# The second implementation of what our JSON spells.


def go_duration(ms):
    if ms < 1000:
        return f"{ms}ms" if ms else "0s"
    minutes, ms = divmod(ms, 60000)
    seconds = f"{decimal.Decimal(ms) / 1000:f}"
    seconds = (seconds.rstrip("0").rstrip(".") if "." in seconds else seconds) + "s"
    if minutes == 0:
        return seconds
    return (f"{minutes // 60}h" if minutes >= 60 else "") + f"{minutes % 60}m" + seconds


def rfc3339(ns):
    seconds, ns = divmod(ns, NANO)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.isoformat() + (f".{ns:09}".rstrip("0") if ns else "") + "Z"


def spelled(name, value, rpc):
    """What our JSON should give for a value, decoded."""
    kind = name.removeprefix("opt_")
    if kind.rstrip("s") in ("i64", "u64") and rpc:
        return str(value)
    if kind in ("time", "times"):
        return rfc3339(value)
    if kind in ("timestamp", "timestamps"):
        return rfc3339(value.seconds * NANO + value.nanos)
    if kind in ("duration", "durations"):
        return go_duration(value)
    if kind in ("money", "moneys"):
        return decimal.Decimal(value) / NANO
    if kind in ("money_double", "money_doubles"):
        return decimal.Decimal(round(value * NANO)) / NANO
    if kind in ("word", "words"):
        return WORDS[value]
    if kind in ("bytes", "blobs"):
        return base64.b64encode(value).decode()
    if kind in ("inner", "inners", "map", "next"):
        return expected(value, rpc)
    if kind in ("word_number", "word_numbers", "u32", "u32s", "i32", "i32s", "count", "i64", "i64s", "u64", "u64s"):
        return decimal.Decimal(value)
    return value


def expected(message, rpc, maker=None):
    """Our JSON of a message, decoded. The Maker knows the compact form of raw JSON."""
    result = {}
    for field, value in message.ListFields():
        name = field.json_name if rpc else field.name
        if field.name in ("json", "jsons"):
            def one(text):
                return maker.compact[text] if rpc else DECIMALS.decode(text)
        else:
            def one(item, of=field.name):
                return spelled(of, item, rpc)
        if field.name == "map":
            result[name] = {key: one(item) for key, item in value.items()}
        elif field.label == descriptor.FieldDescriptor.LABEL_REPEATED:
            result[name] = [one(item) for item in value]
        else:
            result[name] = one(value)
    return result


class Checks:
    def __init__(self, tool, maker, modules):
        self.tool, self.maker = tool, maker
        self.modules = modules
        self.made = self.failed = 0
        self.kinds = set()  # What is counted as a test; each is checked on every message.

    def check(self, what, good, detail=""):
        self.made += 1
        self.kinds.add(what)
        if good:
            return
        self.failed += 1
        if self.failed <= FAILURES_SHOWN_MAX:
            print(f"FAIL {what}: {detail or self.tool.error}")

    def parses_to(self, what, data, message):
        """Python reads `data` as protobuf of an equal message."""
        if data is None:
            self.check(what, False)
            return
        other = type(message)()
        other.ParseFromString(data)
        self.check(what, other == message, f"{other}\n!=\n{message}")

    def compacted(self, message):
        """The message as our JSON carries it: raw JSON without its white space."""
        copy = type(message)()
        copy.CopyFrom(message)
        if copy.json:
            copy.json = self.maker.compact[copy.json]
        for i, text in enumerate(copy.jsons):
            copy.jsons[i] = self.maker.compact[text]
        return copy

    def protobuf(self, name, message):
        data = message.SerializeToString()
        ours = self.tool.convert(name, "proto", "proto", data)
        self.parses_to("our bytes in Python", ours, message)
        self.check("canonical bytes", ours is not None and self.tool.convert(name, "proto", "proto", ours) == ours)
        flipped = getattr(self.modules[1], name)()
        flipped.ParseFromString(data)
        self.parses_to("packed and unpacked exchanged",
                       self.tool.convert(name, "proto", "proto", flipped.SerializeToString()), message)
        cut = data[:self.maker.random.randint(0, len(data))]
        try:
            with quiet():
                part = type(message).FromString(cut)
        except DecodeError:
            self.check("cut bytes are refused", self.tool.convert(name, "proto", "proto", cut) is None)
        else:
            self.parses_to("cut bytes are read", self.tool.convert(name, "proto", "proto", cut), part)

    def own_json(self, name, message, form):
        text = self.tool.convert(name, "proto", form, message.SerializeToString())
        if text is None:
            self.check(f"{form} JSON", False)
            return
        want = expected(message, form == "rpc", self.maker)
        have = DECIMALS.decode(text.decode())
        self.check(f"{form} JSON", have == want, f"{have}\n!=\n{want}")
        self.parses_to(f"{form} JSON read again", self.tool.convert(name, form, "proto", text),
                       self.compacted(message))
        self.check("compact", form == "rpc" or not re.search(rb'"\s*[:,]\s', re.sub(rb'"(\\.|[^"\\])*"', b'""', text)))

    def proto3_json(self, message):
        text = self.tool.convert("SampleRpc", "proto", "rpc", message.SerializeToString())
        if text is None:
            self.check("our proto3 JSON", False)
            return
        other = json_format.Parse(text, type(message)())
        self.check("our proto3 JSON in Python", other == self.compacted(message), f"{other}\n!=\n{message}")
        for snake in (False, True):
            theirs = json_format.MessageToJson(message, preserving_proto_field_name=snake, indent=1)
            self.parses_to("Python's proto3 JSON here",
                           self.tool.convert("SampleRpc", "rpc", "proto", theirs.encode()), message)

    def unknown_fields(self, every, rpc_type):
        """A reader that knows fewer fields skips the rest."""
        small = rpc_type.FromString(every.SerializeToString())
        small.DiscardUnknownFields()
        self.parses_to("unknown fields", self.tool.convert("SampleRpc", "proto", "proto", every.SerializeToString()),
                       small)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=COUNT_DEFAULT)
    options = parser.parse_args()
    path = os.path.join(os.environ.get("BUILD", "build/release"), "tests/codec/run")
    maker = Maker(options.seed)
    with tempfile.TemporaryDirectory() as directory:
        modules = run_protoc(path, directory)
    every_type, rpc_type = modules[0].SampleEvery, modules[0].SampleRpc
    tool = Tool(path)
    checks = Checks(tool, maker, modules)
    for _ in range(options.count):
        every, rpc = every_type(), rpc_type()
        maker.fill(every)
        maker.fill(rpc)
        checks.protobuf("SampleEvery", every)
        checks.protobuf("SampleRpc", rpc)
        checks.own_json("SampleEvery", every, "rest")
        checks.own_json("SampleEvery", every, "rpc")
        checks.proto3_json(rpc)
        checks.unknown_fields(every, rpc_type)
        maker.compact.clear()
    tool.close()
    print(f"{checks.made} checks of {len(checks.kinds)} kinds")
    print(f"{len(checks.kinds) if not checks.failed else 0} passed, {checks.failed} failed")
    if checks.failed:
        print(f"again with: BUILD={os.environ.get('BUILD', 'build/release')} tests/codec/run.py --seed {options.seed}")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
