#!/usr/bin/python3
"""Writes access-log files in Common Log Format: made up, but the same for the same seed, and like a small shop's.

    generate.py DIR [--files N] [--lines N] [--seed N]

Beside the lines it keeps a tally of what it wrote, so that a worker's totals can be checked against a count that
no parser took part in. Run by hand it prints that tally as JSON, one line a file.
"""
import argparse
import bisect
import collections
import itertools
import json
import os
import random

# Path, how often it is asked for, bytes of a usual answer.
PAGES = [
    ("/", 220, 14200), ("/index.html", 60, 14200), ("/style.css", 160, 5300), ("/app.js", 150, 48800),
    ("/favicon.ico", 90, 1150), ("/images/logo.png", 120, 20400), ("/products", 110, 30100),
    ("/products/lamp", 44, 18800), ("/products/desk", 39, 19300), ("/products/chair", 61, 21200),
    ("/cart", 48, 8700), ("/checkout", 17, 9900), ("/login", 33, 4100), ("/search", 55, 12600),
    ("/about", 12, 7400), ("/blog/spring-sale", 26, 16100), ("/feed.xml", 40, 11800), ("/robots.txt", 21, 120),
    ("/api/stock", 95, 640), ("/wp-login.php", 9, 0),
]
STATUSES = [(200, 870), (304, 70), (301, 14), (404, 28), (403, 5), (500, 9), (503, 4)]
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
MALFORMED_EVERY = 997  # Real logs have lines that were cut off.


class Choice:
    """Draws items by weight; quicker than random.choices for one at a time."""

    def __init__(self, items, weights):
        self.items = items
        self.sums = list(itertools.accumulate(weights))

    def draw(self, source):
        return self.items[bisect.bisect(self.sums, source.random() * self.sums[-1])]


def tally_new():
    return {"lines": 0, "malformed": 0, "bytes": 0, "statuses": collections.Counter(),
            "paths": collections.Counter()}


def line_text(source, page, status, size, second):
    host = f"10.{source.randrange(4)}.{source.randrange(256)}.{source.randrange(1, 255)}"
    user = "ada" if source.random() < 0.03 else "-"
    method = "POST" if page[0] in ("/cart", "/checkout", "/login") and source.random() < 0.5 else "GET"
    query = f"?q=item{source.randrange(50)}" if page[0] == "/search" else ""
    day, rest = divmod(second, 86400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    stamp = f"{1 + day % 28:02}/{MONTHS[day // 28 % 12]}/2026:{clock} +0000"
    return f'{host} - {user} [{stamp}] "{method} {page[0]}{query} HTTP/1.1" {status} {size or "-"}\n'


def write_file(path, lines, seed):
    """Writes one file and returns the tally of it."""
    source = random.Random(seed)
    pages = Choice(PAGES, [page[1] for page in PAGES])
    statuses = Choice([row[0] for row in STATUSES], [row[1] for row in STATUSES])
    tally = tally_new()
    second = source.randrange(300 * 86400)
    with open(path + ".new", "w", encoding="ascii") as file:
        for number in range(1, lines + 1):
            page, status = pages.draw(source), statuses.draw(source)
            if page[0] == "/wp-login.php":
                status = 404
            size = 0 if status in (304, 301) else 340 if status >= 400 else page[2] + source.randrange(200)
            second += source.random() < 0.4
            text = line_text(source, page, status, size, second)
            tally["lines"] += 1
            if number % MALFORMED_EVERY == 0:
                file.write(text[:source.randrange(5, 20)] + "\n")
                tally["malformed"] += 1
                continue
            file.write(text)
            tally["bytes"] += size
            tally["statuses"][str(status)] += 1
            tally["paths"][page[0]] += 1
    os.replace(path + ".new", path)
    return tally


def write_files(folder, files, lines, seed):
    """Writes `files` files below the folder; returns {path: tally}."""
    os.makedirs(folder, exist_ok=True)
    tallies = {}
    for number in range(1, files + 1):
        path = os.path.join(folder, f"access-{number:03}.log")
        tallies[path] = write_file(path, lines + number * 10, seed * 1000 + number)
    return tallies


def main():
    parser = argparse.ArgumentParser(description="writes made-up access logs")
    parser.add_argument("folder")
    parser.add_argument("--files", type=int, default=42)
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tallies = write_files(arguments.folder, arguments.files, arguments.lines, arguments.seed)
    for path, tally in tallies.items():
        print(json.dumps({"file": path, **tally}))


if __name__ == "__main__":
    main()
