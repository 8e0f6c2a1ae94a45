/* A TLS client on a real socket: OpenSSL over memory, so that the test decides how its bytes are
 * cut, and what is done to them on the way. */
#ifndef TEST_HTTP_TLS_CLIENT_H
#define TEST_HTTP_TLS_CLIENT_H

#include "tests/unit/test_http_harness.h"
#include "tests/unit/tls_fixture.h"

static SSL_CTX *client_context; /* What clients trust; the test makes it. */

struct tls_client {
    struct client raw;
    SSL *ssl;
    BIO *in;    /* From the server. */
    BIO *out;   /* To the server. */
    size_t cut; /* Bytes a send; 0: all at once. */
    size_t size;
    char bytes[128 * 1024]; /* Plain, received and not looked at yet. */
};

static inline void tls_open(struct world *world, struct tls_client *client)
{
    client->cut = 0;
    client->size = 0;
    client_open(world, &client->raw);
    client->ssl = SSL_new(client_context);
    client->in = BIO_new(BIO_s_mem());
    client->out = BIO_new(BIO_s_mem());
    assert_true(client->ssl && client->in && client->out);
    SSL_set_bio(client->ssl, client->in, client->out);
    SSL_set_connect_state(client->ssl);
}

static inline void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    client_close(&client->raw);
}

/* Sends what OpenSSL has to say. */
static inline void flush_client(struct world *world, struct tls_client *client)
{
    char *bytes;
    size_t size = (size_t)BIO_get_mem_data(client->out, &bytes);

    while (size) {
        size_t piece = client->cut && client->cut < size ? client->cut : size;

        client_send(world, &client->raw, bytes, piece);
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        bytes += piece;
        size -= piece;
    }
    (void)BIO_reset(client->out);
}

/* Waits for bytes of the server; false at the end. */
static inline bool more_cipher(struct world *world, struct tls_client *client)
{
    if (client_more(world, &client->raw) <= 0) {
        return false;
    }
    assert_int_equal(BIO_write(client->in, client->raw.bytes, (int)client->raw.size),
                     client->raw.size);
    client->raw.size = 0;
    return true;
}

/* True when the handshake is done, false when the server refused it. */
static inline bool shake(struct world *world, struct tls_client *client)
{
    for (;;) {
        int done = SSL_do_handshake(client->ssl);

        flush_client(world, client);
        if (done == 1) {
            return true;
        }
        if (SSL_get_error(client->ssl, done) != SSL_ERROR_WANT_READ ||
            !more_cipher(world, client)) {
            ERR_clear_error();
            return false;
        }
    }
}

static inline void tls_send(struct world *world, struct tls_client *client, const void *bytes,
                            size_t size)
{
    assert_int_equal(SSL_write(client->ssl, bytes, (int)size), size);
    flush_client(world, client);
}

static inline void tls_text(struct world *world, struct tls_client *client, const char *text)
{
    tls_send(world, client, text, strlen(text));
}

/* Waits for plain bytes: > 0, 0 at an orderly end, -1 at any other. */
static inline int tls_more(struct world *world, struct tls_client *client)
{
    for (;;) {
        int size = SSL_read(client->ssl, client->bytes + client->size,
                            (int)(sizeof(client->bytes) - client->size));

        flush_client(world, client);
        if (size > 0) {
            client->size += (size_t)size;
            return size;
        }
        if (SSL_get_error(client->ssl, size) == SSL_ERROR_ZERO_RETURN) {
            return 0;
        }
        if (SSL_get_error(client->ssl, size) != SSL_ERROR_WANT_READ ||
            !more_cipher(world, client)) {
            ERR_clear_error();
            return -1;
        }
    }
}

/* The next reply must be this: status and body. */
static inline void expect(struct world *world, struct tls_client *client, int status,
                          const char *body)
{
    const char *end;
    size_t head_size, body_size;

    while (!(end = memmem(client->bytes, client->size, "\r\n\r\n", 4))) {
        assert_true(tls_more(world, client) > 0);
    }
    head_size = (size_t)(end - client->bytes) + 4;
    assert_int_equal(strtol(client->bytes + 9, NULL, 10), status);
    body_size = strtoul(strstr(client->bytes, "Content-Length: ") + 16, NULL, 10);
    while (client->size < head_size + body_size) {
        assert_true(tls_more(world, client) > 0);
    }
    assert_int_equal(body_size, strlen(body));
    assert_memory_equal(client->bytes + head_size, body, body_size);
    client->size -= head_size + body_size;
    memmove(client->bytes, client->bytes + head_size + body_size, client->size);
}

static inline void check_tls_good(struct world *world, struct tls_client *client)
{
    tls_text(world, client, GOOD);
    expect(world, client, 200, "POST /good?x=1 hello");
}

static inline void check_tls_alive(struct world *world)
{
    static struct tls_client client;

    tls_open(world, &client);
    assert_true(shake(world, &client));
    check_tls_good(world, &client);
    tls_close(&client);
}

#endif
