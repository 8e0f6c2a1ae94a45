#!/usr/bin/python3
"""ARCHITECTURE.md: its table of rooms has every room of src/, with the rooms and outside libraries that are really included,
and each room has a README. What rooms may include of each other is tools/tidy's to check."""
import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|", re.M)
INCLUDE = re.compile(r"^#include <([^>]+)>", re.M)
LIBRARIES = [("xxhash.h", "xxhash"), ("yyjson.h", "yyjson"), ("rocksdb/", "rocksdb"), ("sqlite3.h", "sqlite3"),
             ("raft.h", "libraft"), ("uv.h", "uv"), ("llhttp.h", "llhttp"), ("openssl/", "openssl"), ("zlib.h", "zlib"),
             ("curl/", "libcurl"), ("glib.h", "glib"), ("nghttp2/", "nghttp2"), ("jq.h", "jq"), ("zstd.h", "zstd"),
             ("archive", "libarchive"), ("ncurses.h", "ncurses")]


def table():
    """room -> (the rooms, the libraries) that it includes, as the page says; no rooms where it says so in words."""
    with open(os.path.join(ROOT, "ARCHITECTURE.md"), encoding="utf-8") as page:
        text = page.read().partition("## Rooms")[2].partition("\n## ")[0]
    return {room: (set(re.findall(r"\w+", re.sub(r"/[\w.]+", "", rooms))) if not rooms.startswith("all") else None,
                   set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", libraries)))) for room, rooms, libraries in ROW.findall(text)}


def used(room):
    """(the rooms, the libraries) of which the room includes a header."""
    rooms, found = set(), set()
    for path in glob.glob(os.path.join(ROOT, "src", room, "**/*.[ch]"), recursive=True):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        rooms.update(re.findall(r'^#include "(\w+)/', text, re.M))
        for header in INCLUDE.findall(text):
            found.update(name for start, name in LIBRARIES if header.startswith(start))
    return rooms - {room}, found


class Architecture(unittest.TestCase):
    def test_every_room_is_in_the_table_and_has_a_readme(self):
        rooms = sorted(os.path.basename(path[:-1]) for path in glob.glob(os.path.join(ROOT, "src/*/")))
        self.assertGreater(len(rooms), 10)
        self.assertEqual(sorted(table()), rooms)
        for room in rooms:
            self.assertTrue(os.path.exists(os.path.join(ROOT, "src", room, "README.md")), room)

    def test_rooms_and_libraries_are_those_that_are_included(self):
        for room, (rooms, libraries) in table().items():
            with self.subTest(room):
                really = used(room)
                self.assertEqual(libraries, really[1])
                self.assertEqual(really[0] if rooms is None else rooms, really[0])


if __name__ == "__main__":
    unittest.main()
