#!/usr/bin/python3
"""docs/reference/contract-rows.md: every row of the contract is there once, and every test that it names exists. So does
every test that the table of guarantees in README.md names."""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs/reference/contract-rows.md")
ROW = re.compile(r"^\| ([TD])(\d+) \| ([^|]+) \| ([^|]+) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/.]+)(?:::(\w+))?`")
COUNTS = {"T": 40, "D": 47}


def rows():
    with open(PAGE, encoding="utf-8") as page:
        return ROW.findall(page.read())


def complaint_about(path, name):
    """Why there is no such test; empty when there is."""
    full = os.path.join(ROOT, path)
    if not os.path.exists(full):
        return f"no file {path}"
    with open(full, encoding="utf-8") as file:
        text = file.read()
    if name and not re.search(rf"^(?:def|static void) {name}\(", text, re.M):
        return f"no {name} in {path}"
    return ""


class ContractRows(unittest.TestCase):
    def test_every_row_is_there_once(self):
        found = [(kind, int(number)) for kind, number, _, _ in rows()]
        wanted = [(kind, number) for kind, count in COUNTS.items() for number in range(1, count + 1)]
        self.assertEqual(found, wanted)

    def test_every_row_has_a_test_or_says_what_it_waits_for(self):
        for kind, number, rule, tests in rows():
            with self.subTest(f"{kind}{number}"):
                self.assertTrue(rule.strip())
                self.assertTrue(TEST.search(tests) or re.fullmatch(r"later: \S.*", tests.strip()), tests)

    def test_every_named_test_exists(self):
        named = [(f"{kind}{number}", *test) for kind, number, _, tests in rows() for test in TEST.findall(tests)]
        self.assertGreater(len(named), 50)
        self.assertEqual([f"{row}: {complaint_about(path, name)}" for row, path, name in named
                          if complaint_about(path, name)], [])

    def test_every_guarantee_names_tests_that_exist(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as page:
            table = page.read().partition("| what | shown by |")[2].partition("\n\n")[0].split("\n")[2:]
        self.assertGreater(len(table), 8)
        for row in table:
            with self.subTest(row):
                named = TEST.findall(row)
                self.assertTrue(named, "no test")
                self.assertEqual([complaint_about(*test) for test in named if complaint_about(*test)], [])

    def test_a_missing_test_is_seen(self):
        self.assertTrue(complaint_about("tests/e2e/none.py", "test_x"))
        self.assertTrue(complaint_about("tests/e2e/test_surface.py", "test_none"))
        self.assertFalse(complaint_about("tests/e2e/test_surface.py", "test_T14_status_has_indexes_as_strings"))


if __name__ == "__main__":
    unittest.main()
