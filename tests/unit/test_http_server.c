/* The server as a whole over real sockets: its limits, its drain, its end, its memory. */
#include "tests/unit/test_http_harness.h"

#include <malloc.h>
#include <sys/resource.h>

#define H "Host: a\r\n"
#define HOLD "GET /hold HTTP/1.1\r\n" H "\r\n"
#define IDLE_COUNT 1000
#define ENDS_TURN_MAX 512 /* A turn may begin in one millisecond and go on in the next. */
#define FLOOD_COUNT 500
#define FLOOD_TURN_MAX 65 /* The timer's, and 64 of the listener's. */
#define IDLE_REQUEST "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#define IDLE_BYTES_MAX 8192 /* Red zones included. */
#elif defined(__SANITIZE_THREAD__)
#define IDLE_BYTES_MAX 8192 /* Shadow included. */
#else
#define IDLE_BYTES_MAX 1024
#endif

static uint32_t open_connections(struct world *world)
{
    return http_server_stats(world->server).connections;
}

static void on_drained(void *context)
{
    struct world *world = context;

    assert_false(world->drained);
    world->drained = true;
}

/* Method: one connection over the limit hears 503 and is closed; when one goes, the next is served.
 */
static void test_connections_max(void **state)
{
    struct world *world = world_create((struct http_options){.connections_max = 2});
    static struct client clients[3];
    static struct answer answer;

    (void)state;
    client_open(world, &clients[0]);
    check_good(world, &clients[0]);
    client_open(world, &clients[1]);
    check_good(world, &clients[1]);
    for (int i = 0; i < 3; i++) {
        client_open(world, &clients[2]);
        (void)send(clients[2].fd, GOOD, sizeof(GOOD) - 1, MSG_NOSIGNAL);
        assert_true(client_answer(world, &clients[2], false, &answer));
        assert_int_equal(answer.status, 503);
        assert_true(answer.close);
        client_ends(world, &clients[2]);
    }
    WAIT_FOR(world, open_connections(world) == 2);
    check_good(world, &clients[0]);
    client_close(&clients[0]);
    WAIT_FOR(world, open_connections(world) == 1);
    check_alive(world);
    client_close(&clients[1]);
    world_destroy(world);
}

/* Method: drain with a fresh, a half-read and a held request: no new connection, each request is
 * answered as the last one, idle connections end, and then it is said. */
static void test_drain(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client idle, halfway, held, late;
    static struct answer answer;

    (void)state;
    client_open(world, &idle);
    check_good(world, &idle);
    client_open(world, &halfway);
    client_text(world, &halfway, "POST /half HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nab");
    client_open(world, &held);
    client_text(world, &held, HOLD);
    WAIT_FOR(world, world->held_count == 1 && open_connections(world) == 3);
    http_server_drain(world->server, on_drained, world);
    client_ends(world, &idle);
    WAIT_FOR(world, open_connections(world) == 2);
    assert_int_equal(try_connect(world, &late), -1);
    assert_int_equal(errno, ECONNREFUSED);
    client_close(&late);
    client_text(world, &halfway, "cd");
    assert_true(client_answer(world, &halfway, false, &answer));
    assert_string_equal(answer.body, "POST /half? abcd");
    assert_true(answer.close);
    client_ends(world, &halfway);
    assert_false(world->drained);
    say(world->held[0], 200, "held");
    world->held_count = 0;
    assert_true(client_answer(world, &held, false, &answer));
    assert_string_equal(answer.body, "held");
    assert_true(answer.close);
    client_ends(world, &held);
    WAIT_FOR(world, world->drained);
    world_destroy(world);
}

/* Method: a request that is in the kernel when the drain begins is served, not dropped. */
static void test_drain_serves_what_was_sent(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    check_good(world, &client);
    assert_int_equal(send(client.fd, GOOD, sizeof(GOOD) - 1, MSG_NOSIGNAL), sizeof(GOOD) - 1);
    http_server_drain(world->server, on_drained, world);
    assert_true(client_answer(world, &client, false, &answer));
    assert_int_equal(answer.status, 200);
    assert_true(answer.close);
    client_ends(world, &client);
    WAIT_FOR(world, world->drained);
    world_destroy(world);
}

static void close_behind_drain(void *context)
{
    struct world *world = context;

    world->drained = true;
    http_server_close(world->server, on_test_closed, world);
}

/* Method: with no connection, drained is still called, from a later turn, and may close. */
static void test_drain_empty(void **state)
{
    struct world *world = world_create((struct http_options){0});

    (void)state;
    http_server_drain(world->server, close_behind_drain, world);
    assert_false(world->drained);
    assert_int_equal(uv_run(&world->loop, UV_RUN_DEFAULT), 0);
    assert_true(world->drained);
    assert_true(world->closed);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
}

/* Method: close with connections in every state; world_destroy answers the held request afterwards
 * and finds nothing left in the loop. */
static void test_close(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client clients[4];

    (void)state;
    world->watch_gone = true;
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        client_open(world, &clients[i]);
    }
    client_text(world, &clients[1], "POST /half HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nab");
    client_text(world, &clients[2], HOLD HOLD);
    client_text(world, &clients[3], "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->handled == 2 && open_connections(world) == 4);
    world_destroy(world);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
}

/* Method: bind twice to one port, and to what does not parse. */
static void test_create_fails(void **state)
{
    struct world *world = world_create((struct http_options){0});
    struct http_options options = {.handler = on_test_request, .refusal = on_test_refusal};
    struct http_server *server = NULL;
    struct err err;
    char bind[64];
    char text[128];

    (void)state;
    (void)snprintf(bind, sizeof(bind), "127.0.0.1:%u", http_server_port(world->server));
    (void)snprintf(text, sizeof(text), "address %s is in use", bind);
    options.bind = bind;
    assert_int_equal(http_server_create(&world->loop, &options, &server, &err), ERR_STATE);
    assert_string_equal(err.text, text);
    options.bind = "nonsense";
    assert_int_equal(http_server_create(&world->loop, &options, &server, &err), ERR_INVALID);
    assert_null(server);
    check_alive(world);
    world_destroy(world);
}

/* Method: statistics after a known number of each. */
static void test_stats(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client client;
    static struct answer answer;
    struct http_stats stats;

    (void)state;
    client_open(world, &client);
    check_good(world, &client);
    check_good(world, &client);
    client_text(world, &client, "nonsense\r\n\r\n");
    assert_true(client_answer(world, &client, false, &answer));
    client_ends(world, &client);
    WAIT_FOR(world, open_connections(world) == 0);
    stats = http_server_stats(world->server);
    assert_int_equal(stats.accepted_total, 1);
    assert_int_equal(stats.requests_total, 2);
    assert_int_equal(stats.refused_total, 1);
    assert_int_equal(stats.requests_in_flight, 0);
    world_destroy(world);
}

static size_t allocated_bytes(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*s %zu", &pages), 1);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Method: 1,000 connections that have each had a request served hold little while they are idle. */
static void test_idle_memory(void **state)
{
    struct world *world = world_create((struct http_options){0});
    struct rlimit files;
    static struct client clients[IDLE_COUNT];
    static struct answer answer;
    size_t allocated, resident;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_true(files.rlim_max > 2 * IDLE_COUNT + 50);
    memset(clients, 0, sizeof(clients)); /* The clients' own memory is not to be counted. */
    check_alive(world);
    allocated = allocated_bytes();
    resident = resident_bytes();
    for (size_t i = 0; i < IDLE_COUNT; i++) {
        client_open(world, &clients[i]);
        client_text(world, &clients[i], IDLE_REQUEST);
        assert_true(client_answer(world, &clients[i], false, &answer));
        assert_int_equal(answer.status, 200);
    }
    assert_int_equal(open_connections(world), IDLE_COUNT);
    allocated = allocated_bytes() - allocated;
    resident = resident_bytes() - resident;
    print_message("%d idle connections: %zu bytes allocated each, %zu resident\n", IDLE_COUNT,
                  allocated / IDLE_COUNT, resident / IDLE_COUNT);
    assert_true(allocated / IDLE_COUNT < IDLE_BYTES_MAX);
    assert_true(resident / IDLE_COUNT < 4 * IDLE_BYTES_MAX);
    for (size_t i = 0; i < IDLE_COUNT; i++) {
        client_close(&clients[i]);
    }
    WAIT_FOR(world, open_connections(world) == 0);
    world_destroy(world);
}

/* Method: connections wait in the kernel; one turn of the loop accepts some of them, not all. */
static void test_flood(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client clients[FLOOD_COUNT];
    uint64_t end = test_now_ms() + WAIT_MS;
    uint32_t before = 0;

    (void)state;
    for (size_t i = 0; i < FLOOD_COUNT; i++) {
        client_open(world, &clients[i]);
    }
    while (before < FLOOD_COUNT) {
        assert_true(test_now_ms() < end);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        assert_true(open_connections(world) - before <= FLOOD_TURN_MAX);
        before = open_connections(world);
    }
    check_alive(world);
    for (size_t i = 0; i < FLOOD_COUNT; i++) {
        client_close(&clients[i]);
    }
    WAIT_FOR(world, open_connections(world) == 0);
    world_destroy(world);
}

/* Method: a thousand idle clients leave at once; a turn of the loop closes some of their
 * connections. */
static void test_end_of_many(void **state)
{
    struct world *world = world_create((struct http_options){0});
    static struct client clients[IDLE_COUNT];
    uint64_t end = test_now_ms() + WAIT_MS;
    uint32_t before = IDLE_COUNT;

    (void)state;
    for (size_t i = 0; i < IDLE_COUNT; i++) {
        client_open(world, &clients[i]);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    WAIT_FOR(world, open_connections(world) == IDLE_COUNT);
    for (size_t i = 0; i < IDLE_COUNT; i++) {
        client_close(&clients[i]);
    }
    while (before > 0) {
        assert_true(test_now_ms() < end);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        assert_true(before - open_connections(world) <= ENDS_TURN_MAX);
        before = open_connections(world);
    }
    check_alive(world);
    world_destroy(world);
}

/* Method: with no descriptor left, waiting connections are dropped, the loop does not spin, and the
 * server goes on when there are some again. */
static void test_no_descriptors(void **state)
{
    struct world *world = world_create((struct http_options){0});
    struct rlimit before, now;
    static struct client clients[4];
    struct pollfd backend = {.fd = uv_backend_fd(&world->loop), .events = POLLIN};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        client_open(world, &clients[i]); /* The backlog takes them, nobody accepts them yet. */
    }
    now = before;
    now.rlim_cur = (rlim_t)clients[ARRAY_COUNT(clients) - 1].fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        assert_true(client_more(world, &clients[i]) <= 0);
    }
    assert_int_equal(poll(&backend, 1, 0), 0);
    assert_int_equal(open_connections(world), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    check_alive(world);
    for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_memory), /* First: later tests leave freed memory behind. */
        cmocka_unit_test(test_connections_max),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_serves_what_was_sent),
        cmocka_unit_test(test_drain_empty),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_create_fails),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_end_of_many),
        cmocka_unit_test(test_no_descriptors),
    };

    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
