/* Raw bytes to the server over a socket; each row says what status and what fate of the connection
 * it wants, and after each the next good request must be served. */
#include "tests/unit/test_http_harness.h"

#define H "Host: a\r\n"
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define RAW(text) text, sizeof(text) - 1

enum fate { OPEN, CLOSED };

struct row {
    const char *name;
    int status; /* 0: closed without a word. */
    enum fate fate;
    const char *raw;
    size_t raw_size;
    const char *body;   /* What the reply's body must contain; NULL: anything. */
    const char *repeat; /* Put between raw and tail, this often. */
    size_t repeat_count;
    const char *tail;
    bool half_close; /* The client closes its side behind the bytes. */
    bool head_only;
};

static const struct row rows[] = {
    /* Good, some of it odd. */
    {.name = "get", 200, OPEN, RAW("GET / HTTP/1.1\r\n" H "\r\n"), "GET /? "},
    {.name = "query", 200, OPEN, RAW("GET /a?b=c&d HTTP/1.1\r\n" H "\r\n"), "GET /a?b=c&d "},
    {.name = "empty query", 200, OPEN, RAW("GET /a? HTTP/1.1\r\n" H "\r\n"), "GET /a? "},
    {.name = "two question marks",
     200,
     OPEN,
     RAW("GET /a?b?c HTTP/1.1\r\n" H "\r\n"),
     "GET /a?b?c "},
    {.name = "fragment", 200, OPEN, RAW("GET /a?b#c HTTP/1.1\r\n" H "\r\n"), "GET /a?b "},
    {.name = "escapes stay raw",
     200,
     OPEN,
     RAW("GET /a%2Fb%20c HTTP/1.1\r\n" H "\r\n"),
     "GET /a%2Fb%20c?"},
    {.name = "absolute", 200, OPEN, RAW("GET http://h:80/a?b HTTP/1.1\r\n" H "\r\n"), "GET /a?b "},
    {.name = "absolute https", 200, OPEN, RAW("GET HTTPS://h/a HTTP/1.1\r\n" H "\r\n"), "GET /a? "},
    {.name = "absolute, no path", 200, OPEN, RAW("GET http://h HTTP/1.1\r\n" H "\r\n"), "GET /? "},
    {.name = "absolute, only query",
     200,
     OPEN,
     RAW("GET http://h?q HTTP/1.1\r\n" H "\r\n"),
     "GET /?q "},
    {.name = "options star", 200, OPEN, RAW("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "OPTIONS *? "},
    {.name = "options path", 200, OPEN, RAW("OPTIONS /x HTTP/1.1\r\n" H "\r\n"), "OPTIONS /x? "},
    {.name = "put",
     200,
     OPEN,
     RAW("PUT / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab"),
     "PUT /? ab"},
    {.name = "delete", 200, OPEN, RAW("DELETE /x HTTP/1.1\r\n" H "\r\n"), "DELETE /x? "},
    {.name = "patch", 200, OPEN, RAW("PATCH /x HTTP/1.1\r\n" H "\r\n"), "PATCH /x? "},
    {.name = "other method", 200, OPEN, RAW("PROPFIND /x HTTP/1.1\r\n" H "\r\n"), "OTHER /x? "},
    {.name = "trace", 200, OPEN, RAW("TRACE /x HTTP/1.1\r\n" H "\r\n"), "OTHER /x? "},
    {.name = "get with a body",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nz"),
     "? z"},
    {.name = "head", 200, OPEN, RAW("HEAD /h HTTP/1.1\r\n" H "\r\n"), .head_only = true},
    {.name = "204 has no body",
     204,
     OPEN,
     RAW("GET /204 HTTP/1.1\r\n" H "\r\n"),
     .head_only = true},
    {.name = "post, no length", 200, OPEN, RAW(POST "\r\n"), "POST /p? "},
    {.name = "post, length 0", 200, OPEN, RAW(POST "Content-Length: 0\r\n\r\n"), "POST /p? "},
    {.name = "leading zeros", 200, OPEN, RAW(POST "Content-Length: 002\r\n\r\nab"), "? ab"},
    {.name = "empty lines first", 200, OPEN, RAW("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), "GET /? "},
    {.name = "empty value", 200, OPEN, RAW("GET / HTTP/1.1\r\n" H "X:\r\n\r\n"), "GET"},
    {.name = "an address as host",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
     "GET"},
    {.name = "empty host", 200, OPEN, RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "GET"},
    {.name = "spaces around values",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n"),
     "GET"},
    {.name = "latin 1 in a value", 200, OPEN, RAW("GET / HTTP/1.1\r\n" H "X: \xe4\r\n\r\n"), "GET"},
    {.name = "chunked", 200, OPEN, RAW(CHUNKED "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"), "? abcde"},
    {.name = "chunked, hex sizes",
     200,
     OPEN,
     RAW(CHUNKED "a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n"),
     "01234567890123456789"},
    {.name = "chunked, empty", 200, OPEN, RAW(CHUNKED "0\r\n\r\n"), "POST /p? "},
    {.name = "chunk extension", 200, OPEN, RAW(CHUNKED "1;a=b\r\nz\r\n0;c\r\n\r\n"), "? z"},
    {.name = "trailer", 200, OPEN, RAW(CHUNKED "1\r\nz\r\n0\r\nX-Late: 1\r\n\r\n"), "? z"},
    {.name = "a Host in a trailer", 200, OPEN, RAW(CHUNKED "0\r\nHost: b\r\n\r\n"), "POST"},
    {.name = "close in a trailer is no close",
     200,
     OPEN,
     RAW(CHUNKED "1\r\nz\r\n0\r\nConnection: close\r\n\r\n"),
     "? z"},
    {.name = "TE header name's case",
     200,
     OPEN,
     RAW(POST "tRANSFER-eNCODING: Chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n"),
     "? z"},
    {.name = "upgrade is ignored",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: x\r\n\r\n"),
     "GET /? "},
    {.name = "upgrade with a body",
     200,
     OPEN,
     RAW(POST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab"),
     "? ab"},
    {.name = "expectation met by the body",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"),
     "GET /? "},
    /* Keep-alive of both versions. */
    {.name = "connection: close",
     200,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
     "GET"},
    {.name = "close among others",
     200,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n"),
     "GET"},
    {.name = "the handler closes", 200, CLOSED, RAW("GET /close HTTP/1.1\r\n" H "\r\n")},
    {.name = "bytes behind close",
     200,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /2 HTTP/1.1\r\n" H "\r\n"),
     "GET /? "},
    {.name = "1.0", 200, CLOSED, RAW("GET / HTTP/1.0\r\n\r\n"), "GET /? "},
    {.name = "1.0 keep-alive",
     200,
     OPEN,
     RAW("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
     "GET"},
    {.name = "1.0 ignores expect",
     200,
     CLOSED,
     RAW("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nz"),
     "? z"},
    {.name = "half-closed",
     200,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
     "GET",
     .half_close = true},
    /* Malformed. */
    {.name = "garbage", 400, CLOSED, RAW("garbage\r\n\r\n")},
    {.name = "TLS", 400, CLOSED, RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
    {.name = "a NUL first", 400, CLOSED, RAW("\0GET / HTTP/1.1\r\n" H "\r\n")},
    {.name = "unknown method", 400, CLOSED, RAW("BREW / HTTP/1.1\r\n" H "\r\n")},
    {.name = "lower case method", 400, CLOSED, RAW("get / HTTP/1.1\r\n" H "\r\n")},
    {.name = "RTSP method", 400, CLOSED, RAW("DESCRIBE / RTSP/1.0\r\n" H "\r\n")},
    {.name = "0.9", 505, CLOSED, RAW("GET /\r\n\r\n")},
    {.name = "version 2.0", 505, CLOSED, RAW("GET / HTTP/2.0\r\n" H "\r\n")},
    {.name = "version 1.2", 505, CLOSED, RAW("GET / HTTP/1.2\r\n" H "\r\n")},
    {.name = "version 0.9 said", 505, CLOSED, RAW("GET / HTTP/0.9\r\n" H "\r\n")},
    {.name = "HTTP/2 preface", 505, CLOSED, RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    {.name = "not http", 400, CLOSED, RAW("GET / XTTP/1.1\r\n" H "\r\n")},
    {.name = "no target", 400, CLOSED, RAW("GET HTTP/1.1\r\n" H "\r\n")},
    {.name = "space in the target", 400, CLOSED, RAW("GET /a b HTTP/1.1\r\n" H "\r\n")},
    {.name = "NUL in the target", 400, CLOSED, RAW("GET /a\0b HTTP/1.1\r\n" H "\r\n")},
    {.name = "control in the target", 400, CLOSED, RAW("GET /a\x01 HTTP/1.1\r\n" H "\r\n")},
    {.name = "get star", 400, CLOSED, RAW("GET * HTTP/1.1\r\n" H "\r\n")},
    {.name = "star and more", 400, CLOSED, RAW("OPTIONS *x HTTP/1.1\r\n" H "\r\n")},
    {.name = "other scheme", 400, CLOSED, RAW("GET ftp://h/a HTTP/1.1\r\n" H "\r\n")},
    {.name = "relative target", 400, CLOSED, RAW("GET a/b HTTP/1.1\r\n" H "\r\n")},
    {.name = "connect", 405, CLOSED, RAW("CONNECT h:443 HTTP/1.1\r\n" H "\r\n")},
    {.name = "no host", 400, CLOSED, RAW("GET / HTTP/1.1\r\n\r\n")},
    {.name = "a host with a space", 400, CLOSED, RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")},
    {.name = "a host with a user", 400, CLOSED, RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n")},
    {.name = "a host above ASCII", 400, CLOSED, RAW("GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n")},
    {.name = "a target with a user", 400, CLOSED, RAW("GET http://u@h/ HTTP/1.1\r\n" H "\r\n")},
    {.name = "a target without a host", 400, CLOSED, RAW("GET http:///a HTTP/1.1\r\n" H "\r\n")},
    {.name = "two hosts", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n")},
    {.name = "NUL in a value", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n")},
    {.name = "NUL in a name", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X\0Y: a\r\n\r\n")},
    {.name = "control in a value", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X: a\x07\r\n\r\n")},
    {.name = "space before the colon", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X : a\r\n\r\n")},
    {.name = "no colon", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X\r\n\r\n")},
    {.name = "no name", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H ": a\r\n\r\n")},
    {.name = "folded value", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n")},
    {.name = "folded first line", 400, CLOSED, RAW("GET / HTTP/1.1\r\n " H "\r\n")},
    {.name = "bare LF in a header", 400, CLOSED, RAW("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n")},
    {.name = "bare LF in the request line", 400, CLOSED, RAW("GET / HTTP/1.1\n" H "\r\n")},
    {.name = "bare LF at the end", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "\n")},
    {.name = "bare CR in a value", 400, CLOSED, RAW("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n")},
    /* Smuggling. */
    {.name = "length and chunked",
     400,
     CLOSED,
     RAW(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {.name = "chunked and length",
     400,
     CLOSED,
     RAW(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n")},
    {.name = "two lengths",
     400,
     CLOSED,
     RAW(POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")},
    {.name = "two equal lengths",
     400,
     CLOSED,
     RAW(POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na")},
    {.name = "length list", 400, CLOSED, RAW(POST "Content-Length: 1, 1\r\n\r\na")},
    {.name = "negative length", 400, CLOSED, RAW(POST "Content-Length: -1\r\n\r\n")},
    {.name = "signed length", 400, CLOSED, RAW(POST "Content-Length: +1\r\n\r\na")},
    {.name = "hex length", 400, CLOSED, RAW(POST "Content-Length: 0x1\r\n\r\na")},
    {.name = "empty length", 400, CLOSED, RAW(POST "Content-Length: \r\n\r\n")},
    {.name = "length with text", 400, CLOSED, RAW(POST "Content-Length: 1a\r\n\r\na")},
    {.name = "length beyond 64 bits",
     400,
     CLOSED,
     RAW(POST "Content-Length: 18446744073709551617\r\n\r\n")},
    {.name = "chunked not last",
     400,
     CLOSED,
     RAW(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n")},
    {.name = "gzip, chunked",
     501,
     CLOSED,
     RAW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")},
    {.name = "identity", 400, CLOSED, RAW(POST "Transfer-Encoding: identity\r\n\r\n")},
    {.name = "xchunked", 400, CLOSED, RAW(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")},
    {.name = "chunked twice",
     400,
     CLOSED,
     RAW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {.name = "chunked in 1.0",
     400,
     CLOSED,
     RAW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")},
    {.name = "chunk size not hex", 400, CLOSED, RAW(CHUNKED "g\r\n")},
    {.name = "chunk size empty", 400, CLOSED, RAW(CHUNKED "\r\n")},
    {.name = "chunk size 0x", 400, CLOSED, RAW(CHUNKED "0x1\r\na\r\n0\r\n\r\n")},
    {.name = "chunk size negative", 400, CLOSED, RAW(CHUNKED "-1\r\n")},
    {.name = "chunk size beyond 64 bits", 400, CLOSED, RAW(CHUNKED "10000000000000001\r\na\r\n")},
    {.name = "space behind the chunk size", 400, CLOSED, RAW(CHUNKED "1 \r\na\r\n0\r\n\r\n")},
    {.name = "chunk longer than its size", 400, CLOSED, RAW(CHUNKED "1\r\nab\r\n0\r\n\r\n")},
    {.name = "bare LF behind the chunk size", 400, CLOSED, RAW(CHUNKED "1\na\r\n0\r\n\r\n")},
    {.name = "bare LF behind the chunk", 400, CLOSED, RAW(CHUNKED "1\r\na\n0\r\n\r\n")},
    {.name = "bad trailer", 400, CLOSED, RAW(CHUNKED "0\r\nX : 1\r\n\r\n")},
    /* Over a limit: the world below has 4,096 of head, 32 headers, 1,000 of body. */
    {.name = "long target", 414, CLOSED, RAW("GET /"), NULL, "a", 5000, " HTTP/1.1\r\n" H "\r\n"},
    {.name = "long target without an end", 414, CLOSED, RAW("GET /"), NULL, "a", 200000, ""},
    {.name = "long value",
     431,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "X: "),
     NULL,
     "a",
     5000,
     "\r\n\r\n"},
    {.name = "long value without an end",
     431,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "X: "),
     NULL,
     "a",
     200000,
     ""},
    {.name = "long name", 431, CLOSED, RAW("GET / HTTP/1.1\r\n" H), NULL, "a", 5000, ": b\r\n\r\n"},
    {.name = "spaces without an end",
     431,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "X:"),
     NULL,
     " ",
     200000,
     ""},
    {.name = "31 headers more",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\n" H),
     "GET",
     "X: y\r\n",
     31,
     "\r\n"},
    {.name = "32 headers more",
     431,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H),
     NULL,
     "X: y\r\n",
     32,
     "\r\n"},
    {.name = "body of 1000",
     200,
     OPEN,
     RAW(POST "Content-Length: 1000\r\n\r\n"),
     "? bbb",
     "b",
     1000,
     ""},
    {.name = "body of 1001",
     413,
     CLOSED,
     RAW(POST "Content-Length: 1001\r\n\r\n"),
     NULL,
     "b",
     1001,
     ""},
    {.name = "body not sent yet", 413, CLOSED, RAW(POST "Content-Length: 4000000000\r\n\r\n")},
    {.name = "body that is sent all the same",
     413,
     CLOSED,
     RAW(POST "Content-Length: 3000000\r\n\r\n"),
     NULL,
     "b",
     3000000,
     ""},
    {.name = "chunks of 1001",
     413,
     CLOSED,
     RAW(CHUNKED "3e9\r\n"),
     NULL,
     "b",
     1001,
     "\r\n0\r\n\r\n"},
    {.name = "chunks of 1000", 200, OPEN, RAW(CHUNKED), "? aaa", "1\r\na\r\n", 1000, "0\r\n\r\n"},
    {.name = "chunks of 1001, 1 each",
     413,
     CLOSED,
     RAW(CHUNKED),
     NULL,
     "1\r\na\r\n",
     1001,
     "0\r\n\r\n"},
    {.name = "endless chunk extension", 400, CLOSED, RAW(CHUNKED "1;"), NULL, "a", 300000, ""},
    {.name = "endless trailers", 400, CLOSED, RAW(CHUNKED "0\r\n"), NULL, "X: y\r\n", 50000, ""},
    {.name = "too large to be invited",
     413,
     CLOSED,
     RAW(POST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n")},
    {.name = "unknown expectation",
     417,
     CLOSED,
     RAW(POST "Expect: tea\r\nContent-Length: 1\r\n\r\nz")},
    {.name = "a coded body",
     415,
     CLOSED,
     RAW(POST "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nz"),
     "415 bodies are taken as they are"},
    {.name = "a coded body in chunks",
     415,
     CLOSED,
     RAW(POST "Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n")},
    {.name = "one coding of two",
     415,
     CLOSED,
     RAW(POST
         "Content-Encoding: gzip\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nz")},
    {.name = "identity is no coding",
     200,
     OPEN,
     RAW(POST "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nz"),
     "POST /p? z"},
    {.name = "no body to be coded",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\n" H "Content-Encoding: gzip\r\n\r\n"),
     "GET /? "},
    /* Cut off: the client closes its side. */
    {.name = "nothing", 0, CLOSED, RAW(""), .half_close = true},
    {.name = "half a request line", 400, CLOSED, RAW("GET / HT"), .half_close = true},
    {.name = "half a head", 400, CLOSED, RAW("GET / HTTP/1.1\r\nHo"), .half_close = true},
    {.name = "half a body",
     400,
     CLOSED,
     RAW(POST "Content-Length: 5\r\n\r\nhel"),
     .half_close = true},
    {.name = "half a chunk", 400, CLOSED, RAW(CHUNKED "5\r\nhel"), .half_close = true},
    {.name = "no last chunk", 400, CLOSED, RAW(CHUNKED "1\r\nz\r\n"), .half_close = true},
};

static struct world *limited_world(void)
{
    return world_create((struct http_options){
        .header_size_max = 4096, .header_count_max = 32, .body_size_max = 1000});
}

static void send_row(struct world *world, struct client *client, const struct row *row)
{
    size_t piece = row->repeat ? strlen(row->repeat) : 0;
    size_t tail = row->tail ? strlen(row->tail) : 0;
    size_t size = row->raw_size + piece * row->repeat_count + tail;
    char *bytes = malloc(size + 1);
    char *at = bytes;

    assert_non_null(bytes);
    memcpy(at, row->raw, row->raw_size);
    at += row->raw_size;
    for (size_t i = 0; i < row->repeat_count; i++) {
        memcpy(at, row->repeat, piece);
        at += piece;
    }
    if (tail) {
        memcpy(at, row->tail, tail);
    }
    client_send(world, client, bytes, size);
    free(bytes);
    if (row->half_close) {
        (void)shutdown(client->fd, SHUT_WR);
    }
}

static void check_row(struct world *world, const struct row *row)
{
    static struct client client;
    static struct answer answer;

    client_open(world, &client);
    send_row(world, &client, row);
    if (row->status == 0) {
        client_ends(world, &client);
        return;
    }
    if (!client_answer(world, &client, row->head_only, &answer) || answer.status != row->status) {
        fail_msg("'%s': want %d, got %d: %s", row->name, row->status, answer.status, answer.body);
    }
    if (row->body && !strstr(answer.body, row->body)) {
        fail_msg("'%s': want '%s' in '%s'", row->name, row->body, answer.body);
    }
    if (answer.close != (row->fate == CLOSED)) {
        fail_msg("'%s': the fate of the connection is not as said: %s", row->name, answer.head);
    }
    if (row->fate == CLOSED) {
        client_ends(world, &client);
        return;
    }
    check_good(world, &client);
    client_close(&client);
}

/* Method: each raw request on its own connection, then a good one on a new connection. */
static void test_rows(void **state)
{
    struct world *world = limited_world();

    (void)state;
    assert_true(ARRAY_COUNT(rows) >= 60);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        check_row(world, &rows[i]);
        check_alive(world);
    }
    print_message("%zu raw requests\n", ARRAY_COUNT(rows));
    world_destroy(world);
}

/* Method: the same rows one byte at a time (those that are short), same status. */
static void test_rows_byte_by_byte(void **state)
{
    struct world *world = limited_world();
    static struct client client;
    static struct answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *row = &rows[i];

        if (row->repeat || row->status == 0 || strstr(row->name, "behind close")) {
            continue;
        }
        client_open(world, &client);
        for (size_t at = 0; at < row->raw_size; at++) {
            (void)send(client.fd, row->raw + at, 1, MSG_NOSIGNAL);
            (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        }
        if (row->half_close) {
            (void)shutdown(client.fd, SHUT_WR);
        }
        if (!client_answer(world, &client, row->head_only, &answer)) {
            fail_msg("'%s': no answer", row->name);
        }
        if (answer.status != row->status || (row->body && !strstr(answer.body, row->body))) {
            fail_msg("'%s': want %d, got %d: %s", row->name, row->status, answer.status,
                     answer.body);
        }
        client_close(&client);
    }
    check_alive(world);
    world_destroy(world);
}

/* Method: a request cut in two at every place; the connection stays the same. */
static void check_split(const char *raw, const char *body)
{
    struct world *world = limited_world();
    static struct client client;
    static struct answer answer;
    size_t size = strlen(raw);

    client_open(world, &client);
    for (size_t cut = 1; cut < size; cut++) {
        assert_int_equal(send(client.fd, raw, cut, MSG_NOSIGNAL), cut);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        assert_int_equal(send(client.fd, raw + cut, size - cut, MSG_NOSIGNAL), size - cut);
        assert_true(client_answer(world, &client, false, &answer));
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, body);
    }
    client_close(&client);
    world_destroy(world);
}

static void test_split(void **state)
{
    (void)state;
    check_split("PUT /some/path?and=query HTTP/1.1\r\nHost: example.org:8080\r\nX-Empty:\r\n"
                "User-Agent:  spaced out \t\r\nContent-Length: 11\r\n\r\nhello world",
                "PUT /some/path?and=query hello world");
    check_split("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5;x=\"y\"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n",
                "POST /c? hello world");
}

static bool has_line(const char *head, const char *format, ...)
{
    char line[200];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return strstr(head, line) != NULL;
}

/* Method: HEAD says the length that GET sends, and sends no body; 204 says no length. */
static void test_head(void **state)
{
    struct world *world = limited_world();
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, "HEAD /h HTTP/1.1\r\n" H "\r\n");
    assert_true(client_answer(world, &client, true, &answer));
    assert_true(has_line(answer.head, "\r\nContent-Length: %zu\r\n", strlen("HEAD /h? ")));
    assert_int_equal(client.size, 0);
    client_text(world, &client, "GET /204 HTTP/1.1\r\n" H "\r\n");
    assert_true(client_answer(world, &client, true, &answer));
    assert_int_equal(answer.status, 204);
    assert_null(strstr(answer.head, "Content-Length"));
    check_good(world, &client);
    client_close(&client);
    world_destroy(world);
}

/* Method: the body is invited exactly when it will be read. */
static void test_continue(void **state)
{
    struct world *world = limited_world();
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, POST "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
    assert_true(client_answer(world, &client, true, &answer));
    assert_string_equal(answer.head, "HTTP/1.1 100 Continue\r\n\r\n");
    client_text(world, &client, "hel");
    client_text(world, &client, "lo");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "POST /p? hello");
    client_text(world, &client, POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(client_answer(world, &client, true, &answer));
    assert_int_equal(answer.status, 100);
    client_text(world, &client, "2\r\nhi\r\n0\r\n\r\n");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "POST /p? hi");
    check_good(world, &client);
    client_close(&client);
    world_destroy(world);
}

static const struct row large[] = {
    {.name = "target 16,000", 200, OPEN, RAW("GET /"), "GET", "a", 16000, " HTTP/1.1\r\n" H "\r\n"},
    {.name = "target 17,000",
     414,
     CLOSED,
     RAW("GET /"),
     NULL,
     "a",
     17000,
     " HTTP/1.1\r\n" H "\r\n"},
    {.name = "head 60,000",
     200,
     OPEN,
     RAW("GET / HTTP/1.1\r\n" H "X: "),
     "GET",
     "a",
     60000,
     "\r\n\r\n"},
    {.name = "head 66,000",
     431,
     CLOSED,
     RAW("GET / HTTP/1.1\r\n" H "X: "),
     NULL,
     "a",
     66000,
     "\r\n\r\n"},
    {.name = "127 more", 200, OPEN, RAW("GET / HTTP/1.1\r\n" H), "GET", "X: y\r\n", 127, "\r\n"},
    {.name = "128 more", 431, CLOSED, RAW("GET / HTTP/1.1\r\n" H), NULL, "X: y\r\n", 128, "\r\n"},
    {.name = "body 16 MiB",
     200,
     OPEN,
     RAW(POST "Content-Length: 16777216\r\n\r\n"),
     "bbbb",
     "bbbb",
     4194304,
     ""},
    {.name = "body 16 MiB and 1",
     413,
     CLOSED,
     RAW(POST "Content-Length: 16777217\r\n\r\n"),
     NULL,
     "b",
     16777217,
     ""},
    {.name = "chunked 1 MiB",
     200,
     OPEN,
     RAW(CHUNKED),
     "zzzz",
     "4\r\nzzzz\r\n",
     262144,
     "0\r\n\r\n"},
};

/* Method: with the default limits, bodies and heads just below and above them. */
static void test_default_limits(void **state)
{
    struct world *world = world_create((struct http_options){0});

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(large); i++) {
        check_row(world, &large[i]);
        check_alive(world);
    }
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_rows_byte_by_byte),
        cmocka_unit_test(test_split),    cmocka_unit_test(test_head),
        cmocka_unit_test(test_continue), cmocka_unit_test(test_default_limits),
    };

    return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
