#!/usr/bin/python3
"""tests/docs/blocks.py: which blocks of a document run, and that none is left out without a word."""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/docs"))
sys.dont_write_bytecode = True

import blocks  # pylint: disable=wrong-import-position

USER = "docs/user/page.md"


def kinds(text, path=USER):
    page = blocks.Page(path, text)
    return [block.kind for block in page.blocks], [text for _, text in page.mistakes]


class Blocks(unittest.TestCase):
    def test_what_runs(self):
        text = ("# x\n\n```sh\ntrue\n```\n<!-- sh\nfalse\n-->\n```console\n$ echo a\na\n```\n```text\nb\n```\n"
                "```sh not run: why\nc\n```\n")
        self.assertEqual(kinds(text), (["sh", "sh", "console", "left"], []))

    def test_what_would_not_run_is_a_mistake(self):
        rows = {"```bash\nls\n```\n": "is not run", "```shell\nls\n```\n": "is not run", "```sh -x\nls\n```\n": "is not run",
                "```console x\n$ ls\n```\n": "is not run", "```\nls\n```\n": "say what this block is",
                "- x\n\n  ```sh\n  ls\n  ```\n": "indented fence", "x\n\n    curl -s localhost\n": "indented block",
                "x\n\n    $ ls\n": "indented block", "```text\n$ ls\n```\n": "say console", "```sh\nls\n": "no end",
                "<!-- sh\nls\n": "no end", "```sh\n\n```\n": "empty", "```console\nls\n```\n": "begins with",
                "```sh not run:\nls\n```\n": "is not run", "~~~bash\nls\n~~~\n": "is not run"}
        for text, want in rows.items():
            with self.subTest(text):
                mistakes = kinds(text)[1]
                self.assertEqual(len(mistakes), 1)
                self.assertIn(want, mistakes[0])

    def test_pages_for_builders_may_show_layouts(self):
        self.assertEqual(kinds("```\nbytes\n```\n\n    make tests\n", "docs/internals/page.md"), ([], []))
        self.assertEqual(len(kinds("```text\n$ ls\n```\n", "docs/internals/page.md")[1]), 1)

    def test_steps_of_a_console_block(self):
        page = blocks.Page(USER, "```console\n$ echo a \\\n> b\na b\n$ true\n$ echo c\nc\n\nd\n```\n")
        self.assertEqual(blocks.steps_of(page.blocks[0]), [(2, "echo a \\\nb\n", "a b\n"), (5, "true\n", ""),
                                                           (6, "echo c\n", "c\n\nd\n")])

    def test_what_changes_from_run_to_run_does_not_count(self):
        one = "job_18eb69ef3d4098660000000001  retrying, in 4m58s\n  Created  2026-11-25 22:22:32Z (2s ago)\n"
        two = "job_18eb8148a6d9f4740000000007 retrying, in 3s\r\n  Created        2026-12-01 02:02:02.5Z (now)\r\n"
        self.assertEqual(blocks.compare(one, two), "")
        self.assertIn("the page says", blocks.compare(one, two.replace("retrying", "dead")))
        self.assertIn("the page says", blocks.compare("a 1\n", "a 2\n"))
        self.assertIn("the page says", blocks.compare("a\n", "a\nb\n"))

    def test_a_text_may_be_cut_a_little_earlier(self):
        self.assertEqual(blocks.compare("a  {\"to\":\"user…  b\n", "a  {\"to\":\"us…  b\n"), "")
        for other in ("a  {\"to\":\"user…  c\n", "a  {\"to\":\"xs…  b\n", "a  {\"t…  b\n", "a  {\"to\":\"user  b\n"):
            self.assertNotEqual(blocks.compare("a  {\"to\":\"user…  b\n", other), "", other)

    def test_dots_stand_for_any_lines(self):
        for want, well in (("a\n...\nd\n", True), ("...\nd\n", True), ("a\n...\n", True), ("a\n...\nc\n...\n", True),
                           ("a\n...\nx\n...\n", False), ("b\n...\n", False), ("a\n...\nb\n", False)):
            self.assertEqual(blocks.compare(want, "a\nb\nc\nd\n") == "", well, want)
        self.assertNotEqual(blocks.compare("a\n...\na\n", "a\n"), "")


if __name__ == "__main__":
    unittest.main()
