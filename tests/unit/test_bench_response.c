/* Responses in pieces, several together, and what is refused. */
#include "bench/response.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static const char good[] = "HTTP/1.1 201 Created\r\nServer: x\r\ncOnTent-lEngth: \t12\r\n"
                           "Connection: keep-alive\r\n\r\n{\"id\":\"a\\r\"}";

/* Method: the response cut at each byte, header state kept between the calls; each prefix in memory
 * of its own size. */
static void a_response_may_come_in_any_pieces(void **state)
{
    size_t size = sizeof(good) - 1;

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        struct response response = {0};
        char *prefix = malloc(cut + 1);

        assert_non_null(prefix);
        memcpy(prefix, good, cut);
        assert_int_equal(response_read(&response, slice_of(prefix, cut)), RESPONSE_MORE);
        assert_int_equal(response_read(&response, slice_of(good, size)), RESPONSE_READY);
        assert_int_equal(response.status, 201);
        assert_int_equal(response.body_size, 12);
        assert_int_equal(response.header_size + response.body_size, size);
        assert_false(response.closes);
        free(prefix);
    }
}

/* Method: one response with the next one's start behind it. */
static void what_follows_is_left_alone(void **state)
{
    struct response response = {0};
    char both[2 * sizeof(good)];

    (void)state;
    memcpy(both, good, sizeof(good) - 1);
    memcpy(both + sizeof(good) - 1, good, sizeof(good) - 1);
    assert_int_equal(response_read(&response, slice_of(both, 2 * sizeof(good) - 2)),
                     RESPONSE_READY);
    assert_int_equal(response.header_size + response.body_size, sizeof(good) - 1);
}

/* Method: a table of headers and what is found in them. */
static void status_and_connection_are_found(void **state)
{
    static const struct {
        const char *text;
        enum response_state state;
        uint16_t status;
        bool closes;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", RESPONSE_READY, 204, false},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", RESPONSE_READY, 204, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", RESPONSE_READY, 200,
         true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", RESPONSE_READY, 200, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", RESPONSE_READY,
         200, false},
        {"HTTP/1.1 503\r\nContent-Length:2\r\n\r\nno", RESPONSE_READY, 503, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno", RESPONSE_MORE, 200, false},
        {"HTTP/1.1 200 OK\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/1.1 100 Continue\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", RESPONSE_BAD, 0, false},
        {"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", RESPONSE_BAD, 0, false},
        {"\r\n\r\n", RESPONSE_BAD, 0, false},
        {"garbage\r\n\r\n", RESPONSE_BAD, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct response response = {0};

        assert_int_equal(response_read(&response, slice_text(rows[i].text)), rows[i].state);
        if (rows[i].state == RESPONSE_BAD) {
            continue;
        }
        assert_int_equal(response.status, rows[i].status);
        assert_int_equal(response.closes, rows[i].closes);
    }
}

/* Method: a header one byte over the limit, without an end. */
static void an_endless_header_is_refused(void **state)
{
    struct response response = {0};
    char *text = malloc(RESPONSE_HEADER_MAX + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', RESPONSE_HEADER_MAX + 1);
    assert_int_equal(response_read(&response, slice_of(text, RESPONSE_HEADER_MAX)), RESPONSE_MORE);
    assert_int_equal(response_read(&response, slice_of(text, RESPONSE_HEADER_MAX + 1)),
                     RESPONSE_BAD);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_may_come_in_any_pieces),
        cmocka_unit_test(what_follows_is_left_alone),
        cmocka_unit_test(status_and_connection_are_found),
        cmocka_unit_test(an_endless_header_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
