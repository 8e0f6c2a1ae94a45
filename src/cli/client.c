/* HTTP by libcurl: see client.h. */
#include "cli/client.h"

#include "base/limits.h"
#include "base/version.h"
#include "cli/interrupt.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define CONNECT_MS_MAX 10000
#define URL_MAX (64 * KIB)
#define HEADER_MAX 1024
#define API_KEY_MAX (HEADER_MAX - 100)

struct failure_row {
    CURLcode code;
    enum client_failure failure;
};

static const struct failure_row failures[] = {
    {CURLE_URL_MALFORMAT, CLIENT_BAD_URL},
    {CURLE_COULDNT_RESOLVE_HOST, CLIENT_NO_HOST},
    {CURLE_COULDNT_RESOLVE_PROXY, CLIENT_NO_HOST},
    {CURLE_COULDNT_CONNECT, CLIENT_NO_CONNECTION},
    {CURLE_OPERATION_TIMEDOUT, CLIENT_TIMEOUT},
    {CURLE_GOT_NOTHING, CLIENT_CUT},
    {CURLE_PARTIAL_FILE, CLIENT_CUT},
    {CURLE_SEND_ERROR, CLIENT_CUT},
    {CURLE_RECV_ERROR, CLIENT_CUT},
    {CURLE_WEIRD_SERVER_REPLY, CLIENT_NO_HTTP},
    {CURLE_UNSUPPORTED_PROTOCOL, CLIENT_NO_HTTP},
    {CURLE_HTTP2, CLIENT_NO_HTTP},
    {CURLE_SSL_CONNECT_ERROR, CLIENT_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, CLIENT_TLS},
    {CURLE_SSL_CACERT_BADFILE, CLIENT_TLS},
    {CURLE_SSL_CERTPROBLEM, CLIENT_TLS},
    {CURLE_WRITE_ERROR, CLIENT_TOO_LARGE},
    {CURLE_FILESIZE_EXCEEDED, CLIENT_TOO_LARGE},
    {CURLE_ABORTED_BY_CALLBACK, CLIENT_INTERRUPTED},
};

static const char *const hints[CLIENT_FAILURE_COUNT] = {
    [CLIENT_NO_FAILURE] = "",
    [CLIENT_BAD_URL] = "Give one like http://localhost:8080 with --server or CORVO_SERVER.",
    [CLIENT_NO_HOST] = "Check the name in --server or CORVO_SERVER.",
    [CLIENT_NO_CONNECTION] = "Is it running? 'corvo server' starts one here; --server or "
                             "CORVO_SERVER names another.",
    [CLIENT_TIMEOUT] = "Whether the request took effect is not known. --timeout waits longer.",
    [CLIENT_CUT] = "Whether the request took effect is not known.",
    [CLIENT_NO_HTTP] = "Is something else listening there? Check --server or CORVO_SERVER.",
    [CLIENT_TLS] = "A certificate that the system does not know needs --ca-cert FILE; is it https?",
    [CLIENT_TOO_LARGE] = "Ask for less, with --limit.",
    [CLIENT_INTERRUPTED] = "",
    [CLIENT_OTHER] = "",
};

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)context;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return interrupt_seen();
}

/* --- The server ----------------------------------------------------------------------------------
 */

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

/* Names and passwords are not for screens and logs: what stands before an '@' is left out. */
static void hide_secret(struct client *client)
{
    size_t scheme = (size_t)(strstr(client->base, "://") - client->base) + 3;
    const char *host = client->base + scheme;
    size_t size = strcspn(host, "/");

    for (size_t i = 0; i < size; i++) {
        host = client->base[scheme + i] == '@' ? client->base + scheme + i + 1 : host;
    }
    (void)snprintf(client->server, sizeof(client->server), "%.*s%s", (int)scheme, client->base,
                   host);
}

/* Checks the URL and writes it without what may not be in it. */
static enum err_code set_server(struct client *client, const char *text, struct err *err)
{
    CURLU *url = curl_url();
    char *host = NULL;
    size_t size;
    bool valid;

    if (!url) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    (void)snprintf(client->base, sizeof(client->base), "%s%s", strstr(text, "://") ? "" : "http://",
                   text);
    for (size = strlen(client->base); size > 0 && client->base[size - 1] == '/'; size--) {
        client->base[size - 1] = 0;
    }
    valid = strlen(text) + sizeof("http://") <= sizeof(client->base) &&
            (strncasecmp(client->base, "http://", 7) == 0 ||
             strncasecmp(client->base, "https://", 8) == 0) &&
            !strpbrk(client->base, "?# ") &&
            curl_url_set(url, CURLUPART_URL, client->base, 0) == CURLUE_OK &&
            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    client->loopback = valid && is_loopback(host);
    curl_free(host);
    curl_url_cleanup(url);
    if (!valid) {
        client->failure = CLIENT_BAD_URL;
        return err_set(err, ERR_INVALID, "'%.100s' is not the URL of a server", text);
    }
    hide_secret(client);
    return ERR_NONE;
}

static bool is_visible(const char *text)
{
    for (; *text; text++) {
        if (*text < 0x21 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

/* Without this a missing file is an odd message of the TLS library, once there is a connection. */
static enum err_code check_files(const struct client_options *options, struct err *err)
{
    const char *const files[] = {options->ca_cert, options->client_cert, options->client_key};

    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        if (files[i] && access(files[i], R_OK) != 0) {
            return err_set(err, ERR_INVALID, "%.100s: %s", files[i], strerror(errno));
        }
    }
    return ERR_NONE;
}

enum err_code client_init(struct client *client, const struct client_options *options,
                          struct err *err)
{
    const char *key = options->api_key;

    *client = (struct client){.options = *options};
    buf_init(&client->reply, CLI_REPLY_MAX);
    buf_init(&client->url, URL_MAX);
    if (set_server(client, options->server, err) || check_files(options, err)) {
        return err->code;
    }
    if (key && (!is_visible(key) || strlen(key) > API_KEY_MAX)) {
        return err_set(err, ERR_INVALID, "the API key has characters that no key has");
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        client->curl = curl_easy_init();
    }
    return client->curl ? ERR_NONE : err_set(err, ERR_NOMEM, "libcurl does not start");
}

void client_done(struct client *client)
{
    if (client->curl) {
        curl_easy_cleanup(client->curl);
        curl_global_cleanup();
        client->curl = NULL;
    }
    buf_done(&client->reply);
    buf_done(&client->url);
}

/* --- Calls ---------------------------------------------------------------------------------------
 */

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct client *client = context;

    return buf_add(&client->reply, bytes, size * count) ? size * count : 0;
}

/* Adds "name: value"; false when there is no memory. NULL values add nothing. */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[HEADER_MAX];
    struct curl_slist *longer;

    if (!value) {
        return true;
    }
    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    longer = curl_slist_append(*list, line);
    if (longer) {
        *list = longer;
    }
    return longer != NULL;
}

static bool add_headers(const struct client *client, const struct client_request *request,
                        struct curl_slist **list)
{
    return add_header(list, "Accept", "application/json") &&
           add_header(list, "Content-Type", request->body.data ? "application/json" : NULL) &&
           add_header(list, "X-API-Key", client->options.api_key) &&
           add_header(list, "Idempotency-Key", request->idempotency_key) &&
           /* Without it libcurl waits a second for leave to send a large body. */
           add_header(list, "Expect", "");
}

static void set_security(struct client *client)
{
    const struct client_options *options = &client->options;

    if (options->ca_cert) {
        (void)curl_easy_setopt(client->curl, CURLOPT_CAINFO, options->ca_cert);
    }
    if (options->client_cert) {
        (void)curl_easy_setopt(client->curl, CURLOPT_SSLCERT, options->client_cert);
    }
    if (options->client_key) {
        (void)curl_easy_setopt(client->curl, CURLOPT_SSLKEY, options->client_key);
    }
}

static void set_options(struct client *client, const struct client_request *request,
                        struct curl_slist *headers)
{
    CURL *curl = client->curl;
    uint64_t connect_ms =
        client->options.timeout_ms < CONNECT_MS_MAX ? client->options.timeout_ms : CONNECT_MS_MAX;

    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, (const char *)client->url.data);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "corvo-cli/" VERSION_TEXT);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->options.timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    (void)curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)CLI_REPLY_MAX);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    set_security(client);
    if (client->loopback) {
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* All that libcurl can undo. */
    }
    if (request->body.data) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)request->body.data);
    } else if (strcmp(request->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static enum client_failure failure_of(CURLcode code)
{
    for (size_t i = 0; i < ARRAY_COUNT(failures); i++) {
        if (failures[i].code == code) {
            return failures[i].failure;
        }
    }
    return CLIENT_OTHER;
}

static enum err_code explain(struct client *client, CURLcode code, struct err *err)
{
    const char *server = client->server;
    long number = 0;

    client->failure = failure_of(code);
    switch (client->failure) {
    case CLIENT_NO_CONNECTION:
        (void)curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &number);
        return err_set(err, ERR_CLOSED, "cannot connect to %.80s: %s", server,
                       number ? strerror((int)number) : "no connection");
    case CLIENT_NO_HOST:
        return err_set(err, ERR_CLOSED, "cannot find the host of %.80s", server);
    case CLIENT_TIMEOUT:
        return err_set(err, ERR_TIMEOUT, "no answer from %.80s within %" PRIu64 ".%" PRIu64 " s",
                       server, client->options.timeout_ms / 1000,
                       client->options.timeout_ms % 1000 / 100);
    case CLIENT_CUT:
        return err_set(err, ERR_CLOSED, "%.80s closed the connection before it had answered",
                       server);
    case CLIENT_NO_HTTP:
        return err_set(err, ERR_CLOSED, "what answers at %.80s does not speak HTTP", server);
    case CLIENT_TOO_LARGE:
        return err_set(err, ERR_TOO_LARGE, "the answer of %.80s is larger than %zu MiB", server,
                       CLI_REPLY_MAX / MIB);
    case CLIENT_INTERRUPTED:
        return err_set(err, ERR_CLOSED, "interrupted");
    default:
        return err_set(err, ERR_CLOSED, "%.80s: %s", server, curl_easy_strerror(code));
    }
}

enum err_code client_call(struct client *client, const struct client_request *request,
                          struct client_reply *ret_reply, struct err *err)
{
    struct curl_slist *headers = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;

    client->failure = CLIENT_NO_FAILURE;
    if (client->transport) {
        return client->transport(client->transport_context, request, ret_reply, err);
    }
    buf_clear(&client->reply);
    buf_clear(&client->url);
    (void)buf_add_text(&client->url, client->base);
    (void)buf_add_slice(&client->url, request->path);
    (void)buf_add_byte(&client->url, 0);
    if (client->url.failed) {
        client->failure = CLIENT_OTHER;
        return err_set(err, ERR_INVALID, "the request's path is too long");
    }
    if (add_headers(client, request, &headers)) {
        set_options(client, request, headers);
        code = curl_easy_perform(client->curl);
    }
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        return explain(client, code, err);
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_reply =
        (struct client_reply){.status = (uint32_t)status, .body = buf_slice(&client->reply)};
    return ERR_NONE;
}

const char *client_hint(enum client_failure failure)
{
    return hints[failure];
}
