/* The lives of connections over real sockets: order, time limits, clients that leave. */
#include "tests/unit/test_http_harness.h"

#define H "Host: a\r\n"
#define HOLD "GET /hold HTTP/1.1\r\n" H "\r\n"
#define PIPELINED 100

static void answer_held(struct world *world, size_t i, const char *body)
{
    struct http_request *request = world->held[i];

    assert_true(i < world->held_count);
    world->held_count--;
    memmove(world->held + i, world->held + i + 1, (world->held_count - i) * sizeof(world->held[0]));
    say(request, 200, body);
}

static uint32_t open_connections(struct world *world)
{
    return http_server_stats(world->server).connections;
}

/* Method: 100 requests in one write are answered in order. */
static void test_pipelined(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;
    char raw[PIPELINED * 64] = "";
    char body[64];

    (void)state;
    for (int i = 0; i < PIPELINED; i++) {
        size_t size = strlen(raw);

        (void)snprintf(raw + size, sizeof(raw) - size, "GET /%d HTTP/1.1\r\n" H "\r\n", i);
    }
    client_open(world, &client);
    client_text(world, &client, raw);
    for (int i = 0; i < PIPELINED; i++) {
        assert_true(client_answer(world, &client, false, &answer));
        (void)snprintf(body, sizeof(body), "GET /%d? ", i);
        assert_string_equal(answer.body, body);
    }
    check_good(world, &client);
    client_close(&client);
    world_destroy(world);
}

/* Method: the same with answers that are given later: one at a time is with the handler. */
static void test_pipelined_later(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;
    char body[64];

    (void)state;
    client_open(world, &client);
    for (int i = 0; i < PIPELINED; i++) {
        client_text(world, &client, HOLD);
    }
    for (int i = 0; i < PIPELINED; i++) {
        WAIT_FOR(world, world->held_count == 1);
        assert_int_equal(world->handled, i + 1);
        assert_int_equal(http_server_stats(world->server).requests_in_flight, 1);
        (void)snprintf(body, sizeof(body), "later %d", i);
        answer_held(world, 0, body);
        assert_true(client_answer(world, &client, false, &answer));
        assert_string_equal(answer.body, body);
    }
    assert_int_equal(http_server_stats(world->server).requests_in_flight, 0);
    check_good(world, &client);
    client_close(&client);
    world_destroy(world);
}

/* Method: a client pours requests behind one that is not answered: what the server keeps of them is
 * bounded, the rest stays in the kernel until the client can not send, and none is lost. */
static void test_pipelined_bounded(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;
    const char *request = "GET /some/path/of/a/request HTTP/1.1\r\n" H "\r\n";
    size_t size = strlen(request);
    size_t sent = 0;
    int blocked = 0;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, HOLD);
    WAIT_FOR(world, world->held_count == 1);
    while (blocked < 10) {
        ssize_t now =
            send(client.fd, request + sent % size, size - sent % size, MSG_DONTWAIT | MSG_NOSIGNAL);

        blocked = now < 0 ? blocked + 1 : 0;
        sent += now > 0 ? (size_t)now : 0;
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        assert_true(world->server->connections->pending.capacity <= HTTP_READ_MAX);
    }
    assert_true(sent > 2 * HTTP_READ_MAX);
    assert_int_equal(world->handled, 1);
    answer_held(world, 0, "first");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "first");
    for (size_t i = 0; i < sent / size; i++) {
        assert_true(client_answer(world, &client, false, &answer));
        assert_string_equal(answer.body, "GET /some/path/of/a/request? ");
    }
    client_close(&client);
    WAIT_FOR(world, open_connections(world) == 0);
    world_destroy(world);
}

/* Method: requests behind one that is answered later are served when the client has closed its side
 * already: all answers come, then the end. */
static void test_pipelined_half_closed(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, HOLD "GET /2 HTTP/1.1\r\n" H "\r\nGET /3 HTTP/1.1\r\n" H "\r\n");
    (void)shutdown(client.fd, SHUT_WR);
    WAIT_FOR(world, world->held_count == 1 && world->server->connections->ended);
    answer_held(world, 0, "first");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "first");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "GET /2? ");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "GET /3? ");
    client_ends(world, &client);
    world_destroy(world);
}

/* Method: a client that closed its side behind one request gets its answer, said to be the last. */
static void test_half_closed(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, HOLD);
    (void)shutdown(client.fd, SHUT_WR);
    WAIT_FOR(world, world->held_count == 1 && world->server->connections->ended);
    answer_held(world, 0, "late");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "late");
    assert_true(answer.close);
    client_ends(world, &client);
    world_destroy(world);
}

/* Method: what a slow client has sent so far is answered 408 when its time is up; the world does
 * not wait, it sees the answer come. */
static void test_slow_request(void **state)
{
    static const char *const starts[] = {
        "G",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Sl",
        "POST / HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhalf",
        "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nha",
        GOOD "GET",
    };
    struct world *world = world_create((struct http_options){.request_timeout_ms = 20});
    static struct client client;
    static struct answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        client_open(world, &client);
        client_text(world, &client, starts[i]);
        if (strstr(starts[i], GOOD)) {
            assert_true(client_answer(world, &client, false, &answer));
            assert_int_equal(answer.status, 200);
        }
        assert_true(client_answer(world, &client, false, &answer));
        assert_int_equal(answer.status, 408);
        assert_true(answer.close);
        client_ends(world, &client);
        check_alive(world);
    }
    world_destroy(world);
}

/* Method: a byte now and then does not buy more time: the limit is from the first to the last. */
static void test_dripping_request(void **state)
{
    struct world *world = world_create((struct http_options){.request_timeout_ms = 50});
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, "GET / HTTP/1.1\r\n" H);
    while (world->server->stats.refused_total == 0) {
        (void)send(client.fd, "X: y\r\n", 6, MSG_NOSIGNAL);
        step(world, NULL, 0);
        assert_true(world->server->stats.requests_total == 0);
        if (client.size == 0) {
            struct pollfd fd = {.fd = client.fd, .events = POLLIN};

            (void)poll(&fd, 1, 1); /* The drip; the wait ends with the reply. */
        }
    }
    assert_true(client_answer(world, &client, false, &answer));
    assert_int_equal(answer.status, 408);
    client_ends(world, &client);
    world_destroy(world);
}

/* Method: idle connections, fresh or used, end without a word when their time is up. */
static void test_idle(void **state)
{
    struct world *world = world_create((struct http_options){.idle_timeout_ms = 150});
    static struct client client;

    (void)state;
    client_open(world, &client);
    client_ends(world, &client);
    client_open(world, &client);
    check_good(world, &client);
    client_ends(world, &client);
    client_open(world, &client);
    client_text(world, &client, "\r\n"); /* Empty lines are not the beginning of a request. */
    client_ends(world, &client);
    check_alive(world);
    world_destroy(world);
}

/* Method: time with the handler is not the client's: neither limit ends a held request. */
static void test_held_past_limits(void **state)
{
    struct world *world =
        world_create((struct http_options){.idle_timeout_ms = 100, .request_timeout_ms = 100});
    static struct client held;
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &held);
    client_text(world, &held, HOLD);
    WAIT_FOR(world, world->held_count == 1);
    for (int i = 0; i < 3; i++) { /* Three idle limits pass meanwhile. */
        client_open(world, &client);
        client_ends(world, &client);
    }
    answer_held(world, 0, "here");
    assert_true(client_answer(world, &held, false, &answer));
    assert_string_equal(answer.body, "here");
    client_ends(world, &held);
    world_destroy(world);
}

static void open_small(struct world *world, struct client *client)
{
    int size = 4096;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(world->server))};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->size = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* Method: a client asks for 16 MiB and reads nothing; its connection ends with most of it unsent,
 * others are served. */
static void test_reply_not_taken(void **state)
{
    struct world *world = world_create((struct http_options){.write_timeout_ms = 20});
    static struct client client;
    static uint8_t bite[1 << 20];
    size_t total = 0;
    ssize_t size;

    (void)state;
    open_small(world, &client);
    client_text(world, &client, "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->handled == 1);
    WAIT_FOR(world, open_connections(world) == 0);
    while ((size = recv(client.fd, bite, sizeof(bite), 0)) > 0) { /* What the kernel had taken. */
        total += (size_t)size;
    }
    assert_true(total < 16 * MIB);
    client_close(&client);
    check_alive(world);
    world_destroy(world);
}

/* Method: a client that always takes a little is cut off all the same, after 20 write time-outs. */
static void test_reply_taken_for_ever(void **state)
{
    struct world *world = world_create((struct http_options){.write_timeout_ms = 200});
    static struct client client;
    static uint8_t bite[16 * 1024];
    uint64_t start_ms;
    size_t total = 0;
    ssize_t size = 1;

    (void)state;
    open_small(world, &client);
    client_text(world, &client, "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->handled == 1);
    start_ms = test_now_ms();
    while (open_connections(world) > 0) {
        assert_true(test_now_ms() - start_ms < WAIT_MS);
        if (test_now_ms() - start_ms >= total / 1024) { /* At most 1 MB a second. */
            size = recv(client.fd, bite, sizeof(bite), MSG_DONTWAIT);
            total += size > 0 ? (size_t)size : 0;
        }
        step(world, NULL, 0);
    }
    print_message("cut off after %zu bytes and %llu ms\n", total,
                  (unsigned long long)(test_now_ms() - start_ms));
    assert_true(total < 8 * MIB);
    client_close(&client);
    check_alive(world);
    world_destroy(world);
}

/* Method: a client that takes its 16 MiB in bites gets them all, though it takes longer than the
 * limit: the write deadline only wants progress. */
static void test_reply_taken_slowly(void **state)
{
    struct world *world = world_create((struct http_options){.write_timeout_ms = 800});
    static struct client client;
    static uint8_t bite[1 << 20];
    uint64_t start_ms;
    size_t total = 0;

    (void)state;
    open_small(world, &client);
    client_text(world, &client, "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->handled == 1);
    start_ms = test_now_ms();
    while (total < 16 * MIB) {
        struct pollfd fd = {.fd = client.fd, .events = POLLIN};
        ssize_t size;

        /* The whole takes more than twice the limit. */
        while (test_now_ms() - start_ms < total * 2000 / (16 * MIB)) {
            step(world, NULL, 0);
        }
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        (void)poll(&fd, 1, 1);
        size = recv(client.fd, bite, sizeof(bite), MSG_DONTWAIT);
        if (size <= 0) {
            assert_true(size < 0 && errno == EAGAIN);
            continue;
        }
        total += (size_t)size;
    }
    assert_true(test_now_ms() - start_ms > 800);
    client_close(&client);
    WAIT_FOR(world, open_connections(world) == 0);
    world_destroy(world);
}

/* Method: the client closes while its request is held: the handler is told once, its reply hurts
 * nobody. */
static void test_gone(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;

    (void)state;
    world->watch_gone = true;
    client_open(world, &client);
    client_text(world, &client, HOLD);
    WAIT_FOR(world, world->held_count == 1);
    assert_int_equal(world->gone, 0);
    client_close(&client);
    WAIT_FOR(world, world->gone == 1);
    answer_held(world, 0, "to nobody");
    WAIT_FOR(world, open_connections(world) == 0);
    assert_int_equal(world->gone, 1);
    check_alive(world);
    world_destroy(world);
}

/* Method: as above, answered from within the call. */
static void test_gone_answered_at_once(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;

    (void)state;
    world->watch_gone = true;
    world->reply_when_gone = true;
    client_open(world, &client);
    client_text(world, &client, HOLD);
    WAIT_FOR(world, world->held_count == 1);
    (void)shutdown(client.fd, SHUT_WR); /* It still reads: "gone" reaches it. */
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "gone");
    client_ends(world, &client);
    assert_int_equal(world->gone, 1);
    world_destroy(world);
}

static void reset(struct client *client)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
    client_close(client);
}

/* Method: the client resets: told at once, the connection is closed before the reply. */
static void test_gone_by_reset(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;

    (void)state;
    world->watch_gone = true;
    for (int i = 0; i < 2; i++) {
        world->reply_when_gone = i == 1;
        client_open(world, &client);
        client_text(world, &client, HOLD);
        WAIT_FOR(world, world->held_count == 1);
        reset(&client);
        WAIT_FOR(world, world->gone == (size_t)i + 1);
        WAIT_FOR(world, open_connections(world) == 0);
        assert_int_equal(http_server_stats(world->server).requests_in_flight, 0);
        if (i == 0) {
            answer_held(world, 0, "to nobody");
        }
    }
    check_alive(world);
    world_destroy(world);
}

/* Method: the client is known to have closed its side before the request is handed over. */
static void test_gone_before_it_is_asked(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, HOLD HOLD);
    (void)shutdown(client.fd, SHUT_WR);
    WAIT_FOR(world, world->held_count == 1 && world->server->connections->ended);
    world->watch_gone = true;
    answer_held(world, 0, "first");
    assert_true(client_answer(world, &client, false, &answer));
    WAIT_FOR(world, world->handled == 2);
    WAIT_FOR(world, world->gone == 1);
    answer_held(world, 0, "second");
    assert_true(client_answer(world, &client, false, &answer));
    assert_string_equal(answer.body, "second");
    client_ends(world, &client);
    world_destroy(world);
}

/* Method: a reset while the request is being read, and while a reply is being written. */
static void test_reset_elsewhere(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, "POST / HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nhalf");
    WAIT_FOR(world, open_connections(world) == 1 &&
                        world->server->connections->state == HTTP_CONNECTION_READING);
    reset(&client);
    WAIT_FOR(world, open_connections(world) == 0);
    open_small(world, &client);
    client_text(world, &client, "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->handled == 1);
    reset(&client);
    WAIT_FOR(world, open_connections(world) == 0);
    check_alive(world);
    world_destroy(world);
}

/* Method: a client that does not close after the last reply is waited for, not for ever. */
static void test_linger(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;

    (void)state;
    world->server->deadlines.lasts_ms[HTTP_DEADLINE_LINGER] = 20;
    client_open(world, &client);
    client_text(world, &client, "GET /close HTTP/1.1\r\n" H "\r\n");
    assert_true(client_answer(world, &client, false, &answer));
    assert_int_equal(client_more(world, &client), 0);
    assert_int_equal(open_connections(world), 1);
    (void)send(client.fd, "more", 4, MSG_NOSIGNAL); /* Thrown away. */
    WAIT_FOR(world, open_connections(world) == 0);
    client_close(&client);
    world_destroy(world);
}

/* Method: the headers that every reply carries. */
static void test_reply_headers(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;
    const char *timing;
    char *end;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(client_answer(world, &client, false, &answer));
    assert_non_null(strstr(answer.head, "\r\nConnection: keep-alive\r\n"));
    assert_non_null(strstr(answer.head, "\r\nX-Test: yes\r\n"));
    assert_non_null(strstr(answer.head, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(answer.head, "\r\nDate: "));
    assert_non_null(strstr(answer.head, " GMT\r\n"));
    timing = strstr(answer.head, "\r\nServer-Timing: proc;dur=");
    assert_non_null(timing);
    assert_true(strtod(timing + 26, &end) < WAIT_MS);
    assert_memory_equal(end, "\r\n", 2);
    assert_int_equal(*(end - 4), '.');
    client_close(&client);
    world_destroy(world);
}

/* Method: what the handler sees of the connection. */
static void test_input(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;
    const struct http_input *input;
    struct sockaddr_in own;
    socklen_t own_size = sizeof(own);
    char peer[64];

    (void)state;
    client_open(world, &client);
    assert_int_equal(getsockname(client.fd, (struct sockaddr *)&own, &own_size), 0);
    (void)snprintf(peer, sizeof(peer), "127.0.0.1:%u", ntohs(own.sin_port));
    client_text(world, &client,
                "GET /hold HTTP/1.1\r\nhOsT: a\r\nX-Two:  b c \r\nX-Two: d\r\n\r\n");
    WAIT_FOR(world, world->held_count == 1);
    input = http_input(world->held[0]);
    assert_true(slice_is(input->peer, peer));
    assert_int_equal(input->header_count, 3);
    assert_true(slice_is(http_header_find(input, "Host"), "a"));
    assert_true(slice_is(http_header_find(input, "x-two"), "b c"));
    assert_true(slice_is(input->headers[2].value, "d"));
    assert_true(input->started_ns > 0 && input->started_ns <= uv_hrtime());
    http_set_data(world->held[0], peer);
    assert_ptr_equal(http_data(world->held[0]), peer);
    answer_held(world, 0, "");
    assert_true(client_answer(world, &client, false, &answer));
    client_close(&client);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_pipelined_later),
        cmocka_unit_test(test_pipelined_bounded),
        cmocka_unit_test(test_pipelined_half_closed),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_slow_request),
        cmocka_unit_test(test_dripping_request),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_held_past_limits),
        cmocka_unit_test(test_reply_not_taken),
        cmocka_unit_test(test_reply_taken_slowly),
        cmocka_unit_test(test_reply_taken_for_ever),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_gone_answered_at_once),
        cmocka_unit_test(test_gone_by_reset),
        cmocka_unit_test(test_gone_before_it_is_asked),
        cmocka_unit_test(test_reset_elsewhere),
        cmocka_unit_test(test_linger),
        cmocka_unit_test(test_reply_headers),
        cmocka_unit_test(test_input),
    };

    return cmocka_run_group_tests_name("http_connection", tests, NULL, NULL);
}
