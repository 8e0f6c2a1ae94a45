/* TLS over real sockets: the client is OpenSSL over memory, so that the test decides how its bytes
 * are cut, and what is done to them on the way. */
#include "tests/unit/test_http_harness.h"
#include "tests/unit/test_http_tls_client.h"

#include <malloc.h>

#define H "Host: a\r\n"
#define IDLE_COUNT 200
#define HELLO_COUNT 150 /* Each costs the server 0.1 ms or more. */
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#define IDLE_BYTES_MAX (64 * KIB)
#elif defined(__SANITIZE_THREAD__)
#define IDLE_BYTES_MAX (64 * KIB)
#else
/* 15 KiB with OpenSSL 3.0, 29 KiB with 3.5; buffers that are not given back are 32 KiB more. */
#define IDLE_BYTES_MAX (36 * KIB)
#endif

static char dir[TLS_PATH_MAX];
static struct tls_pair root, good, other, expired;

static struct http_options with_tls(void)
{
    return (struct http_options){.tls_cert_path = good.cert_path, .tls_key_path = good.key_path};
}

/* Waits until all connections are gone: nothing of theirs may be counted any more. */
static void settle(struct world *world)
{
    WAIT_FOR(world, http_server_stats(world->server).connections == 0);
    assert_int_equal(http_server_stats(world->server).memory_used, 0);
}

/* Method: requests over each version, all at once and byte by byte, pipelined; an orderly end. */
static void test_requests(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    static struct tls_client client;

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_COUNT(versions); i++) {
        struct world *world = world_create(with_tls());
        const unsigned char *protocol;
        unsigned size;

        tls_open(world, &client);
        client.cut = i / 2;
        assert_int_equal(SSL_set_max_proto_version(client.ssl, versions[i % 2]), 1);
        assert_int_equal(SSL_set_alpn_protos(client.ssl, (const uint8_t *)"\x02h2\x08http/1.1", 12),
                         0);
        assert_true(shake(world, &client));
        SSL_get0_alpn_selected(client.ssl, &protocol, &size);
        assert_int_equal(size, 8);
        assert_memory_equal(protocol, "http/1.1", 8);
        assert_int_equal(SSL_version(client.ssl), versions[i % 2]);
        check_tls_good(world, &client);
        tls_text(world, &client, GOOD GOOD GOOD);
        for (int j = 0; j < 3; j++) {
            expect(world, &client, 200, "POST /good?x=1 hello");
        }
        tls_text(world, &client, "GET /last HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
        expect(world, &client, 200, "GET /last? ");
        assert_int_equal(tls_more(world, &client), 0);
        assert_int_equal(client_more(world, &client.raw), 0);
        tls_close(&client);
        settle(world);
        world_destroy(world);
    }
}

/* Method: a session is resumed by its ticket, though the server keeps none. */
static void test_resumption(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client client;
    SSL_SESSION *session;

    (void)state;
    tls_open(world, &client);
    assert_true(shake(world, &client));
    check_tls_good(world, &client);
    session = SSL_get1_session(client.ssl);
    (void)SSL_shutdown(client.ssl); /* Or the client itself would not resume it. */
    tls_close(&client);
    tls_open(world, &client);
    assert_int_equal(SSL_set_session(client.ssl, session), 1);
    assert_true(shake(world, &client));
    assert_int_equal(SSL_session_reused(client.ssl), 1);
    check_tls_good(world, &client);
    tls_close(&client);
    SSL_SESSION_free(session);
    settle(world);
    world_destroy(world);
}

/* Method: a body of a megabyte arrives whole; a reply of 16 MiB is encrypted as it is taken,
 * counted while it waits, and complete. */
static void test_large(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client client;
    static char body[1 << 20];
    static char reply[64 * 1024];
    size_t total = 0;
    size_t size;

    (void)state;
    memset(body, 'x', sizeof(body));
    tls_open(world, &client);
    assert_true(shake(world, &client));
    tls_text(world, &client, "POST /b HTTP/1.1\r\n" H "Content-Length: 1048576\r\n\r\n");
    tls_send(world, &client, body, sizeof(body));
    size = (size_t)snprintf(reply, sizeof(reply), "POST /b? ");
    memset(reply + size, 'x', 60000);
    reply[size + 60000] = '\0';
    expect(world, &client, 200, reply);
    tls_text(world, &client, "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->server->connections->state == HTTP_CONNECTION_WRITING);
    assert_true(http_server_stats(world->server).memory_used > 8 * MIB);
    check_tls_alive(world);
    while (total < 16 * MIB) {
        int more = tls_more(world, &client);

        assert_true(more > 0);
        if (total == 0) {
            const char *end = memmem(client.bytes, client.size, "\r\n\r\n", 4);

            assert_non_null(end);
            more -= (int)(end + 4 - client.bytes);
        }
        total += (size_t)more;
        client.size = 0;
    }
    assert_int_equal(total, 16 * MIB);
    check_tls_good(world, &client);
    tls_close(&client);
    settle(world);
    world_destroy(world);
}

/* Method: a client that takes nothing of 16 MiB is closed though TLS hides how much it took. */
static void test_reply_not_taken(void **state)
{
    struct http_options options = with_tls();
    struct world *world;
    static struct tls_client client;

    (void)state;
    options.write_timeout_ms = 20;
    world = world_create(options);
    tls_open(world, &client);
    assert_true(shake(world, &client));
    tls_text(world, &client, "GET /big HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->handled == 1);
    settle(world);
    tls_close(&client);
    check_tls_alive(world);
    world_destroy(world);
}

/* Method: HTTP without TLS is told so in plain words; other bytes are no harm. */
static void test_plain(void **state)
{
    struct world *world = world_create(with_tls());
    static struct client client;
    static struct answer answer;

    (void)state;
    client_open(world, &client);
    client_text(world, &client, "GET / HTTP/1.1\r\n" H "\r\n");
    assert_true(client_answer(world, &client, false, &answer));
    assert_int_equal(answer.status, 400);
    assert_string_equal(answer.body, "400 this port speaks TLS: use https://");
    assert_true(answer.close);
    client_ends(world, &client);
    client_open(world, &client);
    assert_int_equal(send(client.fd, "\x16\x03\x01\0\x08no hello", 13, MSG_NOSIGNAL), 13);
    while (client_more(world, &client) > 0) { /* An alert. */
    }
    client_close(&client);
    settle(world);
    assert_int_equal(http_server_stats(world->server).tls_failed_total, 1);
    check_tls_alive(world);
    world_destroy(world);
}

/* Method: the bytes of a good conversation with one of them changed, the rest cut off in half of
 * the rounds: whatever comes of it, the server goes on and forgets the connection. */
static void test_mutations(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client client;
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 300; i++) {
        char *bytes;
        size_t size;

        tls_open(world, &client);
        if (i % 3) {
            assert_true(shake(world, &client));
            assert_true(SSL_write(client.ssl, GOOD, sizeof(GOOD) - 1) > 0);
        } else {
            (void)SSL_do_handshake(client.ssl);
        }
        size = (size_t)BIO_get_mem_data(client.out, &bytes);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        bytes[(seed >> 33) % size] ^= (char)(1 + (seed >> 20) % 255);
        client_send(world, &client.raw, bytes, i % 2 ? size : 1 + (seed >> 40) % size);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        tls_close(&client);
    }
    settle(world);
    check_tls_alive(world);
    world_destroy(world);
}

/* Method: a connection without a hello, and one that stops in the middle of it, are closed. */
static void test_slow_handshake(void **state)
{
    struct http_options options = with_tls();
    struct world *world;
    static struct tls_client silent, halfway;
    char *bytes;

    (void)state;
    options.open_timeout_ms = 30;
    world = world_create(options);
    tls_open(world, &silent);
    tls_open(world, &halfway);
    (void)SSL_do_handshake(halfway.ssl);
    assert_true(BIO_get_mem_data(halfway.out, &bytes) > 100);
    client_send(world, &halfway.raw, bytes, 100);
    assert_true(client_more(world, &silent.raw) <= 0);
    assert_true(client_more(world, &halfway.raw) <= 0);
    tls_close(&silent);
    tls_close(&halfway);
    settle(world);
    world_destroy(world);
}

/* Method: many hellos at once: the server answers some, looks at its other sockets, and in the end
 * has answered all. */
static void test_many_handshakes(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client clients[HELLO_COUNT];
    size_t turns = 0;
    size_t answered = 0;

    (void)state;
    for (size_t i = 0; i < HELLO_COUNT; i++) {
        tls_open(world, &clients[i]);
    }
    WAIT_FOR(world, http_server_stats(world->server).connections == HELLO_COUNT);
    for (size_t i = 0; i < HELLO_COUNT; i++) {
        char *bytes;
        ssize_t size;

        (void)SSL_do_handshake(clients[i].ssl);
        size = BIO_get_mem_data(clients[i].out, &bytes);
        assert_int_equal(send(clients[i].raw.fd, bytes, (size_t)size, MSG_NOSIGNAL), size);
        (void)BIO_reset(clients[i].out);
    }
    while (answered < HELLO_COUNT) {
        size_t before = answered;

        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        answered = 0;
        for (size_t i = 0; i < HELLO_COUNT; i++) {
            struct pollfd fd = {.fd = clients[i].raw.fd, .events = POLLIN};

            answered += poll(&fd, 1, 0) == 1;
        }
        turns += answered > before;
    }
    print_message("%d hellos were answered in %zu turns\n", HELLO_COUNT, turns);
    assert_true(turns > 1);
    for (size_t i = 0; i < HELLO_COUNT; i++) {
        assert_true(shake(world, &clients[i]));
        check_tls_good(world, &clients[i]);
        tls_close(&clients[i]);
    }
    settle(world);
    world_destroy(world);
}

static long serial_of(const struct tls_client *client)
{
    X509 *cert = SSL_get1_peer_certificate(client->ssl);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));

    X509_free(cert);
    return serial;
}

/* Method: new files are used by new connections, the open one goes on; files that do not belong
 * together change nothing. */
static void test_reload(void **state)
{
    struct http_options options = with_tls();
    struct tls_pair files = good;
    struct world *world;
    static struct tls_client before, after;
    struct err err;

    (void)state;
    (void)snprintf(files.cert_path, TLS_PATH_MAX, "%.200s/used.pem", dir);
    (void)snprintf(files.key_path, TLS_PATH_MAX, "%.200s/used.key", dir);
    tls_write_pair(&good, files.cert_path, files.key_path);
    options.tls_cert_path = files.cert_path;
    options.tls_key_path = files.key_path;
    world = world_create(options);
    tls_open(world, &before);
    assert_true(shake(world, &before));
    tls_write_pair(&other, files.cert_path, files.key_path);
    assert_int_equal(http_server_reload(world->server, &err), ERR_NONE);
    tls_open(world, &after);
    assert_true(shake(world, &after));
    assert_int_not_equal(serial_of(&before), serial_of(&after));
    check_tls_good(world, &before);
    check_tls_good(world, &after);
    tls_close(&after);
    tls_write_pair(&good, files.cert_path, good.key_path);
    assert_int_equal(http_server_reload(world->server, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "it is not the certificate's key"));
    tls_open(world, &after);
    assert_true(shake(world, &after));
    assert_int_not_equal(serial_of(&before), serial_of(&after));
    check_tls_good(world, &before);
    tls_close(&before);
    tls_close(&after);
    settle(world);
    world_destroy(world);
}

static void write_text(const char *name, const char *text, char path[TLS_PATH_MAX])
{
    FILE *file;

    (void)snprintf(path, TLS_PATH_MAX, "%.200s/%.40s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Method: each way in which files can be unusable is told apart, with the file's name. */
static void test_create_fails(void **state)
{
    char nonsense[TLS_PATH_MAX], locked[TLS_PATH_MAX];
    struct {
        const char *cert, *key, *ca, *text;
    } rows[] = {
        {"/nowhere.pem", good.key_path, NULL, "certificate /nowhere.pem: No such file"},
        {good.cert_path, "/nowhere.key", NULL, "key /nowhere.key: No such file"},
        {good.cert_path, other.key_path, NULL, "it is not the certificate's key"},
        {nonsense, good.key_path, NULL, "certificate "},
        {good.cert_path, nonsense, NULL, "key "},
        {good.cert_path, locked, NULL, "it has a passphrase"},
        {good.cert_path, good.key_path, "/nowhere.ca", "client authorities /nowhere.ca"},
        {good.cert_path, good.key_path, nonsense, "client authorities "},
    };
    FILE *file;

    (void)state;
    write_text("nonsense", "nonsense\n", nonsense);
    write_text("locked", "", locked);
    file = fopen(locked, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, good.key, EVP_aes_128_cbc(),
                                          (const unsigned char *)"secret", 6, NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_tls_options options = {
            .cert_path = rows[i].cert, .key_path = rows[i].key, .client_ca_path = rows[i].ca};
        struct http_tls *tls = NULL;
        struct err err;

        assert_int_equal(http_tls_create(&options, &tls, &err), ERR_CORRUPT);
        assert_null(tls);
        if (!strstr(err.text, rows[i].text)) {
            fail_msg("row %zu: '%s' without '%s'", i, err.text, rows[i].text);
        }
    }
}

/* Method: an expired certificate is served, and its dates are told. */
static void test_facts(void **state)
{
    struct http_options options = {.tls_cert_path = expired.cert_path,
                                   .tls_key_path = expired.key_path};
    struct world *world = world_create(options);
    struct http_certificate certificate = http_server_certificate(world->server);
    int64_t now_s = (int64_t)(uv_hrtime() / NS_PER_SECOND);
    struct timespec now;

    (void)state;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    now_s = now.tv_sec;
    assert_true(certificate.used);
    assert_in_range(now_s - certificate.valid_until_s, 3600, 3700);
    assert_in_range(now_s - certificate.valid_from_s, 7200, 7300);
    world_destroy(world);
    world = world_create((struct http_options){0});
    assert_false(http_server_certificate(world->server).used);
    world_destroy(world);
}

/* Method: with client authorities, only a client with a certificate of theirs is served. */
static void test_client_ca(void **state)
{
    struct http_options options = with_tls();
    struct world *world;
    static struct tls_client client;
    size_t handled;

    (void)state;
    options.tls_client_ca_path = root.cert_path;
    world = world_create(options);
    for (int i = 0; i < 3; i++) {
        const struct tls_pair *pair = i == 0 ? NULL : i == 1 ? &expired : &other;

        tls_open(world, &client);
        if (pair) {
            assert_int_equal(SSL_use_certificate(client.ssl, pair->cert), 1);
            assert_int_equal(SSL_use_PrivateKey(client.ssl, pair->key), 1);
        }
        handled = world->handled;
        if (shake(world, &client)) { /* In 1.3 the refusal comes behind the client's last word. */
            (void)SSL_write(client.ssl, GOOD, sizeof(GOOD) - 1);
            flush_client(world, &client);
            (void)tls_more(world, &client);
        }
        assert_int_equal(world->handled - handled, i == 2);
        tls_close(&client);
    }
    settle(world);
    assert_int_equal(http_server_stats(world->server).tls_failed_total, 2);
    world_destroy(world);
}

/* Method: what a client may not ask for: an older version, another protocol, new keys in the
 * middle.
 */
static void test_refused(void **state)
{
    struct http_options options = with_tls();
    struct world *world;
    static struct tls_client client;

    (void)state;
    options.tls_1_3_only = true;
    world = world_create(options);
    tls_open(world, &client);
    assert_int_equal(SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION), 1);
    assert_false(shake(world, &client));
    tls_close(&client);
    tls_open(world, &client);
    assert_int_equal(SSL_set_alpn_protos(client.ssl, (const uint8_t *)"\x02h2", 3), 0);
    assert_false(shake(world, &client));
    tls_close(&client);
    settle(world);
    world_destroy(world);
    world = world_create(with_tls());
    tls_open(world, &client);
    assert_int_equal(SSL_set_max_proto_version(client.ssl, TLS1_2_VERSION), 1);
    assert_true(shake(world, &client));
    check_tls_good(world, &client);
    assert_int_equal(SSL_renegotiate(client.ssl), 1);
    assert_false(shake(world, &client));
    tls_close(&client);
    settle(world);
    world_destroy(world);
}

/* Method: a client that asks for new keys for ever and reads nothing is closed. */
static void test_key_updates(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client client;
    int asked = 0;

    (void)state;
    tls_open(world, &client);
    assert_true(shake(world, &client));
    check_tls_good(world, &client);
    while (http_server_stats(world->server).connections == 1 && asked < 1000) {
        assert_int_equal(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        (void)SSL_do_handshake(client.ssl);
        flush_client(world, &client);
        asked++;
    }
    print_message("closed after %d key updates\n", asked);
    assert_true(asked < 1000);
    tls_close(&client);
    settle(world);
    check_tls_alive(world);
    world_destroy(world);
}

static void on_drained(void *context)
{
    ((struct world *)context)->drained = true;
}

/* Method: a drain with a connection in its handshake, an idle one and a held request. */
static void test_drain(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client silent, idle, held;

    (void)state;
    tls_open(world, &silent);
    tls_open(world, &idle);
    tls_open(world, &held);
    assert_true(shake(world, &idle));
    assert_true(shake(world, &held));
    tls_text(world, &held, "GET /hold HTTP/1.1\r\n" H "\r\n");
    WAIT_FOR(world, world->held_count == 1 && http_server_stats(world->server).connections == 3);
    http_server_drain(world->server, on_drained, world);
    assert_int_equal(tls_more(world, &idle), 0);
    assert_true(client_more(world, &silent.raw) <= 0);
    assert_false(world->drained);
    world->held_count = 0;
    say(world->held[0], 200, "held");
    expect(world, &held, 200, "held");
    assert_int_equal(tls_more(world, &held), 0);
    tls_close(&silent);
    tls_close(&idle);
    tls_close(&held);
    WAIT_FOR(world, world->drained);
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

/* Method: what idle sessions hold, client's side taken out by freeing it first. */
static void test_idle_memory(void **state)
{
    struct world *world = world_create(with_tls());
    static struct tls_client client;
    static int fds[IDLE_COUNT];
    size_t before;

    (void)state;
    check_tls_alive(world);
    settle(world);
    before = allocated_bytes();
    for (size_t i = 0; i < IDLE_COUNT; i++) {
        tls_open(world, &client);
        assert_true(shake(world, &client));
        check_tls_good(world, &client);
        fds[i] = client.raw.fd;
        SSL_free(client.ssl);
    }
    before = (allocated_bytes() - before) / IDLE_COUNT;
    print_message("%d idle TLS connections: %zu bytes allocated each\n", IDLE_COUNT, before);
    assert_int_equal(http_server_stats(world->server).connections, IDLE_COUNT);
    assert_true(before < IDLE_BYTES_MAX);
    for (size_t i = 0; i < IDLE_COUNT; i++) {
        (void)close(fds[i]);
    }
    settle(world);
    world_destroy(world);
}

static int set_up(void **state)
{
    (void)state;
    tls_make_dir(dir);
    tls_make_pair(&root, dir, "root", 86400, NULL);
    tls_make_pair(&good, dir, "good", 86400, &root);
    tls_make_pair(&other, dir, "other", 86400, &root);
    tls_make_pair(&expired, dir, "expired", -3600, &root);
    client_context = SSL_CTX_new(TLS_client_method());
    if (!client_context ||
        !X509_STORE_add_cert(SSL_CTX_get_cert_store(client_context), root.cert)) {
        return -1;
    }
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    SSL_CTX_free(client_context);
    tls_free_pair(&root);
    tls_free_pair(&good);
    tls_free_pair(&other);
    tls_free_pair(&expired);
    tls_remove_dir(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_memory), /* First: later tests leave freed memory behind. */
        cmocka_unit_test(test_requests),       cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_large),          cmocka_unit_test(test_reply_not_taken),
        cmocka_unit_test(test_plain),          cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_slow_handshake), cmocka_unit_test(test_many_handshakes),
        cmocka_unit_test(test_reload),         cmocka_unit_test(test_create_fails),
        cmocka_unit_test(test_facts),          cmocka_unit_test(test_client_ca),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_key_updates),
        cmocka_unit_test(test_drain),
    };

    return cmocka_run_group_tests_name("http_tls", tests, set_up, tear_down);
}
