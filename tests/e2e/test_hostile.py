"""Malformed, oversized, truncated, wrongly typed and hostile requests over real sockets: each gets its status and code,
and the next good request is served.

TABLE is written by hand. What follows from the server's own description is in test_hostile_routes.py.
"""
import os
import socket
import time

from harness import SLOW, Client, Closed, check, eq, fail, note, request_bytes, short, wait_for

ENQUEUE = "/api/v1/enqueue"
BATCH = "/api/v1/enqueue/batch"
FETCH = "/api/v1/fetch"
NOBODY = "job_0000000000000000000000000f"
CLOSE = "close"  # Mark of a row: the server must close the connection behind its reply.
CLOSE_S = 5 * SLOW
HALF = "half"    # The client closes its side after sending.
ONCE = "once"    # Exactly one reply may come, whatever was sent behind.


def line(*parts, body=b""):
    """A raw request from its lines."""
    return "\r\n".join(parts).encode("latin-1") + b"\r\n\r\n" + body


def post(path, body, **headers):
    return request_bytes("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def chunked(body, *more):
    return line("POST " + ENQUEUE + " HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", *more, body=body)


def enqueue(text):
    """A body of enqueue given as JSON text; Q stands for a good queue."""
    body = text.encode() if isinstance(text, str) else text
    return post(ENQUEUE, body.replace(b'"Q"', b'"queue":"hostile"'))


GOOD = b'{"queue":"hostile"}'
LENGTH = f"Content-Length: {len(GOOD)}"
GET = "GET /healthz HTTP/1.1"
POST = f"POST {ENQUEUE} HTTP/1.1"
HOST = "Host: x"

# (name, bytes, status or statuses, code or codes, marks...)
HTTP = [
    ("garbage instead of a request line", b"\x00\x01\x02garbage\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a TLS hello", bytes.fromhex("160301010001000fc0300303") + b"x" * 200, 400, "PARSE_ERROR", CLOSE),
    ("one word", b"GARBAGE\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a method in lower case", line("get /healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a method that nobody knows", line("FROB /healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a method of another protocol", line("SOURCE /healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a request line of HTTP/0.9", b"GET /healthz\r\n\r\n", (400, 505), "PARSE_ERROR", CLOSE),
    ("HTTP/2.0", line("GET /healthz HTTP/2.0", HOST), 505, "PARSE_ERROR", CLOSE),
    ("HTTP/1.2", line("GET /healthz HTTP/1.2", HOST), 505, "PARSE_ERROR", CLOSE),
    ("HTTP/9.9", line("GET /healthz HTTP/9.9", HOST), 505, "PARSE_ERROR", CLOSE),
    ("HTTP/11", line("GET /healthz HTTP/11", HOST), (400, 505), "PARSE_ERROR", CLOSE),
    ("HTTPS/1.1", line("GET /healthz HTTPS/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "PARSE_ERROR", CLOSE, ONCE),
    ("two spaces in the request line", b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, None),
    ("two spaces before the version", b"GET /healthz  HTTP/1.1\r\nHost: x\r\n\r\n", 200, None),
    ("tabs in the request line", b"GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a space before the method", b" GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a version in lower case", line("GET /healthz http/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("HTTP/1.10", line("GET /healthz HTTP/1.10", HOST), 400, "PARSE_ERROR", CLOSE),
    ("HTTP/01.1", line("GET /healthz HTTP/01.1", HOST), 505, "PARSE_ERROR", CLOSE),
    ("a line of a proxy before it", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + line(GET, HOST), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    # Lines that end in another way than CRLF: two parsers may see two things.
    ("a request line that ends in a line feed alone", b"GET /healthz HTTP/1.1\nHost: x\r\n\r\n", 400, "PARSE_ERROR",
     CLOSE),
    ("a header that ends in a line feed alone", b"GET /healthz HTTP/1.1\r\nHost: x\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a head that ends in a line feed alone", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\n", 400, "PARSE_ERROR", CLOSE),
    ("line feeds alone", b"GET /healthz HTTP/1.1\nHost: x\n\n", 400, "PARSE_ERROR", CLOSE),
    ("carriage returns alone", b"GET /healthz HTTP/1.1\rHost: x\r\r", 400, "PARSE_ERROR", CLOSE),
    ("a length behind a line feed", line(POST, HOST, "X: a\nContent-Length: 19", body=GOOD), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("a length behind a carriage return", line(POST, HOST, "X: a\rContent-Length: 19", body=GOOD), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("a space behind the version", b"GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("no Host", line(GET), 400, "PARSE_ERROR", CLOSE),
    ("two Hosts", line(GET, HOST, "Host: y"), 400, "PARSE_ERROR", CLOSE),
    ("two equal Hosts", line(GET, HOST, HOST), 400, "PARSE_ERROR", CLOSE),
    ("two Hosts in HTTP/1.0", line("GET /healthz HTTP/1.0", HOST, HOST), 400, "PARSE_ERROR", CLOSE),
    ("a Host with a space", line(GET, "Host: a b"), 400, "PARSE_ERROR", CLOSE),
    ("a list of Hosts", line(GET, "Host: a, b"), 400, "PARSE_ERROR", CLOSE),
    ("a Host with a path", line(GET, "Host: a/b"), 400, "PARSE_ERROR", CLOSE),
    ("a Host with a user", line(GET, "Host: u@a"), 400, "PARSE_ERROR", CLOSE),
    ("a Host that is not ASCII", line(GET, "Host: \xff"), 400, "PARSE_ERROR", CLOSE),
    ("a Host with quotes", line(GET, 'Host: "a"'), 400, "PARSE_ERROR", CLOSE),
    ("an empty Host", line(GET, "Host:"), 200, None),
    ("a Host that is an address", line(GET, "Host: [::1]:8080"), 200, None),
    ("a Host of all that a name may have", line(GET, "Host: a-Z0.9_~%41!$&'()*+,;=:1"), 200, None),
    ("CONNECT", line("CONNECT evil:443 HTTP/1.1", HOST), 405, "METHOD_NOT_ALLOWED", CLOSE),
    ("TRACE", line("TRACE /healthz HTTP/1.1", HOST), 405, "METHOD_NOT_ALLOWED"),
    ("PROPFIND of nothing", line("PROPFIND /nothing HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("DELETE of a read", line("DELETE /api/v1/queues HTTP/1.1", HOST), 405, "METHOD_NOT_ALLOWED"),
    ("a target without a slash", line("GET healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a target of another scheme", line("GET ftp://x/healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a target with a user", line("GET http://u:p@x/healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a target without a host", line("GET http:///healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a target with one slash", line("GET http:/x/healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a target of a host alone", line("GET http://x HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a target with two slashes", line("GET //x/healthz HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a target with a backslash", line("GET \\healthz HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a space in the target", line("GET /health z HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a byte above ASCII in the target", line("GET /health\xff HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a delete character in the target", line("GET /health\x7f HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("OPTIONS *x", line("OPTIONS *x HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("GET *", line("GET * HTTP/1.1", HOST), 400, "PARSE_ERROR", CLOSE),
    ("a NUL in the target", b"GET /health\x00z HTTP/1.1\r\nHost: x\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a tab in the target", b"GET /health\tz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a target of 20 KB", line("GET /" + "a" * 20000 + " HTTP/1.1", HOST), 414, "HEADERS_TOO_LARGE", CLOSE),
    ("a query of 20 KB", line("GET /healthz?" + "a" * 20000 + " HTTP/1.1", HOST), 414, "HEADERS_TOO_LARGE", CLOSE),
    ("a target without an end", b"GET /" + b"a" * 300000, 414, "HEADERS_TOO_LARGE", CLOSE),
    ("one header of 100 KB", line(GET, HOST, "X: " + "a" * 100000), 431, "HEADERS_TOO_LARGE", CLOSE),
    ("a header name of 100 KB", line(GET, HOST, "a" * 100000 + ": x"), 431, "HEADERS_TOO_LARGE", CLOSE),
    ("200 headers", line(GET, HOST, *[f"X-{i}: x" for i in range(200)]), 431, "HEADERS_TOO_LARGE", CLOSE),
    ("10,000 empty headers", line(GET, HOST, *["X:"] * 10000), 431, "HEADERS_TOO_LARGE", CLOSE),
    ("a header that is white space without an end", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b" " * 300000,
     431, "HEADERS_TOO_LARGE", CLOSE),
    ("a header without a colon", line(GET, HOST, "nonsense"), 400, "PARSE_ERROR", CLOSE),
    ("a header without a name", line(GET, HOST, ": x"), 400, "PARSE_ERROR", CLOSE),
    ("a space before the colon", line(GET, "Host : x"), 400, "PARSE_ERROR", CLOSE),
    ("a header folded over two lines", line(GET, HOST, "X: a", " b"), 400, "PARSE_ERROR", CLOSE),
    ("a header folded by a tab", line(GET, HOST, "X: a", "\tb"), 400, "PARSE_ERROR", CLOSE),
    ("a first header that is folded", b"GET /healthz HTTP/1.1\r\n X: a\r\nHost: x\r\n\r\n", 400, "PARSE_ERROR", CLOSE),
    ("a space in a header name", line(GET, HOST, "X Y: a"), 400, "PARSE_ERROR", CLOSE),
    ("brackets in a header name", line(GET, HOST, "X(): a"), 400, "PARSE_ERROR", CLOSE),
    ("a delete character in a header", line(GET, HOST, "X: \x7f"), 400, "PARSE_ERROR", CLOSE),
    ("an escape sequence in a header", line(GET, HOST, "X: \x1b[2J"), 400, "PARSE_ERROR", CLOSE),
    ("as many headers as there may be", line(GET, HOST, *[f"X-{i}: x" for i in range(127)]), 200, None),
    ("one header more", line(GET, HOST, *[f"X-{i}: x" for i in range(128)]), 431, "HEADERS_TOO_LARGE", CLOSE),
    ("a NUL in a header", line(GET, HOST, "X: a\x00b"), 400, "PARSE_ERROR", CLOSE),
    ("a bare carriage return in a header", line(GET, HOST, "X: a\rb"), 400, "PARSE_ERROR", CLOSE),
    ("a control character in a header name", line(GET, HOST, "X\x01: a"), 400, "PARSE_ERROR", CLOSE),
    ("an unknown expectation", line(POST, HOST, LENGTH, "Expect: the-impossible", body=GOOD), 417, "PARSE_ERROR",
     CLOSE),
    ("an empty expectation", line(POST, HOST, LENGTH, "Expect:", body=GOOD), 417, "PARSE_ERROR", CLOSE),
    ("a list of expectations", line(POST, HOST, LENGTH, "Expect: 100-continue, x", body=GOOD), 417, "PARSE_ERROR", CLOSE),
    ("an expectation of a body that is too large", line(POST, HOST, "Content-Length: 99999999", "Expect: 100-continue"),
     413, "BODY_TOO_LARGE", CLOSE, ONCE),
    ("an expectation twice", line(POST, HOST, LENGTH, *["Expect: 100-continue"] * 2, body=GOOD), 201, None),
    ("an expectation without a body", line(GET, HOST, "Expect: 100-continue"), 200, None),
    ("an expectation in HTTP/1.0", line(f"POST {ENQUEUE} HTTP/1.0", HOST, LENGTH, "Expect: 100-continue", body=GOOD), 201,
     None),
    ("a body in gzip", line(POST, HOST, LENGTH, "Content-Encoding: gzip", body=GOOD), 415, "UNSUPPORTED", CLOSE, ONCE),
    ("a body in x-gzip", line(POST, HOST, LENGTH, "Content-Encoding: x-gzip", body=GOOD), 415, "UNSUPPORTED", CLOSE, ONCE),
    ("a body in brotli", line(POST, HOST, LENGTH, "Content-Encoding: br", body=GOOD), 415, "UNSUPPORTED", CLOSE, ONCE),
    ("a body in deflate, in chunks", chunked(b"13\r\n" + GOOD + b"\r\n0\r\n\r\n", "Content-Encoding: deflate"), 415,
     "UNSUPPORTED", CLOSE, ONCE),
    ("a body in two codings", line(POST, HOST, LENGTH, "Content-Encoding: identity", "Content-Encoding: gzip", body=GOOD),
     415, "UNSUPPORTED", CLOSE, ONCE),
    ("a body in a list of codings", line(POST, HOST, LENGTH, "Content-Encoding: identity, gzip", body=GOOD), 415,
     "UNSUPPORTED", CLOSE, ONCE),
    ("a coding without a body", line(GET, HOST, "Content-Encoding: gzip"), 200, None),
    ("a head that ends early", b"GET /healthz HTTP/1.1\r\nHo", 400, "PARSE_ERROR", HALF, CLOSE),
    ("a request line that ends early", b"GET /hea", 400, "PARSE_ERROR", HALF, CLOSE),
    ("a body that ends early", line(POST, HOST, "Content-Length: 500", body=GOOD), 400, "PARSE_ERROR", HALF, CLOSE),
    ("a negative length", line(POST, HOST, "Content-Length: -1", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a length with a plus", line(POST, HOST, "Content-Length: +19", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a length in hex", line(POST, HOST, "Content-Length: 0x13", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a length with a fraction", line(POST, HOST, "Content-Length: 19.0", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a length that is a word", line(POST, HOST, "Content-Length: many", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("an empty length", line(POST, HOST, "Content-Length:", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("two lengths in one header", line(POST, HOST, "Content-Length: 19, 19", body=GOOD), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("two equal lengths", line(POST, HOST, LENGTH, LENGTH, body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("two lengths that differ", line(POST, HOST, "Content-Length: 5", LENGTH, body=GOOD), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("a length of 2^64 + 19", line(POST, HOST, "Content-Length: 18446744073709551635", body=GOOD), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("two lengths with a space between", line(POST, HOST, "Content-Length: 19 19", body=GOOD), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("a NUL behind a length", line(POST, HOST, "Content-Length: 19\0", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a digit that is not ASCII in a length", line(POST, HOST, "Content-Length: 1\xb9", body=GOOD), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("a space before the colon of a length", line(POST, HOST, "Content-Length : 19", body=GOOD), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("a folded length", line(POST, HOST, "Content-Length:", " 19", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a length with zeros in front", line(POST, HOST, "Content-Length: 00019", body=GOOD), 201, None),
    ("a name that looks like a length's", line(POST, HOST, LENGTH, "Content_Length: 5", body=GOOD), 201, None),
    ("more than a length says", line(GET, HOST, "Content-Length: 0", body=b"x" + GOOD), 200, None),
    ("a length of 17 MB", line(POST, HOST, "Content-Length: 17825792"), 413, "BODY_TOO_LARGE", CLOSE),
    ("a length of 9 exabytes", line(POST, HOST, "Content-Length: 9223372036854775807"), 413, "BODY_TOO_LARGE", CLOSE),
    ("a body of 17 MB", post(ENQUEUE, b'{"queue":"' + b"x" * (17 << 20) + b'"}'), 413, "BODY_TOO_LARGE", CLOSE),
    # Smuggling: two ways to tell where the body ends. The second request must never be served.
    ("length and chunks", line(POST, HOST, LENGTH, "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + line(GET, HOST)),
     400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunks and length", line(POST, HOST, "Transfer-Encoding: chunked", LENGTH, body=b"0\r\n\r\n" + line(GET, HOST)),
     400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunked twice", line(POST, HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked",
                           body=b"0\r\n\r\n" + line(GET, HOST)), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunked, then identity", line(POST, HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: identity",
                                    body=b"0\r\n\r\n" + line(GET, HOST)), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunked, gzip", line(POST, HOST, "Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"), (400, 501),
     ("PARSE_ERROR", "UNSUPPORTED"), CLOSE, ONCE),
    ("gzip", line(POST, HOST, "Transfer-Encoding: gzip", body=b"0\r\n\r\n"), (400, 501),
     ("PARSE_ERROR", "UNSUPPORTED"), CLOSE, ONCE),
    ("gzip, chunked", line(POST, HOST, "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501, "UNSUPPORTED",
     CLOSE, ONCE),
    ("xchunked", line(POST, HOST, "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), (400, 501),
     ("PARSE_ERROR", "UNSUPPORTED"), CLOSE, ONCE),
    ("a space before the colon of the encoding", line(POST, HOST, "Transfer-Encoding : chunked",
                                                      body=b"0\r\n\r\n" + line(GET, HOST)), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("a vertical tab in the encoding", line(POST, HOST, "Transfer-Encoding: \x0bchunked",
                                            body=b"0\r\n\r\n" + line(GET, HOST)), (400, 501),
     ("PARSE_ERROR", "UNSUPPORTED"), CLOSE, ONCE),
    ("identity and a length", line(POST, HOST, "Transfer-Encoding: identity", LENGTH, body=GOOD), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("an empty encoding and a length", line(POST, HOST, "Transfer-Encoding:", LENGTH, body=GOOD), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("identity", line(POST, HOST, "Transfer-Encoding: identity", body=GOOD), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunked, chunked", line(POST, HOST, "Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n" + line(GET, HOST)),
     400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunked in quotes", line(POST, HOST, 'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + line(GET, HOST)), 400,
     "PARSE_ERROR", CLOSE, ONCE),
    ("chunked with a parameter", line(POST, HOST, "Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n" + line(GET, HOST)),
     400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunked and a comma", line(POST, HOST, "Transfer-Encoding: chunked,", body=b"0\r\n\r\n" + line(GET, HOST)), 400,
     "PARSE_ERROR", CLOSE, ONCE),
    ("a comma and chunked", line(POST, HOST, "Transfer-Encoding: , chunked", body=b"0\r\n\r\n" + line(GET, HOST)), 501,
     "UNSUPPORTED", CLOSE, ONCE),
    ("a folded encoding", line(POST, HOST, "Transfer-Encoding:", " chunked", body=b"0\r\n\r\n" + line(GET, HOST)), 400,
     "PARSE_ERROR", CLOSE, ONCE),
    ("a NUL behind the encoding", line(POST, HOST, "Transfer-Encoding: chunked\0", body=b"0\r\n\r\n" + line(GET, HOST)),
     400, "PARSE_ERROR", CLOSE, ONCE),
    ("CHUNKED", line(POST, HOST, "Transfer-Encoding: CHUNKED", body=b"13\r\n" + GOOD + b"\r\n0\r\n\r\n"), 201, None),
    ("a GET in chunks", line(GET, HOST, "Transfer-Encoding: chunked", body=b"13\r\n" + GOOD + b"\r\n0\r\n\r\n"), 200,
     None),
    ("chunks in HTTP/1.0", line(f"POST {ENQUEUE} HTTP/1.0", HOST, "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
     400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk size that is no number", chunked(b"zz\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a negative chunk size", chunked(b"-5\r\nhello\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk size of 2^64", chunked(b"10000000000000000\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk size of 0x5", chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk that is longer than it says", chunked(b"2\r\nhello\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk size that ends in a line feed alone", chunked(b"5\nhello\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a space behind a chunk size", chunked(b"13 \r\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a space before a chunk size", chunked(b" 13\r\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk without a size", chunked(b"\r\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk without an end of line", chunked(b"13\r\n" + GOOD + b"0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a chunk that ends in a line feed alone", chunked(b"13\r\n" + GOOD + b"\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("chunks that end in line feeds alone", chunked(b"13\r\n" + GOOD + b"\r\n0\n\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("trailers that end in a line feed alone", chunked(b"13\r\n" + GOOD + b"\r\n0\r\n\n"), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("an extension that ends in a line feed alone", chunked(b"13;a\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("a carriage return in an extension", chunked(b"13;a\rb\r\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("an end of line in a quoted extension", chunked(b'13;a="\r\n"\r\n' + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR",
     CLOSE, ONCE),
    ("an extension without a name", chunked(b"13;\r\n" + GOOD + b"\r\n0\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a length in a trailer", chunked(b"13\r\n" + GOOD + b"\r\n0\r\nContent-Length: 5\r\n\r\n"), 400, "PARSE_ERROR", CLOSE,
     ONCE),
    ("an encoding in a trailer", chunked(b"13\r\n" + GOOD + b"\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
     "PARSE_ERROR", CLOSE, ONCE),
    ("a trailer that is none", chunked(b"13\r\n" + GOOD + b"\r\n0\r\nnonsense\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("a folded trailer", chunked(b"13\r\n" + GOOD + b"\r\n0\r\nX: a\r\n b\r\n\r\n"), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("chunks that end early", chunked(b"5\r\nhel"), 400, "PARSE_ERROR", HALF, CLOSE),
    ("chunks that never end", chunked(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"), 400, "PARSE_ERROR", HALF, CLOSE),
    ("a chunk of 1 GB announced", chunked(b"40000000\r\n" + b"x" * (17 << 20)), 413, "BODY_TOO_LARGE", CLOSE),
    ("chunks of 17 MB in all", chunked((b"100000\r\n" + b"x" * (1 << 20) + b"\r\n") * 17), 413, "BODY_TOO_LARGE",
     CLOSE),
    ("a chunk extension without an end", chunked(b"5;" + b"x" * 900000), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("trailers without an end", chunked(b"0\r\n" + b"X: y\r\n" * 200000), 400, "PARSE_ERROR", CLOSE, ONCE),
    ("good chunks of one byte", chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n"), 201, None),
    ("good chunks with extensions and trailers", chunked(b"13;a=b\r\n" + GOOD + b"\r\n0\r\nX: y\r\n\r\n"), 201, None),
    ("empty lines before a request", b"\r\n\r\n" + line(GET, HOST), 200, None),
    ("an absolute target", line("GET http://localhost/healthz HTTP/1.1", HOST), 200, None),
    ("a fragment", line("GET /healthz#x HTTP/1.1", HOST), 200, None),
    ("a method that other servers know", line("QUERY /healthz HTTP/1.1", HOST), 405, "METHOD_NOT_ALLOWED"),
    ("another method in a header", line(GET, HOST, "X-HTTP-Method-Override: DELETE"), 200, None),
    ("connection options that name the framing", line(POST, HOST, LENGTH, "Connection: Content-Length", body=GOOD), 201,
     None),
    ("OPTIONS *", line("OPTIONS * HTTP/1.1", HOST), 200, None),
    ("an upgrade that is not taken", line(GET, HOST, "Connection: Upgrade", "Upgrade: h2c"), 200, None),
    ("a GET with a body", line(GET, HOST, LENGTH, body=GOOD), 200, None),
]

PATHS = [
    ("the root", line("GET / HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("dots", line("GET /api/v1/../../healthz HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("encoded dots", line("GET /api/v1/jobs/%2e%2e HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("encoded slashes", line("GET /api%2fv1%2fqueues HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("double slashes", line("GET //api//v1//queues HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a slash at the end", line("GET /api/v1/queues/ HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("capitals", line("GET /API/V1/queues HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a system file", line("GET /../../../etc/passwd HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a letter as an escape", line("GET /%68ealthz HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("an escape of another language", line("POST /api/v1/queues/a%u0041/pause HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("an escape with a sign", line("POST /api/v1/queues/a%-1/pause HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("an overlong slash as an escape", line("POST /api/v1/queues/%c0%af/pause HTTP/1.1", HOST), 400, "PARSE_ERROR"),
    ("half a surrogate as an escape", line("POST /api/v1/queues/%ed%a0%80/pause HTTP/1.1", HOST), 400, "PARSE_ERROR"),
    ("an escape of an escape is decoded once", line("GET /api/v1/queues/hostile%252e HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a backslash in a path", line("GET /api\\v1 HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a parameter of a path", line("GET /api/v1/queues;a=b HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a bad escape", line("GET /api/v1/queues/%zz HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("a cut escape", line("GET /api/v1/queues/%4 HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("an escaped NUL", line("POST /api/v1/queues/a%00b/pause HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("an escaped line feed", line("POST /api/v1/queues/a%0ab/pause HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("an escape that is not UTF-8", line("POST /api/v1/queues/%ff%fe/pause HTTP/1.1", HOST), 400,
     ("PARSE_ERROR", "VALIDATION_ERROR")),
    ("a foreign namespace", line("POST /api/v1/queues/a::b/pause HTTP/1.1", HOST), 400, "VALIDATION_ERROR"),
    ("a queue name of 201 bytes", line("POST /api/v1/queues/" + "q" * 201 + "/pause HTTP/1.1", HOST), 400,
     "VALIDATION_ERROR"),
    ("a queue that nobody knows", line("GET /api/v1/queues/no-such-queue HTTP/1.1", HOST), 404, "NOT_FOUND"),
    ("a job id of 5,000 bytes", line("GET /api/v1/jobs/" + "j" * 5000 + " HTTP/1.1", HOST), (400, 404),
     ("NOT_FOUND", "VALIDATION_ERROR")),
    ("an ack of a job id of 5,000 bytes", post("/api/v1/ack/" + "j" * 5000, b"{}"), 400,
     ("ACK_ERROR", "VALIDATION_ERROR")),
    ("an ack of a job id that is not UTF-8", post("/api/v1/ack/%ff", b"{}"), 400,
     ("ACK_ERROR", "VALIDATION_ERROR", "PARSE_ERROR")),
    ("a cancel of nobody", post(f"/api/v1/jobs/{NOBODY}/cancel", b""), 400, "CANCEL_ERROR"),
    ("a fail of nobody", post(f"/api/v1/fail/{NOBODY}", b"{}"), 400, "FAIL_ERROR"),
    ("an ack of nobody", post(f"/api/v1/ack/{NOBODY}", b"{}"), 400, "ACK_ERROR"),
    ("an id with the shape of one but a wrong alphabet", line("GET /api/v1/jobs/job_" + "z" * 26 + " HTTP/1.1", HOST),
     404, "NOT_FOUND"),
    ("an empty idempotency key", post(ENQUEUE, GOOD, Idempotency_Key=""), 400, "VALIDATION_ERROR"),
    ("an idempotency key of 129 characters", post(ENQUEUE, GOOD, Idempotency_Key="k" * 129), 400, "VALIDATION_ERROR"),
    ("an idempotency key that is not ASCII", post(ENQUEUE, GOOD, Idempotency_Key="\xff"), 400, "VALIDATION_ERROR"),
    ("an idempotency key for a fetch", post(FETCH, {"queues": ["q"], "wait_ms": 0}, Idempotency_Key="k"), 400,
     "VALIDATION_ERROR"),
    ("a foreign namespace in a header", post(ENQUEUE, GOOD, X_Corvo_Namespace="x"), 501, "UNSUPPORTED"),
    ("a token of 5,000 bytes in a header", post(f"/api/v1/ack/{NOBODY}", b"{}", X_Corvo_Lease_Token="t" * 5000), 400,
     "VALIDATION_ERROR"),
    ("a token that is not ASCII in a header", post(f"/api/v1/ack/{NOBODY}", b"{}", X_Corvo_Lease_Token="\xff\xfe"),
     400, ("VALIDATION_ERROR", "PARSE_ERROR")),
    ("a traceparent of 5,000 bytes", post(ENQUEUE, GOOD, traceparent="t" * 5000), 201, None),
    ("a traceparent that is not UTF-8", post(ENQUEUE, GOOD, traceparent="\xff\xfe"), (201, 400), None),
    ("a query of nothing", line("GET /api/v1/cluster/status?&&=&verify&=x HTTP/1.1", HOST), 200, None),
]

DEEP = 100000
JSON = [
    ("nothing", "", "PARSE_ERROR"),
    ("white space", " \t\r\n", "PARSE_ERROR"),
    ("a word", "hello", "PARSE_ERROR"),
    ("a number", "5", "PARSE_ERROR"),
    ("a string", '"x"', "PARSE_ERROR"),
    ("true", "true", "PARSE_ERROR"),
    ("null", "null", "PARSE_ERROR"),
    ("a list", "[]", "PARSE_ERROR"),
    ("a list with a request", '[{"Q"}]', "PARSE_ERROR"),
    ("one brace", "{", "PARSE_ERROR"),
    ("a closing brace", "}", "PARSE_ERROR"),
    ("an object without an end", '{"Q"', "PARSE_ERROR"),
    ("a comma at the end", '{"Q",}', "PARSE_ERROR"),
    ("a comma at the start", '{,"Q"}', "PARSE_ERROR"),
    ("no colon", '{"queue" "x"}', "PARSE_ERROR"),
    ("no value", '{"queue":}', "PARSE_ERROR"),
    ("a key without quotes", '{queue:"x"}', "PARSE_ERROR"),
    ("single quotes", "{'queue':'x'}", "PARSE_ERROR"),
    ("a comment", '{"Q"/* x */}', "PARSE_ERROR"),
    ("a line comment", '{"Q"} // x', "PARSE_ERROR"),
    ("something behind", '{"Q"} x', "PARSE_ERROR"),
    ("a second object behind", '{"Q"}{"Q"}', "PARSE_ERROR"),
    ("a NUL behind", b'{"Q"}\x00', "PARSE_ERROR"),
    ("a byte order mark", b'\xef\xbb\xbf{"Q"}', "PARSE_ERROR"),
    ("UTF-16", '{"Q"}'.encode("utf-16"), "PARSE_ERROR"),
    ("NaN", '{"Q","payload":NaN}', "PARSE_ERROR"),
    ("Infinity", '{"Q","payload":-Infinity}', "PARSE_ERROR"),
    ("a leading zero", '{"Q","payload":01}', "PARSE_ERROR"),
    ("a leading plus", '{"Q","payload":+1}', "PARSE_ERROR"),
    ("a lonely minus", '{"Q","payload":-}', "PARSE_ERROR"),
    ("a number that ends in a point", '{"Q","payload":1.}', "PARSE_ERROR"),
    ("a number that starts with a point", '{"Q","payload":.5}', "PARSE_ERROR"),
    ("an exponent without digits", '{"Q","payload":1e}', "PARSE_ERROR"),
    ("a hexadecimal number", '{"Q","payload":0x10}', "PARSE_ERROR"),
    ("a bad escape in a string", '{"Q","payload":"\\x"}', "PARSE_ERROR"),
    ("a cut escape in a string", '{"Q","payload":"\\u12"}', "PARSE_ERROR"),
    ("half a surrogate pair", '{"Q","payload":"\\ud800"}', "PARSE_ERROR"),
    ("a string without an end", '{"Q","payload":"x', "PARSE_ERROR"),
    ("a NUL in a string", b'{"Q","payload":"a\x00b"}', "PARSE_ERROR"),
    ("a NUL between values", b'{"Q",\x00"payload":1}', "PARSE_ERROR"),
    ("a line feed in a string", '{"Q","payload":"a\nb"}', "PARSE_ERROR"),
    ("bytes that are not UTF-8", b'{"Q","payload":"\xff"}', "PARSE_ERROR"),
    ("an overlong NUL", b'{"Q","payload":"\xc0\x80"}', "PARSE_ERROR"),
    ("a surrogate in UTF-8", b'{"Q","payload":"\xed\xa0\x80"}', "PARSE_ERROR"),
    ("a code point above the last", b'{"Q","payload":"\xf4\x90\x80\x80"}', "PARSE_ERROR"),
    ("a cut sequence", b'{"Q","payload":"\xe2\x82"}', "PARSE_ERROR"),
    ("bytes that are not UTF-8 in a key", b'{"Q","\xff":1}', "PARSE_ERROR"),
    ("a bomb of lists", "[" * DEEP, "PARSE_ERROR"),
    ("a bomb of lists that close", '{"Q","payload":' + "[" * DEEP + "]" * DEEP + "}", "PARSE_ERROR"),
    ("a bomb of objects", '{"a":' * DEEP, "PARSE_ERROR"),
    ("a bomb in a key that nobody knows", '{"Q","x":' + "[" * DEEP + "]" * DEEP + "}", "PARSE_ERROR"),
    ("a payload one too deep", '{"Q","payload":' + "[" * 64 + "]" * 64 + "}", "PARSE_ERROR"),
    ("a checkpoint one too deep", '{"Q","checkpoint":' + '{"a":' * 64 + "1" + "}" * 64 + "}", "PARSE_ERROR"),
    ("a payload as deep as may be", '{"Q","payload":' + "[" * 63 + "]" * 63 + "}", None),
    ("a number of 10,000 digits", '{"Q","payload":' + "9" * 10000 + "}", None),
    ("a number that no double holds", '{"Q","payload":1e999999999999}', None),
    ("an escaped NUL in a payload", '{"Q","payload":"\\u0000"}', None),
    ("all escapes", '{"Q","payload":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"}', None),
    ("a key twice", '{"queue":5,"Q"}', "PARSE_ERROR"),
    ("a good key twice", '{"queue":"other","Q"}', None),
    ("a bad value behind a good one", '{"Q","queue":""}', "VALIDATION_ERROR"),
    ("unknown keys", '{"Q","surprise":{"a":[1]},"__proto__":{},"":0}', None),
    ("a thousand unknown keys", '{"Q",' + ",".join(f'"k{i}":{i}' for i in range(1000)) + "}", None),
    ("no queue", "{}", "VALIDATION_ERROR"),
    ("a queue that is null", '{"queue":null}', "VALIDATION_ERROR"),
    ("an empty queue", '{"queue":""}', "VALIDATION_ERROR"),
    ("a queue of 201 bytes", '{"queue":"' + "q" * 201 + '"}', "VALIDATION_ERROR"),
    ("a queue of 67 letters of three bytes", '{"queue":"' + "\u20ac" * 67 + '"}', "VALIDATION_ERROR"),
    ("a queue with an escaped NUL", '{"queue":"a\\u0000"}', "VALIDATION_ERROR"),
    ("a queue with an escaped line feed", '{"queue":"a\\n"}', "VALIDATION_ERROR"),
    ("a queue with a delete character", '{"queue":"a\\u007f"}', "VALIDATION_ERROR"),
    ("a queue of another namespace", '{"queue":"a::b"}', "VALIDATION_ERROR"),
    ("a priority that nobody knows", '{"Q","priority":"urgent"}', "VALIDATION_ERROR"),
    ("a priority of 4", '{"Q","priority":4}', "VALIDATION_ERROR"),
    ("a priority below zero", '{"Q","priority":-1}', "VALIDATION_ERROR"),
    ("a priority of 2^32", '{"Q","priority":4294967296}', "VALIDATION_ERROR"),
    ("a priority of one and a half", '{"Q","priority":1.5}', "PARSE_ERROR"),
    ("retries of 2^31", '{"Q","max_retries":2147483648}', "VALIDATION_ERROR"),
    ("retries of -2^31 - 1", '{"Q","max_retries":-2147483649}', "VALIDATION_ERROR"),
    ("retries of 10^30", '{"Q","max_retries":1' + "0" * 30 + "}", "VALIDATION_ERROR"),
    ("retries of 1e2", '{"Q","max_retries":1e2}', "PARSE_ERROR"),
    ("a backoff that nobody knows", '{"Q","retry_backoff":"fibonacci"}', "VALIDATION_ERROR"),
    ("a duration without a unit", '{"Q","delay":"5"}', "VALIDATION_ERROR"),
    ("a duration that is a word", '{"Q","delay":"soon"}', "VALIDATION_ERROR"),
    ("a negative duration", '{"Q","delay":"-1s"}', "VALIDATION_ERROR"),
    ("a duration of ages", '{"Q","delay":"99999999999999999999h"}', "VALIDATION_ERROR"),
    ("a duration of eleven years", '{"Q","delay":"4016d"}', "VALIDATION_ERROR"),
    ("a duration with two points", '{"Q","delay":"1.2.3s"}', "VALIDATION_ERROR"),
    ("a duration with an escaped NUL", '{"Q","delay":"1s\\u0000"}', "VALIDATION_ERROR"),
    ("a time that is a word", '{"Q","scheduled_at":"tomorrow"}', "PARSE_ERROR"),
    ("a time without a zone", '{"Q","scheduled_at":"2099-01-01T00:00:00"}', "PARSE_ERROR"),
    ("a month that is not", '{"Q","scheduled_at":"2099-13-01T00:00:00Z"}', "PARSE_ERROR"),
    ("a day that is not", '{"Q","scheduled_at":"2099-02-29T00:00:00Z"}', "PARSE_ERROR"),
    ("a time of the year 10000", '{"Q","scheduled_at":"10000-01-01T00:00:00Z"}', "PARSE_ERROR"),
    ("a time before 1970", '{"Q","scheduled_at":"1969-12-31T23:59:59Z"}', "PARSE_ERROR"),
    ("both times", '{"Q","scheduled_at":"2099-01-01T00:00:00Z","delay":"1s"}', "VALIDATION_ERROR"),
    ("33 tags", '{"Q","tags":{' + ",".join(f'"k{i}":1' for i in range(33)) + "}}", "VALIDATION_ERROR"),
    ("a tag key of 65 bytes", '{"Q","tags":{"' + "k" * 65 + '":1}}', "VALIDATION_ERROR"),
    ("a tag value of 257 bytes", '{"Q","tags":{"k":"' + "v" * 257 + '"}}', "VALIDATION_ERROR"),
    ("tags that are no object", '{"Q","tags":[1,2]}', None),
    ("a checkpoint above 1 MiB", '{"Q","checkpoint":"' + "c" * (1 << 20) + '"}', "VALIDATION_ERROR"),
    ("a payload of 256 KiB and 1", '{"Q","payload":"' + "p" * (256 * 1024 - 1) + '"}', "PAYLOAD_TOO_LARGE"),
    ("a payload of 15 MB", '{"Q","payload":"' + "p" * (15 << 20) + '"}', "PAYLOAD_TOO_LARGE"),
    ("a payload of five million zeros", '{"Q","payload":[' + "0," * 5000000 + "0]}", "PAYLOAD_TOO_LARGE"),
    ("15 MB of white space", '{"Q"' + " " * (15 << 20) + "}", None),
    ("a unique key of 257 bytes", '{"Q","unique_key":"' + "k" * 257 + '"}', "VALIDATION_ERROR"),
    ("a unique key that is no text", '{"Q","unique_key":{"a":1}}', "PARSE_ERROR"),
    ("a period of ages", '{"Q","unique_key":"x","unique_period":99999999999999999999}', "VALIDATION_ERROR"),
    ("unique_until without a key", '{"Q","unique_until":"period"}', "VALIDATION_ERROR"),
    ("parent_id", '{"Q","parent_id":"x"}', "UNSUPPORTED"),
    ("chain of a wrong type", '{"Q","chain":5}', "UNSUPPORTED"),
    ("agent", '{"Q","agent":{}}', "UNSUPPORTED"),
    ("depends_on", '{"Q","depends_on":[]}', "UNSUPPORTED"),
    ("an unsupported field that is null", '{"Q","parent_id":null,"agent":null}', None),
]
STATUS = {None: 201, "UNSUPPORTED": 501, "PAYLOAD_TOO_LARGE": 413}

OTHERS = [
    ("a batch that is a list", post(BATCH, b"[]"), 400, "PARSE_ERROR"),
    ("a batch without jobs", post(BATCH, b"{}"), 400, "VALIDATION_ERROR"),
    ("a batch of nothing", post(BATCH, b'{"jobs":[]}'), 400, "VALIDATION_ERROR"),
    ("a batch of null", post(BATCH, b'{"jobs":[null]}'), 400, "PARSE_ERROR"),
    ("a batch of numbers", post(BATCH, b'{"jobs":[1,2]}'), 400, "PARSE_ERROR"),
    ("a batch of 10,001", post(BATCH, b'{"jobs":[' + b",".join([GOOD] * 10001) + b"]}"), (400, 413),
     ("VALIDATION_ERROR", "BATCH_TOO_LARGE")),
    ("a batch of a million empty objects", post(BATCH, b'{"jobs":[' + b",".join([b"{}"] * 1000000) + b"]}"),
     (400, 413), ("VALIDATION_ERROR", "BATCH_TOO_LARGE")),
    ("a batch of 9 MB", post(BATCH, {"jobs": [{"queue": "q", "payload": "x" * 200000}] * 45}), 413, "BATCH_TOO_LARGE"),
    ("a batch with one payload too large",
     post(BATCH, {"jobs": [{"queue": "q"}, {"queue": "q", "payload": "x" * 262144}]}), 413, "PAYLOAD_TOO_LARGE"),
    ("a batch with a callback", post(BATCH, b'{"jobs":[' + GOOD + b'],"batch":{"callback_queue":"x"}}'), 501,
     "UNSUPPORTED"),
    ("a fetch without queues", post(FETCH, b"{}"), 400, "VALIDATION_ERROR"),
    ("a fetch of no queue", post(FETCH, b'{"queues":[]}'), 400, "VALIDATION_ERROR"),
    ("a fetch of 65 queues", post(FETCH, {"queues": ["q"] * 65}), 400, "VALIDATION_ERROR"),
    ("a fetch of a queue without a name", post(FETCH, {"queues": ["q", ""], "wait_ms": 0}), 400, "VALIDATION_ERROR"),
    ("a fetch of another namespace", post(FETCH, {"queues": ["a::b"], "wait_ms": 0}), 400, "VALIDATION_ERROR"),
    ("a fetch of the same queue 64 times", post(FETCH, {"queues": ["none"] * 64, "wait_ms": 0}), 204, None),
    ("a worker id of 129 bytes", post(FETCH, {"queues": ["q"], "worker_id": "w" * 129}), 400, "VALIDATION_ERROR"),
    ("a host name of 256 bytes", post(FETCH, {"queues": ["q"], "hostname": "h" * 256}), 400, "VALIDATION_ERROR"),
    ("a wait below zero", post(FETCH, {"queues": ["q"], "wait_ms": -1}), 400, "VALIDATION_ERROR"),
    ("a wait above a minute", post(FETCH, {"queues": ["q"], "wait_ms": 60001}), 400, "VALIDATION_ERROR"),
    ("a lease of more than a day", post(FETCH, {"queues": ["q"], "lease_duration": 86401}), 400, "VALIDATION_ERROR"),
    ("a timeout of 2^31", post(FETCH, {"queues": ["q"], "timeout": 1 << 31}), 400, "VALIDATION_ERROR"),
    ("an ack batch of nothing", post("/api/v1/ack/batch", b'{"acks":[]}'), 400, "VALIDATION_ERROR"),
    ("an ack batch of 513", post("/api/v1/ack/batch", {"acks": [{"job_id": "x"}] * 513}), 400, "VALIDATION_ERROR"),
    ("an ack batch without an id", post("/api/v1/ack/batch", {"acks": [{"result": 1}]}), 400, "VALIDATION_ERROR"),
    ("an ack batch that is garbage", post("/api/v1/ack/batch", b"garbage"), 400, "PARSE_ERROR"),
    ("an ack with a garbage token", post(f"/api/v1/ack/{NOBODY}", {"lease_token": "?"}), 400, "VALIDATION_ERROR"),
    ("a fail with a garbage token", post(f"/api/v1/fail/{NOBODY}", {"lease_token": "?"}), 400, "VALIDATION_ERROR"),
    ("a fail with an empty body", post(f"/api/v1/fail/{NOBODY}", b""), 400, "PARSE_ERROR"),
    ("a fail with a garbage body", post(f"/api/v1/fail/{NOBODY}", b"garbage"), 400, "PARSE_ERROR"),
    ("an ack with an unsupported field", post(f"/api/v1/ack/{NOBODY}", {"usage": {}}), 501, "UNSUPPORTED"),
    ("an ack with a result above 1 MiB", post(f"/api/v1/ack/{NOBODY}", {"result": "r" * (1 << 20)}), 400,
     "VALIDATION_ERROR"),
    ("a heartbeat of a list", post("/api/v1/heartbeat", b'{"jobs":[]}'), 400, "PARSE_ERROR"),
    ("a heartbeat of a number", post("/api/v1/heartbeat", b'{"jobs":{"x":5}}'), 400, "PARSE_ERROR"),
    ("a heartbeat of 10,001 jobs", post("/api/v1/heartbeat", {"jobs": {f"j{i}": {} for i in range(10001)}}), 400,
     "VALIDATION_ERROR"),
    ("a heartbeat with a garbage token", post("/api/v1/heartbeat", {"jobs": {NOBODY: {"lease_token": "?"}}}), 400,
     "VALIDATION_ERROR"),
    ("a heartbeat with progress above 16 KiB", post("/api/v1/heartbeat", {"jobs": {NOBODY: {"progress": "p" * 16384}}}),
     400, "VALIDATION_ERROR"),
    ("a heartbeat with an id that has a NUL", post("/api/v1/heartbeat", b'{"jobs":{"a\\u0000":{}}}'), 400,
     "VALIDATION_ERROR"),
]

TABLE = HTTP + PATHS + [(name, enqueue(text), STATUS.get(code, 400), code) for name, text, code in JSON] + OTHERS


def one_of(value):
    return value if isinstance(value, tuple) else (value,)


def replies_to(port, data, marks):
    """All replies that come for the bytes, and whether the server closed the connection."""
    client = Client(port, CLOSE_S)
    replies = []
    try:
        client.send_raw(data)
        if HALF in marks:
            client.socket.shutdown(socket.SHUT_WR)
        replies.append(client.receive())
        if not (CLOSE in marks or ONCE in marks):
            return replies, False
        if client.socket is None:  # The reply said `Connection: close`: see what else was in the bytes.
            return replies, True
        replies.append(client.receive())
        return replies, False
    except Closed as closed:
        check(not closed.partial, f"half a reply: {short(closed.partial)}")
        return replies, True
    finally:
        client.close()


def run_rows(t, server, rows, documented=None):
    """Runs rows; reports all that are wrong at once. `documented` has the one status of each code."""
    keeper = t.client(server)
    wrong = []
    for name, data, statuses, codes, *marks in rows:
        try:
            replies, closed = replies_to(server.port, data, marks)
            text = None
            if len(replies) != 1:
                text = f"{len(replies)} replies {replies}"
            elif replies[0].status not in one_of(statuses) or (codes and replies[0].code not in one_of(codes)):
                text = f"{replies[0]}, want {statuses} {codes}"
            elif replies[0].status >= 400 and not (replies[0].json().get("error") and replies[0].code):
                text = f"an error without text or code: {replies[0]}"
            elif documented and documented.get(replies[0].code) != replies[0].status:
                text = f"{replies[0]}, but the status of {replies[0].code} is {documented.get(replies[0].code)}"
            elif CLOSE in marks and not closed:
                text = "the connection stays open"
        except Exception as error:  # pylint: disable=broad-except
            text = f"{type(error).__name__}: {error}"
        if text:
            wrong.append(f"{name}: {text}")
        if not server.alive():
            fail(f"the server died of: {name}; before that:\n" + "\n".join(wrong))
        # The next good requests are served, on a connection of their own and on one that was there all the time.
        for client in (keeper, server.client()):
            reply = client.post(ENQUEUE, GOOD)
            check(reply.status == 201, f"after {name}: {reply}")
            if client is not keeper:
                client.close()
    check(not wrong, f"{len(wrong)} of {len(rows)} rows:\n" + "\n".join(wrong))


def open_sockets(server):
    """Files are opened by the store and the view as well, whenever they like."""
    folder = f"/proc/{server.process.pid}/fd"
    count = 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            pass  # It was closed meanwhile.
    return count


def resident_mb(server):
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def test_the_table_has_at_least_120_rows_with_names_of_their_own(t):
    names = [row[0] for row in TABLE]
    check(len(TABLE) >= 120, f"{len(TABLE)} rows")
    eq(len([row for row in TABLE if row[3]]) >= 120, True, "rows that are refused")
    eq(sorted({name for name in names if names.count(name) > 1}), [], "names twice")
    note(f"{len(TABLE)} rows by hand")


def test_http_rows(t):
    run_rows(t, t.server(), HTTP)


def test_path_and_header_rows(t):
    run_rows(t, t.server(), PATHS)


def test_json_rows(t):
    run_rows(t, t.server(), [row for row in TABLE if row not in HTTP + PATHS + OTHERS])


def test_rows_of_the_other_operations(t):
    run_rows(t, t.server(), OTHERS)


# --- Good and wrong values, from the server's own description ------------------------------------------------------

WRONG = {
    "string": [5, -0.5, True, [], ["x"], {}],
    "string or integer": [-0.5, True, [], ["x"], {}],
    "integer": ["x", [], {}, True, 1.5, 10**30, -(10**30)],
    "boolean": ["yes", 5, [], {}],
    "array": ["x", 5, True, {}],
    "object": ["x", 5, True, []],
}


class Shapes:
    """The schemas of the document: good values and wrong ones."""

    def __init__(self, document):
        self.document = document

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def good(self, schema):
        """The least good value."""
        schema = self.resolve(schema)
        kind = schema.get("type")
        if kind == "object":
            return {name: self.good(schema["properties"][name]) for name in schema.get("required", [])}
        if kind == "array":
            return [self.good(schema["items"])]
        return {"string": "hostile", "integer": 1, "boolean": True}.get(kind)


# --- Time and number -------------------------------------------------------------------------------------------------


def test_a_slow_request_is_answered_408(t):
    server = t.fresh("--request-timeout", "300ms")
    for what, data in (("head", b"POST /api/v1/enqueue HTTP/1.1\r\nHo"),
                       ("body", line(POST, HOST, "Content-Length: 100", body=b'{"queue"'))):
        client = t.client(server)
        began = time.monotonic()
        client.send_raw(data)
        reply = client.receive()
        check(reply.status == 408 and reply.code == "REQUEST_TIMEOUT", f"{what}: {reply}")
        check(time.monotonic() - began < 5 * SLOW, f"{what}: after {time.monotonic() - began:.1f} s")
    check(t.client(server).post(ENQUEUE, GOOD).status == 201, "the next request")


def test_bytes_that_trickle_do_not_keep_a_request_alive(t):
    server = t.fresh("--request-timeout", "400ms")
    client = t.client(server)
    began = time.monotonic()

    def trickle():
        try:
            client.send_raw(b"G" if not client.buffer else b"")
        except Closed:
            return True
        return client.readable(0.02)

    client.send_raw(b"GET /healthz HTTP/1.1\r\nX: ")
    wait_for("an answer to a request that never ends", trickle, 10, 0.02)
    try:
        eq(client.receive().status, 408)
    except Closed:
        pass  # A reset may overtake the reply: bytes were still coming.
    check(time.monotonic() - began < 8 * SLOW, "the trickle was not cut")


def test_a_reply_that_nobody_takes_is_given_up(t):
    """The client is cut off after --write-timeout without a byte, and what it held is free again."""
    server = t.fresh("--write-timeout", "300ms")
    c = t.client(server)
    job_id = c.enqueue("large", payload="x" * 250000)
    sockets = open_sockets(server)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.settimeout(20 * SLOW)
    deaf.connect(("127.0.0.1", server.port))
    deaf.sendall(request_bytes("GET", f"/api/v1/jobs/{job_id}") * 40)
    wait_for("the deaf one to be there", lambda: open_sockets(server) > sockets)
    wait_for("the deaf one to be given up", lambda: open_sockets(server) <= sockets)
    total = 0
    try:
        while True:
            more = deaf.recv(1 << 20)
            if not more:
                break
            total += len(more)
    except ConnectionResetError:
        pass
    deaf.close()
    check(total < 40 * 250000, f"it got all of its {total} bytes")
    eq(c.post(ENQUEUE, GOOD).status, 201)


def test_an_idle_connection_is_closed_without_a_word(t):
    server = t.fresh("--idle-timeout", "200ms")
    client = t.client(server)
    client.get("/healthz")
    try:
        fail(f"an idle connection heard {client.receive()}")
    except Closed as closed:
        eq(closed.partial, b"")


def test_connections_above_the_limit_hear_503_and_others_go_on(t):
    server = t.fresh("--max-connections", "8")
    clients = [t.client(server) for _ in range(8)]

    def all_open():
        return all(client.get("/healthz").status == 200 for client in clients)

    wait_for("eight connections", all_open)
    late = t.client(server)
    late.send_raw(b"")
    reply = late.receive()
    check(reply.status == 503 and reply.code == "OVERLOADED", f"{reply}")
    check(all_open(), "the eight")
    clients[0].close()

    def is_served():
        fresh = server.client()
        try:
            return fresh.get("/healthz").status == 200
        except Closed:
            return False
        finally:
            fresh.close()

    wait_for("room for one more", is_served)


def test_a_client_that_never_reads_does_not_stop_others(t):
    server = t.server()
    c = t.client(server)
    job_id = c.enqueue("large", payload="x" * 250000)
    deaf = t.client(server)
    deaf.send_raw(request_bytes("GET", f"/api/v1/jobs/{job_id}") * 100)
    wait_for("the first bytes of 25 MB", lambda: deaf.readable(0.1))
    began = time.monotonic()
    for _ in range(20):
        eq(c.post(ENQUEUE, GOOD).status, 201, "the other client")
    check(time.monotonic() - began < 2 * SLOW, "the other client waited")
    check(resident_mb(server) < 500, f"{resident_mb(server)} MB")
    for _ in range(100):
        eq(deaf.receive().json()["id"], job_id, "what the deaf one reads in the end")


def test_a_thousand_connections_that_break_off_leave_nothing_behind(t):
    server = t.fresh()
    c = t.client(server)
    c.post(ENQUEUE, GOOD)
    sockets, memory = open_sockets(server), resident_mb(server)
    pieces = (b"", b"GET ", post(ENQUEUE, GOOD)[:-3], post(ENQUEUE, GOOD), chunked(b"5\r\nhel"),
              post(FETCH, {"queues": ["none"], "wait_ms": 30000}))
    for i in range(1000):
        client = Client(server.port)
        client.send_raw(pieces[i % len(pieces)])
        if i % 2:  # A reset instead of an orderly end.
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
    wait_for("all to be forgotten", lambda: open_sockets(server) <= sockets, 20)
    wait_for("no waiter", lambda: c.status()["waiters"] == 0)
    check(resident_mb(server) < memory + 60 * SLOW, f"{memory} MB before, {resident_mb(server)} MB after")
    eq(c.post(ENQUEUE, GOOD).status, 201)
