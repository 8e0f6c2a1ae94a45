/* Replies that their clients do not take: together they hold no more than they may. */
#include "http/send.h"
#include "tests/unit/test_http_harness.h"

#define H "Host: a\r\n"

static uint64_t memory_used(struct world *world)
{
    return http_server_stats(world->server).memory_used;
}

static void ask_big(struct world *world, struct client *client, const char *method)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s /big HTTP/1.1\r\n" H "\r\n", method);
    client_open(world, client);
    client_text(world, client, text);
}

/* Method: a deaf client has 16 of 20 MiB: another read is told to come again, the reply to a write,
 * which has happened, begins and breaks off; small ones are served. With the deaf one gone all is
 * as before. */
static void test_replies_are_bounded(void **state)
{
    struct world *world = world_create((struct http_options){.memory_max = 20 * MIB});
    static struct client deaf, client;
    static struct answer answer;
    ssize_t size;
    size_t total = 0;

    (void)state;
    ask_big(world, &deaf, "GET");
    WAIT_FOR(world, memory_used(world) > 8 * MIB);
    ask_big(world, &client, "GET");
    assert_true(client_answer(world, &client, false, &answer));
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, "503 " HTTP_NO_ROOM);
    assert_true(answer.close);
    client_ends(world, &client);
    ask_big(world, &client, "POST");
    while ((size = client_more(world, &client)) > 0) {
        total += (size_t)size;
        client.size = 0;
    }
    assert_true(total > 0 && total < 16 * MIB);
    client_close(&client);
    check_alive(world);
    client_close(&deaf);
    WAIT_FOR(world, http_server_stats(world->server).connections == 0);
    assert_int_equal(memory_used(world), 0);
    ask_big(world, &client, "GET");
    for (total = 0; total < 16 * MIB; total += (size_t)size) {
        size = client_more(world, &client);
        assert_true(size > 0);
        client.size = 0;
    }
    client_close(&client);
    WAIT_FOR(world, http_server_stats(world->server).connections == 0);
    assert_int_equal(memory_used(world), 0);
    world_destroy(world);
}

/* Method: a client that takes some kilobytes of its 16 MiB: that is progress, though the kernel,
 * which has megabytes of it, asks for nothing more; without them there is none. */
static void test_little_is_progress(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static uint8_t bite[128 * 1024];
    struct http_connection *connection;

    (void)state;
    ask_big(world, &client, "GET");
    WAIT_FOR(world, memory_used(world) > 8 * MIB);
    connection = world->server->connections;
    WAIT_FOR(world, !http_send_progress(connection)); /* Its receive buffer is full. */
    for (int i = 0; i < 3; i++) {
        assert_false(http_send_progress(connection));
        assert_true(recv(client.fd, bite, sizeof(bite), 0) > 0);
        WAIT_FOR(world, http_send_progress(connection));
        WAIT_FOR(world, !http_send_progress(connection));
    }
    client_close(&client);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_are_bounded),
        cmocka_unit_test(test_little_is_progress),
    };

    return cmocka_run_group_tests_name("http_send", tests, NULL, NULL);
}
