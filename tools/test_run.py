#!/usr/bin/python3
"""Tests tests/run: what it counts of each kind of output, and that nothing bad can end as green."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CMOCKA_GOOD = """[==========] Running 2 test(s).
[ RUN      ] first
[       OK ] first
[ RUN      ] second
[       OK ] second
[==========] 2 test(s) run.
[  PASSED  ] 2 test(s).
"""
CMOCKA_BAD = CMOCKA_GOOD.replace("[       OK ] second", "[  FAILED  ] second") + "[  FAILED  ] 1 test(s):\n"
CMOCKA_SKIPPED = CMOCKA_GOOD.replace("[       OK ] second", "[  SKIPPED ] second")

# Output, exit code -> closing line, does the whole pass
CASES = {
    "own_line": ("7 passed, 0 failed\n", 0, "7 passed, 0 failed", True),
    "own_lines_are_summed": ("7 passed, 0 failed\nsim: 3 passed, 0 failed\n", 0, "10 passed, 0 failed", True),
    "own_line_with_a_failure": ("7 passed, 2 failed\n", 1, "7 passed, 2 failed", False),
    "own_line_with_a_skip": ("7 passed, 0 failed, 1 skipped\n", 0, "7 passed, 1 failed", False),
    "own_line_but_bad_exit": ("7 passed, 0 failed\n", 3, "7 passed, 1 failed", False),
    "cmocka": (CMOCKA_GOOD, 0, "2 passed, 0 failed", True),
    "cmocka_failure": (CMOCKA_BAD, 1, "1 passed, 1 failed", False),
    "cmocka_skip": (CMOCKA_SKIPPED, 0, "1 passed, 1 failed", False),
    "cmocka_crash": ("[ RUN      ] first\n", 139, "0 passed, 1 failed", False),
    "unittest": ("....\nRan 4 tests in 0.1s\n\nOK\n", 0, "4 passed, 0 failed", True),
    "unittest_failure": ("Ran 4 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n", 1, "2 passed, 2 failed", False),
    "unittest_without_tests": ("Ran 0 tests in 0.0s\n\nOK\n", 0, "0 passed, 1 failed", False),
    "exit_code_alone": ("fine\n", 0, "1 passed, 0 failed", True),
    "bad_exit_code_alone": ("oh\n", 2, "0 passed, 1 failed", False),
}


class RunTest(unittest.TestCase):
    """Each test gives a copy of the runner a tree with one script that prints and exits as told."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.makedirs(os.path.join(self.root, "tests/one"))
        shutil.copy(os.path.join(ROOT, "tests/run"), os.path.join(self.root, "tests/run"))

    def script(self, text):
        with open(os.path.join(self.root, "tests/one/test_one.sh"), "w", encoding="utf-8") as file:
            file.write(text)

    def run_suite(self, *arguments):
        # The runner that runs this test has told us its own wishes; the inner one is to have none.
        env = {name: value for name, value in os.environ.items() if not name.endswith("SAN_OPTIONS")}
        result = subprocess.run([os.path.join(self.root, "tests/run"), *arguments], capture_output=True, text=True,
                                env=env, check=False)
        self.assertEqual(len(re.findall(r"^\d+ passed, \d+ failed$", result.stdout, re.M)), 1, result.stdout)
        return result.stdout.splitlines()[-1], result.returncode == 0, result.stdout

    def test_suite_without_programs(self):
        """A suite that is named but has nothing to run is a failure."""
        self.assertEqual(self.run_suite("one")[:2], ("0 passed, 1 failed", False))

    def test_plan_forgets_no_suite(self):
        """A suite that no plan names is run by check-all all the same, over the release build."""
        self.script("true\n")
        command = [os.path.join(self.root, "tests/run"), "--list", "check-all"]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        self.assertIn("build/release bash tests/one/test_one.sh\n", result.stdout)

    def test_absent_program(self):
        """A C suite that was not built is a failure."""
        with open(os.path.join(self.root, "tests/one/a.c"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.run_suite("one")[:2], ("0 passed, 1 failed", False))

    def test_thread_report_in_our_code(self):
        """A report with a frame of src/ fails a program that says it passed; one without does not, nor does one about
        a descriptor that libuv had before. A race on memory with libuv on its stack still counts."""
        ours, uv, reused = "#0 f src/node/x.c:1", "#1 g (libuv.so.1)", "Location is file descriptor 3"
        for frames, good in [("#0 f /usr/lib/x.c:1", True), (ours, False), (f"{ours} {uv}", False),
                             (f"{ours} {uv} {reused}", True), (f"{ours} {reused}", False)]:
            path = "path=${TSAN_OPTIONS##*log_path=}; path=${path%%:*}"
            report = f"WARNING: ThreadSanitizer: data race\\n {frames}\\n=================="
            self.script(f'{path}\nprintf "{report}" >"$path.1"\n')
            self.assertEqual(self.run_suite("one")[1], good, frames)

    def test_environment(self):
        """A script is told the build and the server."""
        self.script('[ "$BUILD" = build/asan ] && [ "$CORVO" = "$PWD/build/asan/corvo" ]\n')
        self.assertEqual(self.run_suite("--build", "build/asan", "one")[:2], ("1 passed, 0 failed", True))

    def test_failed_output_is_shown(self):
        """What a failed program printed is shown; what a good one printed is not."""
        self.script("echo the reason\nexit 1\n")
        self.assertIn("| the reason", self.run_suite("one")[2])
        self.script("echo the reason\n")
        self.assertNotIn("| the reason", self.run_suite("one")[2])

    def test_passed_parts_are_not_shown(self):
        """Of a program with a failure only what did not pass is shown, so that a long list can not hide it."""
        self.script(f"cat <<'END'\n{CMOCKA_BAD}END\nexit 1\n")
        output = self.run_suite("one")[2]
        self.assertNotIn("] first", output)
        self.assertIn("| [  FAILED  ] second", output)


def case_test(output, exit_code, closing, good):
    def test(self):
        self.script(f"cat <<'END'\n{output}END\nexit {exit_code}\n")
        self.assertEqual(self.run_suite("one")[:2], (closing, good))

    return test


for case_name, case in CASES.items():
    setattr(RunTest, f"test_counts_{case_name}", case_test(*case))

if __name__ == "__main__":
    unittest.main()
