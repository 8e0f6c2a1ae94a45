/* A reply's bytes, compared whole: the Date line is set to a known one first. */
#include "http/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* After the headers it needs. */
#include <cmocka.h>

struct row {
    struct http_output output;
    enum http_answer_connection connection;
    uint64_t took_ns;
    bool head_only;
    enum http_coding coding;
    const char *text; /* "DATE" stands for the Date line. */
};

#define SLICE(text) {(const uint8_t *)(text), sizeof(text) - 1}

static const struct row rows[] = {
    {{.status = 200, .content_type = "text/plain", .body = SLICE("hi")},
     HTTP_ANSWER_PLAIN,
     1234567,
     false,
     HTTP_CODING_NONE,
     "HTTP/1.1 200 OK\r\nDATEServer-Timing: proc;dur=1.234\r\nContent-Type: text/plain\r\n"
     "Content-Length: 2\r\n\r\nhi"},
    {{.status = 200, .headers = SLICE("A: b\r\nC: d\r\n"), .body = SLICE("hi")},
     HTTP_ANSWER_CLOSE,
     0,
     true,
     HTTP_CODING_NONE,
     "HTTP/1.1 200 OK\r\nDATEServer-Timing: proc;dur=0.000\r\nContent-Length: 2\r\n"
     "Connection: close\r\nA: b\r\nC: d\r\n\r\n"},
    {{.status = 204, .body = SLICE("hi")},
     HTTP_ANSWER_KEEP_ALIVE,
     999,
     false,
     HTTP_CODING_NONE,
     "HTTP/1.1 204 No Content\r\nDATEServer-Timing: proc;dur=0.000\r\n"
     "Connection: keep-alive\r\n\r\n"},
    {{.status = 304, .body = SLICE("hi")},
     HTTP_ANSWER_PLAIN,
     1000,
     false,
     HTTP_CODING_NONE,
     "HTTP/1.1 304 Not Modified\r\nDATEServer-Timing: proc;dur=0.001\r\n\r\n"},
    {{.status = 200},
     HTTP_ANSWER_PLAIN,
     3600000000000,
     false,
     HTTP_CODING_NONE,
     "HTTP/1.1 200 OK\r\nDATEServer-Timing: proc;dur=3600000.000\r\nContent-Length: 0\r\n\r\n"},
    {{.status = 200, .content_type = "text/plain", .body = SLICE("hi")},
     HTTP_ANSWER_PLAIN,
     0,
     true,
     HTTP_CODING_GZIP,
     "HTTP/1.1 200 OK\r\nDATEServer-Timing: proc;dur=0.000\r\nContent-Type: text/plain\r\n"
     "Content-Length: 2\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n\r\n"},
    {{.status = 200, .content_type = "text/plain", .body = SLICE("hi")},
     HTTP_ANSWER_PLAIN,
     0,
     false,
     HTTP_CODING_IDENTITY,
     "HTTP/1.1 200 OK\r\nDATEServer-Timing: proc;dur=0.000\r\nContent-Type: text/plain\r\n"
     "Content-Length: 2\r\nVary: Accept-Encoding\r\n\r\nhi"},
    {{.status = 299},
     HTTP_ANSWER_PLAIN,
     50000,
     false,
     HTTP_CODING_NONE,
     "HTTP/1.1 299 \r\nDATEServer-Timing: proc;dur=0.050\r\nContent-Length: 0\r\n\r\n"},
};

/* Method: each row built behind another reply in one buffer, compared byte by byte. */
static void test_build(void **state)
{
    struct http_date date = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct http_answer answer = {.output = &row->output,
                                     .body = row->output.body,
                                     .coding = row->coding,
                                     .connection = row->connection,
                                     .took_ns = row->took_ns,
                                     .head_only = row->head_only};
        const char *mark = strstr(row->text, "DATE");
        char wanted[1024];
        size_t before = out.size;

        assert_true(http_answer_build(&out, &answer, &date));
        (void)snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)(mark - row->text), row->text,
                       date.line, mark + 4);
        if (!slice_is(slice_from(buf_slice(&out), before), wanted)) {
            fail_msg("row %zu: '%.*s', not '%s'", i, (int)(out.size - before), out.data + before,
                     wanted);
        }
    }
    buf_done(&out);
}

/* Method: the Date line read back by strptime is the present second. */
static void test_date(void **state)
{
    struct http_output output = {.status = 200};
    struct http_answer answer = {.output = &output};
    struct http_date date = {0};
    struct timespec before, after;
    struct tm tm = {0};
    struct buf out;
    const char *rest;
    time_t said;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &before), 0);
    assert_true(http_answer_build(&out, &answer, &date));
    assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &after), 0);
    rest = strptime(date.line, "Date: %a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_non_null(rest);
    assert_string_equal(rest, "\r\n");
    assert_int_equal(strlen(date.line), 37);
    said = timegm(&tm);
    assert_true(said >= before.tv_sec && said <= after.tv_sec);
    date.second--; /* As if a second had passed: the line is printed anew. */
    date.line[6] = '?';
    assert_true(http_answer_build(&out, &answer, &date));
    assert_int_not_equal(date.line[6], '?');
    buf_done(&out);
}

/* Method: a reply above the buffer's limit fails and leaves the buffer's bytes alone. */
static void test_too_large(void **state)
{
    static const uint8_t bytes[4096];
    struct http_output output = {.status = 200, .body = slice_of(bytes, sizeof(bytes))};
    struct http_answer answer = {.output = &output, .body = output.body};
    struct http_date date = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_false(http_answer_build(&out, &answer, &date));
    assert_int_equal(out.size, 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests_name("http_answer", tests, NULL, NULL);
}
