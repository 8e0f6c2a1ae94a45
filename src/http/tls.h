/* TLS: a certificate with its rules, and a session for each connection. Bytes in, bytes out:
 * sockets are not its business, and OpenSSL is nobody else's.
 *
 * What a session has to send is collected in one buffer that all sessions share, so whoever calls
 * read, write or end must send it and clear it before any other session is called. Loop thread
 * only.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/buf.h"
#include "base/common.h"
#include "base/err.h"

#define HTTP_TLS_RECORD_MAX ((size_t)16 << 10) /* Plain bytes of one record. */
#define HTTP_TLS_OUT_MAX ((size_t)256 << 10)

struct http_tls;
struct http_tls_session;

struct http_tls_options {
    const char *cert_path; /* PEM: the certificate, then those between it and the root. */
    const char *key_path;  /* PEM, without a passphrase. */
    const char
        *client_ca_path;   /* PEM; clients must show a certificate of these. NULL: none asked. */
    bool version_1_3_only; /* Else 1.2 is spoken, too. */
};

struct http_tls_facts {
    int64_t valid_from_s; /* Since 1970. */
    int64_t valid_until_s;
};

enum http_tls_result {
    HTTP_TLS_BYTES, /* Some plain bytes: ask again. */
    HTTP_TLS_MORE,  /* All that was fed is used up. */
    HTTP_TLS_ENDED, /* The client will send no more. */
    HTTP_TLS_FAILED /* The session is over; what is to be sent may say why. */
};

/* Reads certificate, key and authorities; the texts are copied.
 *
 * ERR_CORRUPT: a file can not be read or is not what it should be, or the key is another
 * certificate's; the text names the file. ERR_NOMEM. */
enum err_code http_tls_create(const struct http_tls_options *options, struct http_tls **ret_tls,
                              struct err *err) MUST_USE;

/* Reads the files again, for sessions from now on; on failure all stays as it was. Errors as above.
 */
enum err_code http_tls_reload(struct http_tls *tls, struct err *err) MUST_USE;

/* Takes NULL. No session may be left. */
void http_tls_destroy(struct http_tls *owned_tls);

/* When the certificate is valid. */
struct http_tls_facts http_tls_facts(const struct http_tls *tls);

/* A session that waits for the client's hello; NULL without memory. */
struct http_tls_session *http_tls_open(struct http_tls *tls);

/* Frees a session without a word. Takes NULL. */
void http_tls_close(struct http_tls_session *owned_session);

/* Gives the session what came from the client; borrowed until http_tls_read says anything but
 * HTTP_TLS_BYTES. */
void http_tls_feed(struct http_tls_session *session, struct slice bytes);

/* The next plain bytes of what was fed, valid until the next read of any session. */
enum http_tls_result http_tls_read(struct http_tls_session *session, struct slice *ret_plain);

/* Whether the handshake is done: before that nothing may be written. */
bool http_tls_is_ready(const struct http_tls_session *session);

/* Encrypts bytes, at most HTTP_TLS_OUT_MAX / 2; false when that failed and the session is over. */
bool http_tls_write(struct http_tls_session *session, struct slice plain) MUST_USE;

/* Says that nothing more will be written; nothing before the handshake is done, and only once. */
void http_tls_end(struct http_tls_session *session);

/* What is to be sent to the client. */
struct buf *http_tls_out(struct http_tls_session *session);

#endif
