/* What the server does with bytes that come faster than it may use them, and with too many of them.
 */
#include "tests/unit/test_http_harness.h"

#define H "Host: a\r\n"
#define MANY 1000
#define CROWD 100
#define CROWD_REQUESTS 50

static uint64_t memory_used(struct world *world)
{
    return http_server_stats(world->server).memory_used;
}

static void settle(struct world *world)
{
    WAIT_FOR(world, http_server_stats(world->server).connections == 0);
    assert_int_equal(memory_used(world), 0);
}

/* Method: a client that pipelines a thousand requests does not make another one wait for all of
 * them, and gets all its answers. */
static void test_turns(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client greedy, modest;
    static struct answer answer;
    static char raw[MANY * 40];
    size_t size = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        size +=
            (size_t)snprintf(raw + size, sizeof(raw) - size, "GET /n%d HTTP/1.1\r\n" H "\r\n", i);
    }
    client_open(world, &greedy);
    client_open(world, &modest);
    WAIT_FOR(world, http_server_stats(world->server).connections == 2);
    assert_int_equal(send(greedy.fd, raw, size, MSG_NOSIGNAL), size);
    assert_int_equal(send(modest.fd, GOOD, sizeof(GOOD) - 1, MSG_NOSIGNAL), sizeof(GOOD) - 1);
    assert_true(client_answer(world, &modest, false, &answer));
    assert_true(world->handled < MANY / 2);
    for (int i = 0; i < MANY; i++) {
        char body[32];

        assert_true(client_answer(world, &greedy, false, &answer));
        (void)snprintf(body, sizeof(body), "GET /n%d? ", i);
        assert_string_equal(answer.body, body);
    }
    client_close(&greedy);
    client_close(&modest);
    settle(world);
    world_destroy(world);
}

/* Method: a client whose requests fill libuv's reads just so: each read brings as many as may be
 * handled at once, and there are many reads in one turn. They share what one connection may have.
 */
static void test_turns_of_many_reads(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client greedy;
    static char raw[2000 * 256];
    char filler[256] = "";
    size_t size = 0;
    size_t longest = 0;
    size_t before = 0;

    (void)state;
    memset(filler, 'x', 256 - strlen("GET /x HTTP/1.1\r\n" H "X: \r\n\r\n"));
    while (size + 256 < sizeof(raw)) {
        size += (size_t)snprintf(raw + size, sizeof(raw) - size,
                                 "GET /x HTTP/1.1\r\n" H "X: %s\r\n\r\n", filler);
    }
    client_open(world, &greedy);
    WAIT_FOR(world, http_server_stats(world->server).connections == 1);
    for (size_t sent = 0; world->handled < size / 256;) {
        ssize_t more =
            sent < size ? send(greedy.fd, raw + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

        sent += more > 0 ? (size_t)more : 0;
        (void)recv(greedy.fd, greedy.bytes, sizeof(greedy.bytes), MSG_DONTWAIT);
        before = world->handled;
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        longest = world->handled - before > longest ? world->handled - before : longest;
    }
    print_message("the longest turn had %zu requests\n", longest);
    assert_true(longest <= 2 * 64); /* Of two milliseconds. */
    client_close(&greedy);
    settle(world);
    world_destroy(world);
}

/* Method: a hundred clients pipeline fifty requests each; a turn of the loop is as long as all have
 * one and a few have many, not as all have fifty. */
static void test_turns_of_many(void **state)
{
    static struct client clients[CROWD];
    static char raw[CROWD_REQUESTS * 40];
    struct world *world = world_create((struct http_options){0});
    size_t size = 0;
    size_t longest = 0;
    size_t before = 0;

    (void)state;
    for (int i = 0; i < CROWD_REQUESTS; i++) {
        size += (size_t)snprintf(raw + size, sizeof(raw) - size, "GET /x HTTP/1.1\r\n" H "\r\n");
    }
    for (size_t i = 0; i < CROWD; i++) {
        client_open(world, &clients[i]);
    }
    WAIT_FOR(world, http_server_stats(world->server).connections == CROWD);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(send(clients[i].fd, raw, size, MSG_NOSIGNAL), size);
    }
    while (world->handled < (size_t)CROWD * CROWD_REQUESTS) {
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        longest = world->handled - before > longest ? world->handled - before : longest;
        before = world->handled;
    }
    print_message("the longest turn had %zu requests\n", longest);
    /* A turn may begin in one millisecond and go on in the next. */
    assert_true(longest <= 2 * (256 + 64 + CROWD));
    for (size_t i = 0; i < CROWD; i++) {
        client_close(&clients[i]);
    }
    settle(world);
    world_destroy(world);
}

/* Method: an empty line behind a request is the beginning of nothing: the connection is idle again,
 * and ends as such. */
static void test_blank_line_is_idle(void **state)
{
    struct world *world = world_create((struct http_options){.idle_timeout_ms = 30});
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, "GET /hold HTTP/1.1\r\n" H "\r\n\r\n");
    WAIT_FOR(world, world->held_count == 1);
    world->held_count = 0;
    say(world->held[0], 200, "held");
    assert_true(client_answer(world, &client, false, &answer));
    client_ends(world, &client);
    settle(world);
    world_destroy(world);
}

/* Sends the head and the first `sent` bytes of a body of `size`. */
static void begin_body(struct world *world, struct client *client, size_t size, size_t sent)
{
    static char bytes[2 * 1024 * 1024];
    int head = snprintf(bytes, sizeof(bytes),
                        "POST /b HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", size);

    memset(bytes + head, 'x', sent);
    client_open(world, client);
    client_send(world, client, bytes, (size_t)head + sent);
}

/* Method: two bodies that do not end fill the memory: a third one is refused, small requests are
 * not; when one of the two is gone, the next is taken. */
static void test_bodies_are_bounded(void **state)
{
    struct world *world = world_create((struct http_options){.memory_max = 3 * MIB});
    static struct client slow[2], late;
    static struct answer answer;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin_body(world, &slow[i], 1500000, 900000);
    }
    WAIT_FOR(world, memory_used(world) > 2 * MIB);
    begin_body(world, &late, 1000000, 700000);
    assert_true(client_answer(world, &late, false, &answer));
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, "503 " HTTP_NO_ROOM);
    assert_true(answer.close);
    client_close(&late);
    check_alive(world);
    client_close(&slow[0]);
    WAIT_FOR(world, http_server_stats(world->server).connections == 1);
    assert_true(memory_used(world) < 3 * MIB / 2);
    begin_body(world, &late, 700000, 700000);
    assert_true(client_answer(world, &late, false, &answer));
    assert_int_equal(answer.status, 200);
    client_close(&late);
    client_close(&slow[1]);
    settle(world);
    world_destroy(world);
}

/* Method: heads count, too: connections that never end theirs. */
static void test_heads_are_bounded(void **state)
{
    struct world *world = world_create((struct http_options){.memory_max = 1 * MIB});
    static struct client clients[64];
    static struct answer answer;
    static char head[40000];
    size_t refused = 0;

    (void)state;
    memset(head, 'x', sizeof(head));
    memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        client_open(world, &clients[i]);
        client_send(world, &clients[i], head, sizeof(head));
    }
    WAIT_FOR(world, http_server_stats(world->server).refused_total > 10);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        struct pollfd fd = {.fd = clients[i].fd, .events = POLLIN};

        step(world, NULL, 0);
        if (poll(&fd, 1, 0) == 1) {
            assert_true(client_answer(world, &clients[i], false, &answer));
            assert_int_equal(answer.status, 503);
            refused++;
        }
    }
    assert_in_range(refused, 10, ARRAY_COUNT(clients) - 4);
    assert_true(memory_used(world) < 2 * MIB);
    check_alive(world);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
    settle(world);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_turns_of_many_reads),
        cmocka_unit_test(test_turns_of_many),
        cmocka_unit_test(test_blank_line_is_idle),
        cmocka_unit_test(test_bodies_are_bounded),
        cmocka_unit_test(test_heads_are_bounded),
    };

    return cmocka_run_group_tests_name("http_receive", tests, NULL, NULL);
}
