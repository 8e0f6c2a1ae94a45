/* TLS: see tls.h.
 *
 * Sessions read and write through a BIO of our own: it reads what was fed, in place, and writes
 * into the shared buffer. OpenSSL's memory BIOs would keep two buffers a session, grown to the
 * largest burst that it ever saw. */
#include "http/tls.h"

#include "http/openssl_names.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20" /* Forward secrecy and one pass, or nothing. */
#define KEY_UPDATES_MAX 64                        /* OpenSSL itself would do them all day long. */
#define CHAIN_MAX 8 /* Certificates between a client's and its root. */

/* What ALPN offers, each behind its size, the dearest first: "\x02h2" goes in front of it when
 * HTTP/2 is served. */
static const unsigned char protocols[] = "\x08http/1.1";

struct http_tls {
    SSL_CTX *context;
    BIO_METHOD *method;
    struct http_tls_options options;
    struct http_tls_facts facts;
    struct buf out;
    uint8_t plain[HTTP_TLS_RECORD_MAX];
};

struct http_tls_session {
    struct http_tls *tls;
    SSL *ssl;
    struct slice in;
    uint32_t key_updates; /* That the client sent. */
    bool failed;          /* OpenSSL wants to hear no more of it. */
};

/* --- The BIO
 * --------------------------------------------------------------------------------------
 */

static int bio_read(BIO *bio, char *bytes, int size)
{
    struct http_tls_session *session = BIO_get_data(bio);
    size_t count = session->in.size < (size_t)size ? session->in.size : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, session->in.data, count);
    session->in = slice_from(session->in, count);
    return (int)count;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct http_tls_session *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    return buf_add(&session->tls->out, bytes, (size_t)size) ? size : -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "corvo");

    if (method) {
        (void)BIO_meth_set_read(method, bio_read);
        (void)BIO_meth_set_write(method, bio_write);
        (void)BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* --- The certificate -----------------------------------------------------------------------------
 */

/* The first thing that OpenSSL had to say, and forgets the rest. */
static enum err_code explain(const char *what, const char *path, struct err *err)
{
    unsigned long error = ERR_peek_error();
    const char *text =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);

    if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH) {
        text = "it is not the certificate's key";
    }
    ERR_clear_error();
    return err_set(err, ERR_CORRUPT, "%s %.80s: %s", what, path, text ? text : "not usable");
}

/* Never asks at the terminal; says that there was something to ask. */
static int no_passphrase(char *text, int size, int writing, void *context)
{
    bool *asked = context;

    (void)text;
    (void)size;
    (void)writing;
    *asked = true;
    return -1;
}

static enum err_code load_key(SSL_CTX *context, const char *path, struct err *err)
{
    bool asked = false;
    bool loaded;

    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    loaded = SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb(context, NULL);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (asked) {
        return err_set(err, ERR_CORRUPT, "key %.80s: it has a passphrase, which nobody could type",
                       path);
    }
    if (!loaded || SSL_CTX_check_private_key(context) != 1) {
        return explain("key", path, err);
    }
    return ERR_NONE;
}

static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *context)
{
    unsigned char *name;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&name, ret_size, protocols, sizeof(protocols) - 1, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *ret_name = name;
    return SSL_TLSEXT_ERR_OK;
}

static int64_t seconds_of(const ASN1_TIME *when)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static enum err_code load_files(SSL_CTX *context, const struct http_tls_options *options,
                                struct err *err)
{
    if (SSL_CTX_use_certificate_chain_file(context, options->cert_path) != 1) {
        return explain("certificate", options->cert_path, err);
    }
    if (load_key(context, options->key_path, err)) {
        return err->code;
    }
    if (options->client_ca_path) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->client_ca_path);

        if (!names || SSL_CTX_load_verify_locations(context, options->client_ca_path, NULL) != 1) {
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return explain("client authorities", options->client_ca_path, err);
        }
        SSL_CTX_set_client_CA_list(context, names);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_verify_depth(context, CHAIN_MAX);
    }
    return ERR_NONE;
}

/* Sessions are resumed by tickets alone, so that the server remembers nothing of its clients. */
static bool set_rules(SSL_CTX *context, const struct http_tls_options *options)
{
    static const unsigned char name[] = "corvo";
    int version = options->version_1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION;

    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, version) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 &&
           SSL_CTX_set_num_tickets(context, 1) == 1 &&
           SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1) == 1;
}

enum err_code http_tls_reload(struct http_tls *tls, struct err *err)
{
    SSL_CTX *context;
    const X509 *cert;
    enum err_code code;

    ERR_clear_error();
    context = SSL_CTX_new(TLS_server_method());
    if (!context || !set_rules(context, &tls->options)) {
        code = err_set(err, ERR_NOMEM, "no memory for TLS");
        goto out;
    }
    code = load_files(context, &tls->options, err);
    if (code) {
        goto out;
    }
    cert = SSL_CTX_get0_certificate(context);
    tls->facts.valid_from_s = seconds_of(X509_get0_notBefore(cert));
    tls->facts.valid_until_s = seconds_of(X509_get0_notAfter(cert));
    SSL_CTX_free(tls->context); /* Its sessions keep it until they end. */
    tls->context = context;
    context = NULL;
out:
    SSL_CTX_free(context);
    ERR_clear_error();
    return code;
}

/* Replaces the text by a copy; false without memory. */
static bool copy_text(const char **text)
{
    size_t size = *text ? strlen(*text) + 1 : 0;
    char *copy = size ? malloc(size) : NULL;

    if (copy) {
        memcpy(copy, *text, size);
    }
    *text = copy;
    return copy || size == 0;
}

enum err_code http_tls_create(const struct http_tls_options *options, struct http_tls **ret_tls,
                              struct err *err)
{
    struct http_tls *tls = calloc(1, sizeof(*tls));
    bool copied;
    enum err_code code;

    assert(options->cert_path && options->key_path);
    if (!tls) {
        return err_set(err, ERR_NOMEM, "no memory for TLS");
    }
    buf_init(&tls->out, HTTP_TLS_OUT_MAX);
    tls->options = *options;
    copied = copy_text(&tls->options.cert_path);
    copied &= copy_text(&tls->options.key_path);
    copied &= copy_text(&tls->options.client_ca_path);
    tls->method = make_method();
    if (!copied || !tls->method) {
        code = err_set(err, ERR_NOMEM, "no memory for TLS");
    } else {
        code = http_tls_reload(tls, err);
    }
    if (code) {
        http_tls_destroy(tls);
        return code;
    }
    *ret_tls = tls;
    return ERR_NONE;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

void http_tls_destroy(struct http_tls *owned_tls)
{
    if (!owned_tls) {
        return;
    }
    SSL_CTX_free(owned_tls->context);
    BIO_meth_free(owned_tls->method);
    buf_done(&owned_tls->out);
    free_text(owned_tls->options.cert_path);
    free_text(owned_tls->options.key_path);
    free_text(owned_tls->options.client_ca_path);
    free(owned_tls);
}

struct http_tls_facts http_tls_facts(const struct http_tls *tls)
{
    return tls->facts;
}

/* --- Sessions ------------------------------------------------------------------------------------
 */

static void on_message(int written, int version, int type, const void *bytes, size_t size, SSL *ssl,
                       void *context)
{
    struct http_tls_session *session = context;
    const uint8_t *message = bytes;

    (void)version;
    (void)ssl;
    if (!written && type == SSL3_RT_HANDSHAKE && size && message[0] == SSL3_MT_KEY_UPDATE) {
        session->key_updates++;
    }
}

struct http_tls_session *http_tls_open(struct http_tls *tls)
{
    struct http_tls_session *session = calloc(1, sizeof(*session));
    BIO *bio = BIO_new(tls->method);

    if (!session || !bio) {
        goto failed;
    }
    session->tls = tls;
    session->ssl = SSL_new(tls->context);
    if (!session->ssl) {
        goto failed;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_accept_state(session->ssl);
    SSL_set_msg_callback(session->ssl, on_message);
    SSL_set_msg_callback_arg(session->ssl, session);
    return session;
failed:
    (void)BIO_free(bio);
    free(session);
    ERR_clear_error();
    return NULL;
}

void http_tls_close(struct http_tls_session *owned_session)
{
    if (owned_session) {
        SSL_free(owned_session->ssl);
        free(owned_session);
    }
}

void http_tls_feed(struct http_tls_session *session, struct slice bytes)
{
    assert(session->in.size == 0);
    session->in = bytes;
}

enum http_tls_result http_tls_read(struct http_tls_session *session, struct slice *ret_plain)
{
    struct http_tls *tls = session->tls;
    int size;
    enum http_tls_result result;

    ERR_clear_error();
    size = SSL_read(session->ssl, tls->plain, sizeof(tls->plain));
    if (session->key_updates > KEY_UPDATES_MAX) {
        session->in = slice_of(NULL, 0);
        session->failed = true;
        return HTTP_TLS_FAILED;
    }
    if (size > 0) {
        *ret_plain = slice_of(tls->plain, (size_t)size);
        return HTTP_TLS_BYTES;
    }
    switch (SSL_get_error(session->ssl, size)) {
    case SSL_ERROR_WANT_READ:
        assert(session->in.size == 0);
        result = HTTP_TLS_MORE;
        break;
    case SSL_ERROR_ZERO_RETURN:
        result = HTTP_TLS_ENDED;
        break;
    default:
        result = HTTP_TLS_FAILED;
        session->failed = true;
        break;
    }
    session->in = slice_of(NULL, 0);
    return result;
}

bool http_tls_is_ready(const struct http_tls_session *session)
{
    return SSL_is_init_finished(session->ssl) != 0;
}

bool http_tls_write(struct http_tls_session *session, struct slice plain)
{
    assert(plain.size <= HTTP_TLS_OUT_MAX / 2);
    if (plain.size == 0) {
        return true;
    }
    ERR_clear_error();
    session->failed |= SSL_write(session->ssl, plain.data, (int)plain.size) != (int)plain.size;
    return !session->failed;
}

void http_tls_end(struct http_tls_session *session)
{
    if (!session->failed && http_tls_is_ready(session) &&
        !(SSL_get_shutdown(session->ssl) & SSL_SENT_SHUTDOWN)) {
        ERR_clear_error();
        (void)SSL_shutdown(session->ssl);
    }
}

struct buf *http_tls_out(struct http_tls_session *session)
{
    return &session->tls->out;
}
