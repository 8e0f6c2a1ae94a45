"""Hostile requests that are generated from the server's own description: whatever route is added gets its rows.

Each reply must have a code of the reference of errors with just its status; rows that know more say more. Rows of the
transport and of what JSON is at all are in test_hostile.py.
"""
import json
import os
import re

from harness import ROOT, Failure, check, eq, note, request_bytes
from test_hostile import NOBODY, WRONG, Shapes, run_rows

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
DEEP = b"[" * 5000
ANY = tuple(range(400, 432))  # Refused by the client's fault.


def documented():
    """Status of each code."""
    with open(os.path.join(ROOT, "docs/reference/errors.md"), encoding="utf-8") as page:
        return {code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", page.read(), re.M)}


CODES = documented()
REFUSED = tuple(sorted(code for code, status in CODES.items() if 400 <= status < 432))


class Route:
    """One method of one path."""

    def __init__(self, path, method, operation, shapes):
        self.path = path
        self.method = method.upper()
        self.name = f"{self.method} {path}"
        self.parameters = operation["parameters"]
        self.body = operation.get("requestBody")
        self.shapes = shapes
        self.schema = shapes.resolve(self.body["content"]["application/json"]["schema"]) if self.body else None

    def where(self, place):
        return [parameter["name"] for parameter in self.parameters if parameter["in"] == place]

    def target(self, **values):
        """The path with its parameters filled in, not encoded."""
        return re.sub(r"\{(\w+)\}", lambda match: values.get(match.group(1), self.filler(match.group(1))), self.path)

    @staticmethod
    def filler(name):
        return NOBODY if name == "job_id" else "hostile"

    def good(self):
        return None if self.schema is None else json.dumps(self.shapes.good(self.schema)).encode()

    def send(self, target=None, body=b"", headers=None):
        if body == b"" and self.body:
            body = self.good()
        return request_bytes(self.method, target or self.target(), body or None, headers)


def routes(document):
    shapes = Shapes(document)
    return [Route(path, method, operation, shapes) for path, item in document["paths"].items()
            for method, operation in item.items()]


# --- Rows of each kind: (name, bytes, statuses, codes) ---------------------------------------------------------------


def methods_of(document, target):
    """The methods of all paths that fit: /jobs/bulk-get is also a /jobs/{job_id}."""
    found = set()
    for path, item in document["paths"].items():
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), target):
            found |= {method.upper() for method in item}
    return found


def method_rows(document):
    """Every method that a path does not have."""
    for path in document["paths"]:
        target = re.sub(r"\{(\w+)\}", lambda match: Route.filler(match.group(1)), path)
        for method in METHODS:
            if method not in methods_of(document, target):
                yield f"{method} {path}", request_bytes(method, target, b"{}"), 405, "METHOD_NOT_ALLOWED"


def path_rows(route):
    for name in route.where("path"):
        for what, value in (("a bad escape", "%zz"), ("a cut escape", "a%4"), ("a NUL", "a%00b")):
            yield (f"{route.name}: {name} with {what}", route.send(route.target(**{name: value})), 400,
                   "VALIDATION_ERROR")
        for what, value in (("bytes that are not UTF-8", "%ff%fe"), ("5,000 bytes", "x" * 5000), ("a slash", "a%2fb"),
                            ("a line feed", "a%0ab"), ("a namespace", "a::b"), ("dots", "%2e%2e")):
            # What is no good name is not found by a read and refused by a write, each with its own word.
            good = route.method != "GET" and name == "queue" and what in ("a slash", "dots")
            if not good:
                yield f"{route.name}: {name} is {what}", route.send(route.target(**{name: value})), ANY, REFUSED
        yield f"{route.name}: {name} is empty", route.send(route.target(**{name: ""})), (404, 405), \
            ("NOT_FOUND", "METHOD_NOT_ALLOWED")
        yield f"{route.name}: more behind it", route.send(route.target() + "/x/y/z"), 404, "NOT_FOUND"


def query_rows(route):
    for query in ("%zz", "x=%4", "x=a%00b"):
        yield f"{route.name}?{query}", route.send(f"{route.target()}?{query}"), 400, "VALIDATION_ERROR"
    for query in ("consistency=eventual", "min_index=x", "min_index=-1", "min_index=18446744073709551616",
                  "wait_ms=10001", "wait_ms=1.5"):
        if query.partition("=")[0] in route.where("query"):
            yield f"{route.name}?{query}", route.send(f"{route.target()}?{query}"), 400, "VALIDATION_ERROR"


def header_rows(route):
    if "Idempotency-Key" in route.where("header"):
        for what, key in (("empty", ""), ("with a space", "a b"), ("of 129 characters", "k" * 129), ("not ASCII", "\xe9")):
            yield (f"{route.name}: a key that is {what}", route.send(headers={"Idempotency-Key": key}), 400,
                   "VALIDATION_ERROR")
    elif route.method != "GET" and "consistency" not in route.where("query"):
        yield (f"{route.name}: a key where there is none", route.send(headers={"Idempotency-Key": "k"}), 400,
               "VALIDATION_ERROR")
    for name in ("X-Corvo-Namespace", "X-Corvo-Lease-Token", "X-Corvo-Min-Index", "Idempotency-Key"):
        yield (f"{route.name}: two {name} headers", route.send(headers={name: "default", name.upper(): "1"}), 400,
               "VALIDATION_ERROR")
    yield (f"{route.name}: a namespace that is not served", route.send(headers={"X-Corvo-Namespace": "x"}), 501,
           "UNSUPPORTED")


GARBAGE = [
    ("garbage", b"garbage"), ("a list", b"[]"), ("a string", b'"x"'), ("a NUL", b"\x00"), ("half a brace", b"{"),
    ("an object that does not end", b'{"a":1'), ("a byte order mark", b"\xef\xbb\xbf{}"), ("a list too deep", DEEP),
    ("an object too deep", b'{"a":' * 5000), ("a second value", b"{}{}"), ("not UTF-8", b'{"a":"\xff"}'),
    ("half a surrogate", b'{"a":"\\ud800"}'), ("a NUL in a string", b'{"a":"x\x00"}'), ("a cut literal", b'{"a":tru'),
]


def body_rows(route):
    """What is no body at all. A lenient route takes it for none (T17): then the job that nobody knows is refused."""
    if not route.body:
        return
    lenient = route.path == "/api/v1/ack/{job_id}"
    for what, body in GARBAGE:
        yield f"{route.name}: {what}", route.send(body=body), 400, REFUSED if lenient else "PARSE_ERROR"
    good = route.good()
    for size in sorted({1, len(good) // 2, len(good) - 1}):
        yield f"{route.name}: cut at {size}", route.send(body=good[:size]), 400, REFUSED if lenient else "PARSE_ERROR"
    if route.body["required"]:
        yield f"{route.name}: no body", request_bytes(route.method, route.target()), 400, "PARSE_ERROR"


def values_of(shapes, schema):
    """Yields (where, value, codes): each field with each value that it must not have, in an otherwise good body."""
    schema = shapes.resolve(schema)
    kind = schema.get("type") or " or ".join(one["type"] for one in schema.get("oneOf", []))
    for value in WRONG.get(kind, []):
        yield "", value, ("PARSE_ERROR", "VALIDATION_ERROR")
    if kind == "string" and "maxLength" in schema:
        yield "", "x" * (schema["maxLength"] + 1), ("VALIDATION_ERROR",)
    if kind == "string" and schema.get("format") == "date-time":
        yield "", "tomorrow", ("PARSE_ERROR",)
    if kind == "string" and "enum" in schema:
        yield "", "no such word", ("VALIDATION_ERROR",)
    if kind == "integer" and "minimum" in schema:
        yield "", schema["minimum"] - 1, ("VALIDATION_ERROR",)
        yield "", schema["maximum"] + 1, ("VALIDATION_ERROR",)
    if kind == "array":
        if "maxItems" in schema:
            yield "", [shapes.good(schema["items"])] * (schema["maxItems"] + 1), ("VALIDATION_ERROR", "BATCH_TOO_LARGE")
        for where, value, codes in values_of(shapes, schema["items"]):
            yield f"[0]{where}", [value], codes
    elif kind == "object" and "properties" in schema:
        for name, field in schema["properties"].items():
            for where, value, codes in values_of(shapes, field):
                yield f".{name}{where}", {**shapes.good(schema), name: value}, codes
        for name in schema.get("required", []):
            yield f" without {name}", {key: value for key, value in shapes.good(schema).items() if key != name}, \
                ("VALIDATION_ERROR",)
    elif kind == "object":
        for where, value, codes in values_of(shapes, schema["additionalProperties"]):
            yield f".x{where}", {"x": value}, codes


def field_rows(route):
    if not route.body:
        return
    lenient = route.path == "/api/v1/ack/{job_id}"
    for number, (where, value, codes) in enumerate(values_of(route.shapes, route.schema)):
        text = json.dumps(value)
        yield (f"{route.name}{where} = {text[:50]} (row {number})", route.send(body=text.encode()), (400, 413),
               REFUSED if lenient or where.endswith(".priority") else codes)


def all_rows(document):
    """Each kind of row, and the rows."""
    found = {"methods": list(method_rows(document))}
    for kind in (path_rows, query_rows, header_rows, body_rows, field_rows):
        found[kind.__name__] = [row for route in routes(document) for row in kind(route)]
    return found


def run_documented(t, rows):
    """Runs rows; also each code must have its documented status, which the row's own need not say."""
    for name, _, statuses, codes in rows:
        for code in codes if isinstance(codes, tuple) else (codes,):
            check(code in CODES, f"{name}: {code} is no documented code")
            if isinstance(statuses, int) and isinstance(codes, str):
                eq(CODES[code], statuses, f"{name}: the documented status of {code}")
    run_rows(t, t.server(), rows, CODES)


def description(t):
    return t.client(t.server()).ok("GET", "/openapi.json")


def test_there_are_at_least_200_rows_and_each_route_has_some(t):
    document = description(t)
    found = all_rows(document)
    for kind, rows in found.items():
        note(f"{len(rows)} {kind.replace('_', ' ')}")
    names = [row[0] for rows in found.values() for row in rows]
    check(len(names) >= 200, f"{len(names)} rows")
    eq(sorted({name for name in names if names.count(name) > 1}), [], "names twice")
    for field in ("enqueue.queue", "enqueue.scheduled_at", "enqueue/batch.jobs[0].priority", "fetch.queues[0]",
                  "heartbeat.jobs.x.lease_token"):
        check(any(f"POST /api/v1/{field} = " in name for name in names), f"no row for {field}")
    for route in routes(document):
        rows = [name for name in names if name.startswith(route.name)]
        check(len(rows) >= 2 + 8 * bool(route.body) + 9 * len(route.where("path")), f"{route.name}: {len(rows)} rows")


def test_a_route_that_is_planted_is_noticed(t):
    """Rows of a route that nobody wrote rows for: they are there, and they fail when it does not refuse what they send."""
    document = description(t)
    good = {name for rows in all_rows(document).values() for name, *_ in rows}
    document["paths"]["/api/v1/planted/{job_id}"] = document["paths"]["/api/v1/ack/{job_id}"]
    planted = [row for rows in all_rows(document).values() for row in rows if row[0] not in good]
    check(len(planted) > 40, f"{len(planted)} rows")
    check(all("/planted/" in name for name, *_ in planted), "rows of others changed")
    try:
        run_documented(t, planted)  # The server has no such route: 404 to all.
    except Failure as failure:
        wrong = int(re.match(r"(\d+) of ", str(failure)).group(1))
    else:
        wrong = 0
    note(f"{wrong} of {len(planted)} rows of a planted route fail")
    check(wrong * 10 > len(planted) * 8, f"only {wrong} of {len(planted)} rows fail")


def test_methods_that_a_path_does_not_have(t):
    document = description(t)
    run_documented(t, all_rows(document)["methods"])
    client = t.client(t.server())
    for path in document["paths"]:
        target = re.sub(r"\{(\w+)\}", "x", path)
        allowed = client.request("PATCH", target).headers["allow"].split(", ")
        eq(sorted(allowed), sorted(methods_of(document, target)), f"{path}: Allow")


def test_paths(t):
    run_documented(t, all_rows(description(t))["path_rows"])


def test_queries(t):
    run_documented(t, all_rows(description(t))["query_rows"])


def test_headers(t):
    run_documented(t, all_rows(description(t))["header_rows"])


def test_bodies(t):
    run_documented(t, all_rows(description(t))["body_rows"])


def test_fields(t):
    run_documented(t, all_rows(description(t))["field_rows"])
