/* Fault twin: the same conversation with the server, with its 1st, 2nd, ... n-th allocation
 * failing.
 *
 * The definitions of malloc and friends here win over the shared library's. Only calls from this
 * executable fail, that is from the rooms under test: libuv aborts when some of its own do, and the
 * client below allocates nothing. Sanitizers bring their own allocator, so in their builds nothing
 * fails and the conversation runs once. */
#include "tests/unit/test_http_tls_client.h"

#define ROUNDS_MAX 200

static size_t fail_at; /* 0: never. Counts down. */
static bool failed;    /* The one that was to fail was reached. */
static long blocks;    /* Taken and not given back, by this executable. */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern const char __executable_start;
extern const char etext;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *bytes, size_t size);
void __libc_free(void *bytes);

static bool is_ours(const void *caller)
{
    return (uintptr_t)caller >= (uintptr_t)&__executable_start &&
           (uintptr_t)caller < (uintptr_t)&etext;
}

static bool must_fail(const void *caller)
{
    if (!is_ours(caller) || fail_at == 0) {
        return false;
    }
    fail_at--;
    failed |= fail_at == 0;
    return fail_at == 0;
}

void *malloc(size_t size)
{
    void *caller = __builtin_return_address(0);

    if (must_fail(caller)) {
        return NULL;
    }
    blocks += is_ours(caller);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    void *caller = __builtin_return_address(0);

    if (must_fail(caller)) {
        return NULL;
    }
    blocks += is_ours(caller);
    return __libc_calloc(count, size);
}

void *realloc(void *bytes, size_t size)
{
    void *caller = __builtin_return_address(0);

    if (must_fail(caller)) {
        return NULL;
    }
    blocks += is_ours(caller) && !bytes;
    return __libc_realloc(bytes, size);
}

void free(void *bytes)
{
    blocks -= is_ours(__builtin_return_address(0)) && bytes;
    __libc_free(bytes);
}

#endif

static struct client client;
static struct answer answer;
static char large[100 * 1024];

/* Sends a request; its answer has the status or is 503, or the connection ends without one. */
static void ask(struct world *world, int status, const char *bytes, size_t size)
{
    client_open(world, &client);
    client_send(world, &client, bytes, size);
    if (client_answer(world, &client, false, &answer)) {
        assert_true(answer.status == status || answer.status == 503);
    }
    client_close(&client);
}

/* Each kind of allocation that the room makes: requests, texts, headers, small and large bodies,
 * bytes that wait, replies that wait, connections. */
static void converse(struct world *world)
{
    static const char two[] =
        "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char many[] =
        "GET / HTTP/1.1\r\nHost: a\r\nA:1\r\nB:1\r\nC:1\r\nD:1\r\nE:1\r\nF:1\r\n"
        "G:1\r\nH:1\r\nI:1\r\nJ:1\r\nK:1\r\nL:1\r\nM:1\r\nN:1\r\nO:1\r\nP:1\r\n"
        "Q:1\r\n\r\n";
    static const char big[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char packed[] = "GET /text HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    size_t size;

    ask(world, 200, GOOD, sizeof(GOOD) - 1);
    ask(world, 200, many, sizeof(many) - 1);
    memset(large, 'x', sizeof(large));
    size =
        (size_t)snprintf(large, 100, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
    large[size] = 'x';
    ask(world, 200, large, size + 90000);
    ask(world, 200, packed, sizeof(packed) - 1);
    ask(world, 400, "nonsense\r\n\r\n", 12);
    client_open(world, &client);
    client_send(world, &client, two, sizeof(two) - 1);
    for (int i = 0; i < 20 && world->held_count == 0; i++) {
        step(world, &client, POLLIN);
    }
    if (world->held_count) {
        world->held_count = 0;
        say(world->held[0], 200, "held");
        while (client_answer(world, &client, false, &answer) && strcmp(answer.body, "GET /2? ")) {
        }
    }
    client_close(&client);
    client_open(world, &client);
    client_send(world, &client, big, sizeof(big) - 1);
    (void)client_more(world, &client); /* Its beginning, or the end without it. */
    client_close(&client);
}

/* The same through TLS: sessions, what they have to send, replies in pieces. */
static void converse_secretly(struct world *world)
{
    static struct tls_client secret;
    static const char big[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

    for (int i = 0; i < 2; i++) {
        tls_open(world, &secret);
        if (shake(world, &secret)) {
            const char *bytes = i == 0 ? GOOD : big;

            (void)SSL_write(secret.ssl, bytes, (int)strlen(bytes));
            flush_client(world, &secret);
            (void)tls_more(world, &secret); /* Its beginning, or the end without it. */
        }
        tls_close(&secret);
    }
}

static void on_fault_request(void *context, struct http_request *request)
{
    static uint8_t bytes[16 * 1024 * 1024];
    struct http_output output = {.status = 200, .body = slice_of(bytes, sizeof(bytes))};

    if (slice_is(http_input(request)->path, "/text")) {
        output.content_type = "text/plain";
        output.body.size = 5000;
        http_reply(request, &output);
    } else if (slice_is(http_input(request)->path, "/large")) {
        http_reply(request, &output);
    } else if (slice_is(http_input(request)->path, "/hold")) {
        on_test_request(context, request);
    } else {
        char body[64] = "";

        /* The harness' echo needs its own arena to hold; this must not. */
        (void)snprintf(body, sizeof(body), "GET %.*s? ", (int)http_input(request)->path.size,
                       (const char *)http_input(request)->path.data);
        say(request, 200, body);
    }
}

static void on_fault_refusal(void *context, uint16_t status, const char *text, struct arena *arena,
                             struct http_output *ret_output)
{
    (void)context;
    (void)status;
    (void)arena;
    ret_output->body = slice_text(text); /* Literals or in the request's arena. */
}

/* The server is as good as before. */
static void check_unharmed(struct world *world, const struct tls_pair *pair)
{
    static struct tls_client secret;

    if (pair) {
        tls_open(world, &secret);
        assert_true(shake(world, &secret));
        tls_text(world, &secret, GOOD);
        assert_true(tls_more(world, &secret) > 0);
        assert_memory_equal(secret.bytes, "HTTP/1.1 200 ", 13);
        tls_close(&secret);
        return;
    }
    client_open(world, &client);
    client_send(world, &client, GOOD, sizeof(GOOD) - 1);
    assert_true(client_answer(world, &client, false, &answer));
    assert_int_equal(answer.status, 200);
    client_close(&client);
}

/* One round, through TLS with a pair: false when the n-th allocation was not reached. */
static bool round_of(size_t n, const struct tls_pair *pair)
{
    static struct world world;
    struct http_options options = {.bind = "127.0.0.1:0",
                                   .handler = on_fault_request,
                                   .refusal = on_fault_refusal,
                                   .context = &world,
                                   .compression = true,
                                   .tls_cert_path = pair ? pair->cert_path : NULL,
                                   .tls_key_path = pair ? pair->key_path : NULL};
    struct err err;
    long before = blocks;

    world = (struct world){0};
    assert_int_equal(uv_loop_init(&world.loop), 0);
    failed = false;
    fail_at = n;
    if (http_server_create(&world.loop, &options, &world.server, &err) == ERR_NONE) {
        if (pair) {
            converse_secretly(&world);
        } else {
            converse(&world);
        }
        fail_at = 0;
        check_unharmed(&world, pair);
        WAIT_FOR(&world, http_server_stats(world.server).connections == 0);
        http_server_close(world.server, on_test_closed, &world);
        assert_int_equal(uv_run(&world.loop, UV_RUN_DEFAULT), 0);
        assert_true(world.closed);
    } else {
        assert_int_equal(err.code, ERR_NOMEM);
    }
    fail_at = 0;
    assert_int_equal(uv_loop_close(&world.loop), 0);
    /* OpenSSL's frees are tail calls, so that they look like ours: leaks through TLS are the
     * address sanitizer's to find. */
    if (blocks != before && !pair) {
        fail_msg("allocation %zu: %ld blocks are left", n, blocks - before);
    }
    return failed;
}

/* Method: rounds with a later and later failure until none is reached. */
static void test_every_allocation(void **state)
{
    size_t n = 1;

    (void)state;
    while (round_of(n, NULL)) {
        n++;
        assert_true(n < ROUNDS_MAX);
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(n > 15); /* The conversation does allocate, and each was failed once. */
#endif
    print_message("%zu allocations failed one by one\n", n - 1);
}

/* Method: the same through TLS. OpenSSL's own allocations do not fail: they are not ours. */
static void test_every_allocation_of_tls(void **state)
{
    static char dir[TLS_PATH_MAX];
    static struct tls_pair pair;
    size_t n = 1;

    (void)state;
    tls_make_dir(dir);
    tls_make_pair(&pair, dir, "server", 86400, NULL);
    client_context = SSL_CTX_new(TLS_client_method());
    assert_non_null(client_context);
    while (round_of(n, &pair)) {
        n++;
        assert_true(n < ROUNDS_MAX);
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(n > 8);
#endif
    print_message("%zu allocations failed one by one\n", n - 1);
    SSL_CTX_free(client_context);
    tls_free_pair(&pair);
    tls_remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation),
        cmocka_unit_test(test_every_allocation_of_tls),
    };

    return cmocka_run_group_tests_name("http_faults", tests, NULL, NULL);
}
