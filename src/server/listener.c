/* The listener: see listener.h. */
#include "server/listener.h"

#include "api/api.h"
#include "base/common.h"
#include "base/env.h"
#include "base/limits.h"
#include "base/log.h"
#include "http/http.h"
#include "server/options.h"

#include <string.h>
#include <time.h>

#define DAY_S 86400

static void write_day(int64_t seconds, char text[static 32])
{
    time_t when = (time_t)seconds;
    struct tm tm;

    (void)gmtime_r(&when, &tm);
    (void)strftime(text, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

static void log_certificate(const struct http_server *http)
{
    struct http_certificate certificate = http_server_certificate(http);
    const struct env *env = env_system();
    int64_t now_s = (int64_t)(env->wall_ns(env->self) / NS_PER_SECOND);
    char from[32], until[32];

    if (!certificate.used) {
        return;
    }
    write_day(certificate.valid_from_s, from);
    write_day(certificate.valid_until_s, until);
    if (now_s >= certificate.valid_until_s) {
        log_write(LOG_WARN, "the TLS certificate expired at %s: clients will refuse it", until);
    } else if (now_s < certificate.valid_from_s) {
        log_write(LOG_WARN, "the TLS certificate is valid only from %s: clients will refuse it",
                  from);
    } else if (certificate.valid_until_s - now_s < TLS_EXPIRY_WARNING_DAYS * DAY_S) {
        log_write(LOG_WARN, "the TLS certificate expires at %s", until);
    } else {
        log_write(LOG_INFO, "the TLS certificate is valid until %s", until);
    }
}

static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static bool check_tls(const struct server_options *options, struct refusal *refusal)
{
    bool cert = *options->tls_cert;
    bool key = *options->tls_key;

    if (cert != key) {
        return refuse(refusal, REFUSAL_CERTIFICATE,
                      "--tls-cert and --tls-key go together, and --tls-%s is missing",
                      cert ? "key" : "cert");
    }
    if (*options->tls_client_ca && !cert) {
        return refuse(refusal, REFUSAL_CERTIFICATE,
                      "--tls-client-ca needs --tls-cert and --tls-key");
    }
    return true;
}

bool listener_open(uv_loop_t *loop, const struct server_options *options, struct api *api,
                   struct http_server **ret_http, struct refusal *refusal)
{
    struct http_options http = {
        .bind = options->bind,
        .body_size_max = options->max_body_size,
        .connections_max = (uint32_t)options->max_connections,
        .idle_timeout_ms = options->idle_timeout_ms,
        .request_timeout_ms = options->request_timeout_ms,
        .write_timeout_ms = options->write_timeout_ms,
        .open_timeout_ms = options->handshake_timeout_ms,
        .memory_max = options->max_http_memory,
        .compression = options->compression,
        .tls_cert_path = text_or_null(options->tls_cert),
        .tls_key_path = text_or_null(options->tls_key),
        .tls_client_ca_path = text_or_null(options->tls_client_ca),
        .tls_1_3_only = strcmp(options->tls_min_version, "1.3") == 0,
        .handler = api_handle,
        .refusal = api_refuse,
        .context = api,
    };
    struct err err;

    if (!check_tls(options, refusal)) {
        return false;
    }
    if (http_server_create(loop, &http, ret_http, &err)) {
        return err.code == ERR_CORRUPT
                   ? refuse(refusal, REFUSAL_CERTIFICATE, "%s", err.text)
                   : refuse_err(refusal, &err, REFUSAL_ADDRESS_IN_USE, REFUSAL_ADDRESS);
    }
    log_certificate(*ret_http);
    return true;
}

void listener_reload(struct http_server *http)
{
    struct err err;

    if (!http_server_certificate(http).used) {
        return;
    }
    if (http_server_reload(http, &err)) {
        log_write(LOG_ERROR, "the TLS certificate stays the one before: %s", err.text);
        return;
    }
    log_write(LOG_INFO, "the TLS certificate was reloaded");
    log_certificate(http);
}

const char *listener_scheme(const struct http_server *http)
{
    return http_server_certificate(http).used ? "https" : "http";
}
