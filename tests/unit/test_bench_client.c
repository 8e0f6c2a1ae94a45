/* The client against a fake server that splits, closes, drops and refuses. */
#include "bench/client.h"
#include "bench/clock.h"
#include "tests/unit/bench_fake.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define LIMIT_NS (20 * NS_PER_SECOND)

static const char request[] = "GET /api/v1/info HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

/* Sends `left` more requests, one for each reply, and counts by status class. */
struct counter {
    struct client *client;
    uint32_t left;
    uint32_t good, refused, lost;
    bool bad_body;
};

static void on_reply(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct counter *counter = context;

    counter->good += reply->status == 200;
    counter->refused += reply->status == 429;
    counter->lost += reply->status == 0;
    if (reply->status == 200 && !slice_is(reply->body, "{\"pid\":4711}")) {
        counter->bad_body = true;
    }
    assert_true(reply->received_ns >= reply->sent_ns);
    if (counter->left > 0) {
        counter->left--;
        client_send(counter->client, connection, slice_text(request));
    }
}

static struct client_address address_of(uint16_t port)
{
    return (struct client_address){.host = "127.0.0.1", .port = port};
}

/* `count` requests over `connections` with `depth` in flight on each. */
static struct counter exchange(const struct bench_fake_mode *mode, uint32_t count,
                               uint32_t connections, uint32_t depth)
{
    struct bench_fake *fake = bench_fake_start(mode);
    struct client_address address = address_of(bench_fake_port(fake));
    struct counter counter = {.left = count};
    const struct client_options options = {&address, connections, depth, on_reply, &counter};
    uint64_t until_ns = clock_mono_ns() + LIMIT_NS;
    struct err err;

    assert_int_equal(client_create(&options, &counter.client, &err), ERR_NONE);
    for (uint32_t i = 0; i < connections * depth; i++) {
        counter.left--;
        client_send(counter.client, i % connections, slice_text(request));
    }
    while (counter.good + counter.refused + counter.lost < count && clock_mono_ns() < until_ns) {
        assert_int_equal(client_turn(counter.client, until_ns, &err), ERR_NONE);
    }
    for (uint32_t i = 0; i < connections; i++) {
        assert_int_equal(client_in_flight(counter.client, i), 0);
    }
    client_destroy(counter.client);
    (void)bench_fake_stop(fake);
    assert_false(counter.bad_body);
    return counter;
}

/* Method: several connections, one request in flight on each. */
static void every_request_is_answered_once(void **state)
{
    struct counter counter = exchange(&(struct bench_fake_mode){0}, 500, 7, 1);

    (void)state;
    assert_int_equal(counter.good, 500);
    assert_int_equal(counter.lost, 0);
}

/* Method: replies in pieces of three bytes, eight requests in flight on a connection. */
static void pipelined_replies_in_pieces_are_put_together(void **state)
{
    struct counter counter = exchange(&(struct bench_fake_mode){.splits = true}, 400, 3, 8);

    (void)state;
    assert_int_equal(counter.good, 400);
}

/* Method: each fifth request is answered 429; nothing is hidden. */
static void refusals_are_told(void **state)
{
    struct counter counter = exchange(&(struct bench_fake_mode){.refuse_every = 5}, 100, 1, 1);

    (void)state;
    assert_int_equal(counter.good, 80);
    assert_int_equal(counter.refused, 20);
}

/* Method: each tenth reply ends its connection in order; the client connects again and loses
 * nothing. */
static void a_closing_reply_is_not_a_loss(void **state)
{
    struct counter counter = exchange(&(struct bench_fake_mode){.close_every = 10}, 200, 2, 1);

    (void)state;
    assert_int_equal(counter.good, 200);
    assert_int_equal(counter.lost, 0);
}

/* Method: each tenth request ends its connection without a reply. */
static void a_dropped_connection_is_a_loss(void **state)
{
    struct counter counter = exchange(&(struct bench_fake_mode){.drop_every = 10}, 200, 2, 1);

    (void)state;
    assert_int_equal(counter.good, 180);
    assert_int_equal(counter.lost, 20);
}

/* Method: as before with requests in flight behind the one that is dropped. */
static void all_requests_in_flight_are_lost_together(void **state)
{
    struct counter counter = exchange(&(struct bench_fake_mode){.drop_every = 50}, 300, 1, 4);

    (void)state;
    assert_int_equal(counter.good + counter.lost, 300);
    assert_true(counter.lost >= 4);
}

/* Method: a server that drops every request ends the run instead of being asked for ever. */
static void endless_drops_end_the_run(void **state)
{
    const struct bench_fake_mode mode = {.drop_every = 1};
    struct bench_fake *fake = bench_fake_start(&mode);
    struct client_address address = address_of(bench_fake_port(fake));
    struct counter counter = {.left = UINT32_MAX};
    const struct client_options options = {&address, 1, 1, on_reply, &counter};
    enum err_code code = ERR_NONE;
    struct err err;

    (void)state;
    assert_int_equal(client_create(&options, &counter.client, &err), ERR_NONE);
    client_send(counter.client, 0, slice_text(request));
    for (uint32_t i = 0; i < 5000 && code == ERR_NONE; i++) {
        code = client_turn(counter.client, clock_mono_ns() + LIMIT_NS, &err);
    }
    assert_int_equal(code, ERR_CLOSED);
    client_destroy(counter.client);
    (void)bench_fake_stop(fake);
}

/* Method: a port that was bound a moment ago and is closed. */
static void nobody_there_is_an_error(void **state)
{
    struct bench_fake *fake = bench_fake_start(&(struct bench_fake_mode){0});
    struct client_address address = address_of(bench_fake_port(fake));
    const struct client_options options = {&address, 1, 1, on_reply, NULL};
    struct client *client = NULL;
    struct err err;

    (void)state;
    (void)bench_fake_stop(fake);
    assert_int_equal(client_create(&options, &client, &err), ERR_CLOSED);
    assert_null(client);
    assert_non_null(strstr(err.text, "127.0.0.1"));
}

/* Method: a wait that nothing ends is over at its time. */
static void a_turn_ends_at_its_time(void **state)
{
    struct bench_fake *fake = bench_fake_start(&(struct bench_fake_mode){0});
    struct client_address address = address_of(bench_fake_port(fake));
    const struct client_options options = {&address, 1, 1, on_reply, NULL};
    struct client *client = NULL;
    uint64_t until_ns;
    struct err err;

    (void)state;
    assert_int_equal(client_create(&options, &client, &err), ERR_NONE);
    until_ns = clock_mono_ns() + 3 * NS_PER_MS;
    assert_int_equal(client_turn(client, until_ns, &err), ERR_NONE);
    assert_true(clock_mono_ns() >= until_ns);
    client_destroy(client);
    (void)bench_fake_stop(fake);
}

/* Method: a table of addresses. */
static void addresses_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *host; /* NULL: refused. */
        uint16_t port;
    } rows[] = {
        {"http://127.0.0.1:9000", "127.0.0.1", 9000},
        {"http://127.0.0.1:9000/", "127.0.0.1", 9000},
        {"localhost", "localhost", 8080},
        {"http://localhost/", "localhost", 8080},
        {"[::1]:80", "::1", 80},
        {"http://[::1]", "::1", 8080},
        {"https://a", NULL, 0},
        {"http://", NULL, 0},
        {"", NULL, 0},
        {"a:", NULL, 0},
        {"a:0", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:80x", NULL, 0},
        {"a:80/path", NULL, 0},
        {"[::1", NULL, 0},
        {"[::1]x", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct client_address address;
        struct err err = {0};
        enum err_code code = client_address_parse(rows[i].text, &address, &err);

        assert_int_equal(code == ERR_NONE, rows[i].host != NULL);
        if (rows[i].host) {
            assert_string_equal(address.host, rows[i].host);
            assert_int_equal(address.port, rows[i].port);
        } else {
            assert_true(strlen(err.text) > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_answered_once),
        cmocka_unit_test(pipelined_replies_in_pieces_are_put_together),
        cmocka_unit_test(refusals_are_told),
        cmocka_unit_test(a_closing_reply_is_not_a_loss),
        cmocka_unit_test(a_dropped_connection_is_a_loss),
        cmocka_unit_test(all_requests_in_flight_are_lost_together),
        cmocka_unit_test(endless_drops_end_the_run),
        cmocka_unit_test(nobody_there_is_an_error),
        cmocka_unit_test(a_turn_ends_at_its_time),
        cmocka_unit_test(addresses_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
