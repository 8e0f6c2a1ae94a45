#!/usr/bin/python3
"""Tests tools/tidy: a small clean tree is clean, and one planted violation of each kind is reported where it is."""
import os
import re
import subprocess
import tempfile
import unittest

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy")

ACK = """/* Acks. */
#include "core/op.h"

#include <string.h>

static const struct field fields[] = {
    {ROW(FIELD_TEXT, 1, job_id), .help = "the job that is done"},
    {.name = "result", .kind = FIELD_JSON, .tag = 2, .help = "what it returned"},
};

const struct op_spec op_ack = {
    .code = OP_ACK,
    .name = "ack",
    .fields = fields,
    .help = "Ends a job.",
};

int ack_size(const char *text)
{
    return (int)strlen(text);
}
"""

# A tree of two rooms in which every rule has something to look at and nothing to say.
CLEAN = {
    "Makefile": "ROOMS := core base\n",
    "tools/rooms.txt": "base: |\ncore: base/* | xxhash.h\nmain: core/* |\n",
    "tools/core_symbols.txt": "strlen # text\n",
    "tools/ratchet.txt": "# rows\n",
    "tools/released_ops.txt": "op 4 ack\ntag AckRequest 1 job_id\n",
    "src/main.c": '#include "core/op.h"\n\nint main(void)\n{\n    return ack_size("");\n}\n',
    "src/base/README.md": "# base\n",
    "src/base/err.h": "/* Errors. */\n"
                      "#ifndef BASE_ERR_H\n#define BASE_ERR_H\n\nenum err_code { ERR_NONE };\n\n#endif\n",
    "src/core/README.md": "# core\n",
    "src/core/op.h": '/* Operations. */\n#ifndef CORE_OP_H\n#define CORE_OP_H\n\n#include "base/err.h"\n\n'
                     "enum op_code { OP_ACK = 4 };\n\n"
                     "/* The length of the text. Any thread. */\nint ack_size(const char *text);\n\n#endif\n",
    "src/core/ops/ack.c": ACK,
    "src/base/options.c": '/* Options. */\n#include "base/err.h"\n\nconst struct option_row options[] = {\n'
                          '    {"bind", ":8080", "where to listen"},\n};\n',
    "tests/unit/test_options.c": "/* Uses options. */\nextern int options;\n",
    "tests/golden/ack.txt": "ack\n----\n",
    "proto/corvo.proto": "message AckRequest {\n  string job_id = 1;\n  string result = 2;\n}\n",
}


def edit(path, old, new):
    """A plant: the file with one text replaced."""
    assert old in CLEAN[path], (path, old)
    return {path: CLEAN[path].replace(old, new, 1)}


def long_function(lines):
    return "int grown(void)\n{\n" + "    ;\n" * (lines - 3) + "}\n"


# name -> (files that differ from the clean tree, what tidy must say)
PLANTS = {
    "function_of_71_lines": ({"src/core/ops/ack.c": ACK + "\n" + long_function(71)},
                             r"^src/core/ops/ack.c:23: grown has 71 lines"),
    "file_of_601_lines": ({"src/core/ops/ack.c": ACK + "\n" * (601 - ACK.count("\n"))},
                          r"^src/core/ops/ack.c:601: 601 lines, more than 600"),
    "test_of_1001_lines": ({"tests/unit/test_options.c": "extern int options;\n" + "\n" * 1000},
                           r"^tests/unit/test_options.c:1001: 1001 lines, more than 1000"),
    "makefile_of_201_lines": ({"Makefile": CLEAN["Makefile"] + "\n" * 200}, r"^Makefile:201: 201 lines"),
    "readme_of_61_lines": ({"src/core/README.md": "line\n" * 61}, r"^src/core/README.md:61: 61 lines, more than 60"),
    "room_without_readme": ({"src/core/README.md": None}, r"^src/core/README.md:1: the room has no README"),
    "line_of_101_columns": ({"src/core/ops/ack.c": ACK + "/* " + "x" * 95 + " */\n"},
                            r"^src/core/ops/ack.c:22: 101 columns"),
    "include_of_another_room": (edit("src/base/options.c", '"base/err.h"', '"core/op.h"'),
                                r'^src/base/options.c:2: base may not include "core/op.h"'),
    "include_of_a_library": (edit("src/core/ops/ack.c", "<string.h>", "<uv.h>"),
                             r"^src/core/ops/ack.c:4: core may not include <uv.h>"),
    "include_without_room": (edit("src/core/ops/ack.c", '"core/op.h"', '"op.h"'),
                             r'^src/core/ops/ack.c:2: core may not include "op.h"'),
    "unknown_room": ({"src/cellar/wine.c": "/* Wine. */\nint main(void);\n"},
                     r"^src/cellar/wine.c:1: room 'cellar' is not"),
    "banned_call": (edit("src/core/ops/ack.c", "strlen(text)", "atoi(text)"),
                    r"^src/core/ops/ack.c:20: atoi is banned"),
    "header_that_needs_another": (edit("src/core/op.h", "int ack_size", "size_t ack_size"),
                                  r"^src/core/op.h:1: does not compile on its own"),
    "header_with_wrong_guard": ({"src/core/op.h": CLEAN["src/core/op.h"].replace("CORE_OP_H", "OP_H")},
                                r"^src/core/op.h:1: the guard is not CORE_OP_H"),
    "function_without_contract": (edit("src/core/op.h", "/* The length of the text. Any thread. */\n", ""),
                                  r"^src/core/op.h:9: ack_size has no contract"),
    "unused_header": ({"src/core/lost.h": "/* Lost. */\n#ifndef CORE_LOST_H\n#define CORE_LOST_H\n#endif\n"},
                      r"^src/core/lost.h:1: nothing includes it"),
    "unused_source": ({"src/core/lost.c": "/* Lost. */\nint lost(void)\n{\n    return 1;\n}\n"},
                      r"^src/core/lost.c:1: no other file uses anything of it"),
    "room_that_is_not_built": (edit("Makefile", "core base", "core"),
                               r"^src/base/options.c:1: room base is not among ROOMS"),
    "op_without_golden": ({"tests/golden/ack.txt": None}, r"^src/core/ops/ack.c:\d+: operation ack has no golden"),
    "op_code_twice": ({"src/core/ops/fail.c": ACK.replace("ack", "fail").replace("OP_ACK", "4"),
                       "tests/golden/fail.txt": "fail\n",
                       "tests/unit/test_fail.c": "int main(void)\n{\n    return fail_size(op_fail);\n}\n"},
                      r"^src/core/ops/fail.c:\d+: op code 4 is ack's already"),
    "op_without_help": (edit("src/core/ops/ack.c", '"Ends a job."', '""'),
                        r"^src/core/ops/ack.c:\d+: operation ack has no .help"),
    "op_code_changed_after_release": (edit("src/core/op.h", "OP_ACK = 4", "OP_ACK = 5"),
                                      r"^tools/released_ops.txt:1: released op 4 was ack, now it is gone"),
    "field_tag_twice": (edit("src/core/ops/ack.c", ".tag = 2", ".tag = 1"),
                        r"^src/core/ops/ack.c:8: tag 1 of fields is job_id's already"),
    "field_tag_twice_by_helper": (edit("src/core/ops/ack.c", "TEXT, 1, job_id", "TEXT, 2, job_id"),
                                  r"^src/core/ops/ack.c:8: tag 2 of fields is job_id's already"),
    "proto_tag_twice": (edit("proto/corvo.proto", "result = 2", "result = 1"),
                        r"^proto/corvo.proto:3: tag 1 of AckRequest is job_id's already"),
    "tag_changed_after_release": (edit("proto/corvo.proto", "job_id = 1", "id = 1"),
                                  r"^tools/released_ops.txt:1: released tag 1 of AckRequest was job_id"),
    "option_without_help": (edit("src/base/options.c", '"where to listen"', '""'),
                            r"^src/base/options.c:5: 'bind' of options has no help"),
    "file_that_is_not_formatted": ({".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 4\nBreakBeforeBraces: Linux\n",
                                    **edit("src/main.c", "    return", "  return")},
                                   r"^src/main.c:\d+: is not formatted"),
    "mark_without_issue": (edit("src/core/ops/ack.c", "/* Acks. */", "/* Acks. TO" "DO: more. */"),
                           r"^src/core/ops/ack.c:1: a mark without its issue"),
    "path_of_a_machine": (edit("src/core/README.md", "# core", "# core in /work/" "main"),
                          r"^src/core/README.md:1: '/work/' is a path of one machine"),
    "talk_of_a_session": (edit("src/core/README.md", "# core", "# core, as the last " "session left it"),
                          r"^src/core/README.md:1: 'last session' is talk"),
    "stale_ratchet": ({"tools/ratchet.txt": "file-length src/core/ops/ack.c 700\n"},
                      r"^tools/ratchet.txt:1: file-length of src/core/ops/ack.c is down to 0"),
}


class TidyTest(unittest.TestCase):
    """Each test lays out a tree in a fresh folder and reads what tidy says of it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def lay_out(self, changes):
        for path, text in {**CLEAN, **changes}.items():
            full = os.path.join(self.root, path)
            if text is None:
                if os.path.exists(full):
                    os.unlink(full)
                continue
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)

    def run_in_tree(self, *command):
        subprocess.run(command, cwd=self.root, check=True, capture_output=True)

    def tidy(self):
        result = subprocess.run([TIDY, "--root", self.root], capture_output=True, text=True, check=False)
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode != 0, ", 0 to mend" not in result.stdout)
        return result.stdout

    def build_core(self, source):
        os.makedirs(os.path.join(self.root, "build/release"))
        self.run_in_tree("sh", "-c", f"printf '{source}' | gcc -x c -c -o build/core.o - && "
                         "ar rcs build/release/libcore.a build/core.o && rm build/core.o")

    def generator(self, text):
        """A stand-in for the generator that writes proto/corvo.proto."""
        path = os.path.join(self.root, "build/release/gen")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nmkdir -p "$1/proto" && printf \'{text}\' > "$1/proto/corvo.proto"\n')
        os.chmod(path, 0o755)

    def test_clean_tree_is_clean(self):
        """Nothing is planted; core uses only what is listed and the generated file is what the generator writes."""
        self.lay_out({})
        self.build_core("unsigned long strlen(const char *); unsigned long f(const char *t) { return strlen(t); }")
        self.generator(CLEAN["proto/corvo.proto"].replace("\n", "\\n"))
        self.assertEqual(self.tidy(), f"tidy: {len(CLEAN)} files, 0 to mend\n")

    def test_limits_are_not_off_by_one(self):
        """Exactly 70 lines a function, 600 a file and 100 columns a line are allowed."""
        text = ACK + "\n" + long_function(70) + "/* " + "x" * 94 + " */\n"
        self.lay_out({"src/core/ops/ack.c": text + "\n" * (600 - text.count("\n"))})
        self.assertIn(", 0 to mend", self.tidy())

    def test_comments_and_strings_are_no_code(self):
        """Banned names and includes within comments and strings are left alone."""
        text = '/* system() #include <uv.h> */\nstatic char *t = "rand()";'
        self.lay_out(edit("src/core/ops/ack.c", "/* Acks. */", text))
        self.assertIn(", 0 to mend", self.tidy())

    def test_core_symbol_that_is_not_listed(self):
        """Core calls getenv, which is not on its list: it is named."""
        self.lay_out({})
        self.build_core("char *getenv(const char *); char *f(const char *t) { return getenv(t); }")
        self.assertRegex(self.tidy(), r"(?m)^tools/core_symbols.txt:1: core uses getenv")

    def test_stale_generated_file(self):
        """The generator writes other text than is in the tree."""
        self.lay_out({})
        self.generator("message Other {}")
        self.assertRegex(self.tidy(), r"(?m)^proto/corvo.proto:1: does not follow from the tables")

    def test_header_cache_sees_a_change_below(self):
        """A header is checked again when a header that it includes has changed."""
        self.lay_out({})
        self.assertIn(", 0 to mend", self.tidy())
        self.lay_out(edit("src/base/err.h", "enum err_code { ERR_NONE };", "enum err_code { };"))
        self.assertRegex(self.tidy(), r"(?m)^src/core/op.h:1: does not compile on its own")

    def test_ratchet_allows_only_what_it_says(self):
        """A row of the ratchet covers a long function at its limit, and not one line more."""
        row = {"tools/ratchet.txt": "function-length src/core/ops/ack.c 80\n"}
        self.lay_out({"src/core/ops/ack.c": ACK + "\n" + long_function(80), **row})
        self.assertIn(", 0 to mend", self.tidy())
        self.lay_out({"src/core/ops/ack.c": ACK + "\n" + long_function(81), **row})
        self.assertRegex(self.tidy(), r"(?m)^src/core/ops/ack.c:23: grown has 81 lines")

    def test_ratchet_never_grows(self):
        """A row that the committed ratchet did not have is named, before and after it is committed."""
        self.lay_out({})
        self.run_in_tree("git", "init", "-q")
        commit = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "core: start"]
        self.run_in_tree("git", "add", "-A")
        self.run_in_tree(*commit)
        self.lay_out({"src/core/ops/ack.c": ACK + "\n" + long_function(80),
                      "tools/ratchet.txt": "function-length src/core/ops/ack.c 80\n"})
        grown = r"(?m)^tools/ratchet.txt:1: function-length of src/core/ops/ack.c grew"
        self.assertRegex(self.tidy(), grown)
        self.run_in_tree("git", "add", "-A", ":!build")
        self.run_in_tree(*commit)
        self.assertRegex(self.tidy(), grown)


def plant_test(changes, expected):
    def test(self):
        self.lay_out(changes)
        self.assertRegex(self.tidy(), re.compile(expected, re.M))

    return test


for plant_name, plant in PLANTS.items():
    setattr(TidyTest, f"test_plant_{plant_name}", plant_test(*plant))

if __name__ == "__main__":
    unittest.main()
