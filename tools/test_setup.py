#!/usr/bin/python3
"""Tests how tools/setup finds the mirror: it writes its two files into a made-up /etc/apt and installs nothing."""
import os
import resource
import subprocess
import tempfile
import unittest

SETUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "setup")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PINS = """Package: libraft0 libraft-dev
Pin: release n=bookworm-backports
Pin-Priority: 500

Package: libyyjson* libllhttp*
Pin: release n=trixie
Pin-Priority: 500
"""
PIN_LOW = """
Package: *
Pin: release n=trixie
Pin-Priority: -10
"""


def written(uri, suites="bookworm-backports trixie", more=f"Signed-By: {KEYRING}\n"):
    return f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\n{more}"


def cpu_of_children():
    """Seconds; a busy machine does not add to them as it does to the time on the clock."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class SetupTest(unittest.TestCase):
    """Each test gives apt's folder other sources and reads the two files that come of them."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for name in ["sources.list.d", "preferences.d"]:
            os.mkdir(os.path.join(self.root, name))

    def add(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def setup_sources(self, expected_code=0):
        env = {**os.environ, "CORVO_APT_ETC": self.root}
        result = subprocess.run([SETUP, "--sources"], env=env, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, expected_code, result.stderr)
        return result

    def test_one_line_format(self):
        """The old format, with another vendor's source and a source package line before the right one."""
        self.add("sources.list", "# deb http://no.example/debian bookworm main\n"
                                 "deb http://vendor.example/apt bookworm stable\n"
                                 "deb-src http://source.example/debian bookworm main\n"
                                 "deb http://mirror.example/debian bookworm main contrib\n")
        self.setup_sources()
        self.assertEqual(self.read("sources.list.d/corvo.sources"), written("http://mirror.example/debian"))
        self.assertEqual(self.read("preferences.d/corvo"), PINS + PIN_LOW)

    def test_one_line_options(self):
        """A line with options in brackets: the key and the check of dates go along."""
        self.add("sources.list.d/debian.list",
                 "deb [ arch=amd64 signed-by=/key.gpg check-valid-until=no ] http://m.example/d bookworm main\n")
        self.setup_sources()
        self.assertEqual(self.read("sources.list.d/corvo.sources"),
                         written("http://m.example/d", more="Check-Valid-Until: no\nSigned-By: /key.gpg\n"))

    def test_deb822_format(self):
        """The new format: comments within a stanza, several suites, a security stanza, a disabled one before."""
        self.add("sources.list.d/debian.sources",
                 "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n\n"
                 "Types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\n"
                 "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /debian.gpg\n\n"
                 "Types: deb\nURIs: http://security.example/\nSuites: bookworm-security\nComponents: main\n")
        self.setup_sources()
        self.assertEqual(self.read("sources.list.d/corvo.sources"),
                         written("http://mirror.example/debian", more="Signed-By: /debian.gpg\n"))

    def test_suite_that_is_there_already(self):
        """The owner has backports: only trixie is added, so that apt never reads a suite twice."""
        self.add("sources.list", "deb http://m.example/d bookworm main\n"
                                 "deb http://m.example/d bookworm-backports main\n")
        self.setup_sources()
        self.assertEqual(self.read("sources.list.d/corvo.sources"), written("http://m.example/d", "trixie"))

    def test_both_suites_are_there_already(self):
        """The owner has both: no source of ours is left, and the owner's trixie keeps its rank."""
        self.add("sources.list", "deb http://m.example/d bookworm main\n"
                                 "deb http://m.example/d bookworm-backports main\n"
                                 "deb http://m.example/d trixie main\n")
        self.add("sources.list.d/corvo.sources", written("http://old.example/d"))
        self.setup_sources()
        self.assertFalse(os.path.exists(os.path.join(self.root, "sources.list.d/corvo.sources")))
        self.assertEqual(self.read("preferences.d/corvo"), PINS)

    def test_second_run_changes_nothing(self):
        """Our own file does not count as the system's, so a second run writes the same again."""
        self.add("sources.list", "deb http://m.example/d bookworm main\n")
        self.setup_sources()
        first = self.read("sources.list.d/corvo.sources")
        self.setup_sources()
        self.assertEqual(self.read("sources.list.d/corvo.sources"), first)

    def test_no_mirror(self):
        """No source of bookworm at all: it says so and writes nothing."""
        self.add("sources.list", "deb http://vendor.example/apt stable main\n")
        self.assertIn("cannot tell which mirror", self.setup_sources(1).stderr)
        self.assertEqual(os.listdir(os.path.join(self.root, "preferences.d")), [])

    def test_nothing_to_do_is_quick_and_quiet(self):
        """With everything installed it says nothing; the best of five runs needs less than 0.2 s of CPU."""
        best = 1e9
        for _ in range(5):
            before = cpu_of_children()
            result = subprocess.run([SETUP], capture_output=True, text=True, check=False)
            best = min(best, cpu_of_children() - before)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertLess(best, 0.2)


if __name__ == "__main__":
    unittest.main()
