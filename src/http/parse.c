/* Bytes to requests: see parse.h.
 *
 * Texts of the head are copied into the arena once: a piece grows at the end of its chunk, and
 * moves to a new chunk only when a read ends inside it or the chunk is full. */
#include "http/parse.h"

#include "base/limits.h"

#include <strings.h>

#define TARGET_SIZE_MAX (16 * KIB)
#define TEXT_CHUNK ((size_t)1024)
#define HEADERS_FIRST 16
#define HEADER_OVERHEAD 4 /* ": " and the line's end. */
#define BODY_RESERVE_MAX (64 * KIB)
#define CHUNK_OVERHEAD                                                                             \
    16 /* Bytes of framing that each body byte may cost: 1-byte chunks cost 6.                     \
        */

static struct http_parser *parser_of(llhttp_t *llhttp)
{
    return llhttp->data;
}

/* The callbacks return this to stop llhttp. */
static int refuse(struct http_request *request, uint16_t status, const char *text)
{
    request->refusal_status = status;
    request->refusal_text = text;
    return HPE_USER;
}

static int refuse_no_memory(struct http_request *request)
{
    return refuse(request, 503, "no memory for this request");
}

static bool is_text(struct slice bytes, const char *text)
{
    return bytes.size == strlen(text) &&
           strncasecmp((const char *)bytes.data, text, bytes.size) == 0;
}

/* Adds to the text that is being assembled; false without memory. */
static bool text_add(struct http_request *request, const char *at, size_t size)
{
    if (size == 0) {
        return true; /* An empty piece may come before there is any text. */
    }
    if (size > request->text_capacity - request->text_size) {
        size_t capacity = 2 * (request->text_size + size);
        uint8_t *text;

        capacity = capacity < TEXT_CHUNK ? TEXT_CHUNK : capacity;
        text = arena_bytes(&request->arena, capacity);
        if (!text) {
            return false;
        }
        if (request->text_size) {
            memcpy(text, request->text, request->text_size);
        }
        request->text = text;
        request->text_capacity = capacity;
    }
    memcpy(request->text + request->text_size, at, size);
    request->text_size += size;
    return true;
}

/* Ends the text that is being assembled; the next one begins behind it. */
static struct slice text_end(struct http_request *request)
{
    static const uint8_t empty[1];
    struct slice text = slice_of(request->text ? request->text : empty, request->text_size);

    if (request->text) {
        request->text += request->text_size;
    }
    request->text_capacity -= request->text_size;
    request->text_size = 0;
    return text;
}

static struct slice trim(struct slice text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = slice_of(text.data + 1, text.size - 1);
    }
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

static int on_message_begin(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);

    assert(!parser->request);
    parser->request = http_request_take(parser->pool);
    if (!parser->request) {
        return HPE_USER;
    }
    parser->request->input.started_ns = uv_hrtime();
    return 0;
}

/* Counts head bytes; the target has a limit and a status of its own. */
static int count_head(struct http_parser *parser, size_t size, bool is_target)
{
    struct http_request *request = parser->request;

    request->head_size += size;
    if (is_target && request->head_size > TARGET_SIZE_MAX) {
        return refuse(request, 414, "the request target is too long");
    }
    if (request->head_size > parser->options->header_size_max) {
        return is_target ? refuse(request, 414, "the request target is too long")
                         : refuse(request, 431, "the headers are too large");
    }
    return 0;
}

static int add_head_text(llhttp_t *llhttp, const char *at, size_t size, bool is_target)
{
    struct http_parser *parser = parser_of(llhttp);
    struct http_request *request = parser->request;

    if (request->head_done) {
        return 0; /* A trailer: counted as framing, not kept. */
    }
    if (count_head(parser, size, is_target)) {
        return HPE_USER;
    }
    return text_add(request, at, size) ? 0 : refuse_no_memory(request);
}

static int on_url(llhttp_t *llhttp, const char *at, size_t size)
{
    return add_head_text(llhttp, at, size, true);
}

/* Whether it may be a host with a port: names and addresses are not told apart, nor looked up. */
static bool is_host(struct slice text)
{
    static const char marks[] = ".:-_[]~%!$&'()*+,;=";

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool is_plain =
            (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');

        if (!is_plain && !memchr(marks, byte, sizeof(marks) - 1)) {
            return false;
        }
    }
    return true;
}

/* Reduces "http://host/path" to "/path"; false for other schemes, without a host, with a user. */
static bool strip_authority(struct slice *target)
{
    const uint8_t *mark = memmem(target->data, target->size, "://", 3);
    struct slice scheme = slice_of(target->data, mark ? (size_t)(mark - target->data) : 0);
    struct slice host;
    struct slice rest;

    if (!is_text(scheme, "http") && !is_text(scheme, "https")) {
        return false;
    }
    host = rest = slice_from(*target, scheme.size + 3);
    while (rest.size && rest.data[0] != '/' && rest.data[0] != '?' && rest.data[0] != '#') {
        rest = slice_from(rest, 1);
    }
    host.size -= rest.size;
    *target = rest;
    return host.size > 0 && is_host(host);
}

static void split_target(struct slice target, struct http_input *input)
{
    const uint8_t *end;

    end = target.size ? memchr(target.data, '#', target.size) : NULL;
    if (end) {
        target.size = (size_t)(end - target.data); /* Fragments are the client's own business. */
    }
    end = target.size ? memchr(target.data, '?', target.size) : NULL;
    if (end) {
        input->query = slice_from(target, (size_t)(end - target.data) + 1);
        target.size = (size_t)(end - target.data);
    }
    input->path = target.size ? target : slice_text("/");
}

static int on_url_complete(llhttp_t *llhttp)
{
    struct http_request *request = parser_of(llhttp)->request;
    struct slice target = text_end(request);

    if (llhttp->method == HTTP_CONNECT) {
        return 0; /* Refused when the head is complete. */
    }
    if (llhttp->method == HTTP_PRI) {
        return refuse(request, 505, "HTTP/2 is not served here"); /* Its preface. */
    }
    if (target.size && target.data[0] == '*') {
        if (target.size > 1 || llhttp->method != LLHTTP_OPTIONS) {
            return refuse(request, 400, "the request target * is for OPTIONS only");
        }
    } else if (target.size && target.data[0] != '/' && !strip_authority(&target)) {
        return refuse(request, 400, "the request target is neither a path nor an http URL");
    }
    split_target(target, &request->input);
    return 0;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t size)
{
    return add_head_text(llhttp, at, size, false);
}

/* Room for one more header; the old array stays in the arena, which is bounded all the same. */
static bool reserve_header(struct http_request *request)
{
    uint32_t capacity = request->header_capacity ? request->header_capacity * 2 : HEADERS_FIRST;
    struct http_header *headers;

    if (request->input.header_count < request->header_capacity) {
        return true;
    }
    headers = arena_array(&request->arena, capacity, sizeof(*headers));
    if (!headers) {
        return false;
    }
    if (request->headers) {
        memcpy(headers, request->headers, request->input.header_count * sizeof(*headers));
    }
    request->headers = headers;
    request->header_capacity = capacity;
    request->input.headers = headers;
    return true;
}

static int on_header_field_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    struct http_request *request = parser->request;

    if (request->head_done) {
        return 0;
    }
    if (request->input.header_count >= parser->options->header_count_max) {
        return refuse(request, 431, "too many headers");
    }
    if (!reserve_header(request)) {
        return refuse_no_memory(request);
    }
    request->headers[request->input.header_count].name = text_end(request);
    return count_head(parser, HEADER_OVERHEAD, false);
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t size)
{
    return add_head_text(llhttp, at, size, false);
}

/* Remembers the few headers that decide about the request's framing and fate. */
static void note_header(struct http_request *request, const struct http_header *header)
{
    if (header->name.size == 4 && is_text(header->name, "host")) {
        request->hosts++;
        request->host_bad |= !is_host(header->value);
    } else if (header->name.size == 6 && is_text(header->name, "expect")) {
        request->expects = is_text(header->value, "100-continue");
        request->expects_unknown |= !request->expects;
    } else if (header->name.size == 17 && is_text(header->name, "transfer-encoding")) {
        request->transfer_encodings++;
        request->chunked_only = is_text(header->value, "chunked");
    } else if (header->name.size == 16 && is_text(header->name, "content-encoding")) {
        request->coded |= !is_text(header->value, "identity") && header->value.size > 0;
    }
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    struct http_request *request = parser_of(llhttp)->request;
    struct http_header *header;

    if (request->head_done) {
        return 0;
    }
    header = &request->headers[request->input.header_count];
    header->value = trim(text_end(request));
    request->input.header_count++;
    note_header(request, header);
    return 0;
}

static enum http_method method_of(const llhttp_t *llhttp)
{
    switch (llhttp->method) {
    case LLHTTP_GET:
        return HTTP_GET;
    case LLHTTP_HEAD:
        return HTTP_HEAD;
    case LLHTTP_POST:
        return HTTP_POST;
    case LLHTTP_PUT:
        return HTTP_PUT;
    case LLHTTP_PATCH:
        return HTTP_PATCH;
    case LLHTTP_DELETE:
        return HTTP_DELETE;
    case LLHTTP_OPTIONS:
        return HTTP_OPTIONS;
    default:
        return HTTP_OTHER;
    }
}

/* The rules of RFC 9112 that llhttp leaves to us. */
static int check_head(const llhttp_t *llhttp, struct http_request *request)
{
    bool version_1_0 = llhttp->http_minor == 0;

    if (llhttp->http_major != 1) {
        return refuse(request, 505, "only HTTP/1.1 and HTTP/1.0 are served");
    }
    if (llhttp->method == HTTP_CONNECT) {
        return refuse(request, 405, "CONNECT is not served");
    }
    if (llhttp->method >= HTTP_SOURCE && llhttp->method <= HTTP_FLUSH) {
        return refuse(request, 400, "the method is not one of HTTP");
    }
    if (request->hosts > 1 || (request->hosts == 0 && !version_1_0)) {
        return refuse(request, 400, "a request wants exactly one Host header");
    }
    if (request->host_bad) {
        return refuse(request, 400, "the Host header is not a host");
    }
    if (request->transfer_encodings && version_1_0) {
        return refuse(request, 400, "HTTP/1.0 has no Transfer-Encoding");
    }
    if (request->transfer_encodings > 1) {
        return refuse(request, 400, "more than one Transfer-Encoding");
    }
    if (request->transfer_encodings && !(llhttp->flags & F_CHUNKED)) {
        return refuse(request, 400, "chunked is not the last transfer encoding");
    }
    if (request->transfer_encodings && !request->chunked_only) {
        return refuse(request, 501, "chunked is the only transfer encoding served");
    }
    return 0;
}

static int check_body(const llhttp_t *llhttp, struct http_parser *parser)
{
    struct http_request *request = parser->request;
    bool has_body = llhttp->content_length > 0 || request->transfer_encodings;

    if (llhttp->content_length > parser->options->body_size_max) {
        return refuse(request, 413, "the body is too large");
    }
    if (request->expects_unknown) {
        return refuse(request, 417, "the only expectation served is 100-continue");
    }
    if (request->coded && has_body) {
        return refuse(request, 415, "bodies are taken as they are: no Content-Encoding is served");
    }
    request->continue_due = request->expects && has_body && !request->version_1_0;
    if (has_body) {
        size_t size = BODY_RESERVE_MAX;

        if (llhttp->content_length < size && !request->transfer_encodings) {
            size = (size_t)llhttp->content_length;
        } else if (request->transfer_encodings) {
            size = 0;
        }
        if (!buf_reserve(&request->body, size)) {
            return refuse_no_memory(request);
        }
    }
    return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    struct http_request *request = parser->request;

    request->head_done = true;
    request->input.method = method_of(llhttp);
    request->version_1_0 = llhttp->http_minor == 0;
    request->keep_alive = llhttp_should_keep_alive(llhttp) != 0;
    if (check_head(llhttp, request) || check_body(llhttp, parser)) {
        return -1; /* Positive numbers mean something else here. */
    }
    llhttp->upgrade = 0; /* An Upgrade header is an offer, and we do not take it. */
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t size)
{
    struct http_parser *parser = parser_of(llhttp);
    struct http_request *request = parser->request;

    if (size > parser->options->body_size_max - request->body.size) {
        return refuse(request, 413, "the body is too large");
    }
    return buf_add(&request->body, at, size) ? 0 : refuse_no_memory(request);
}

static int on_message_complete(llhttp_t *llhttp)
{
    if (parser_of(llhttp)->request->keep_alive) {
        /* A trailer has no say in this, but llhttp lets it, and would refuse the next request. */
        llhttp->flags &= (uint16_t)~F_CONNECTION_CLOSE;
    }
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_parser_init(struct http_parser *parser, const struct http_options *options,
                      struct http_request_pool *pool)
{
    *parser = (struct http_parser){.options = options, .pool = pool};
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
}

/* Counts the request's bytes, and refuses one that grows when there is no room. */
static enum http_parsed check_memory(struct http_parser *parser)
{
    struct http_request *request = parser->request;
    size_t held = request->arena.used + request->body.capacity;

    parser->pool->memory_used += held - request->held;
    request->held = held;
    if (held > HTTP_REQUEST_FREE_SIZE && parser->pool->memory_used > parser->options->memory_max) {
        (void)refuse(request, 503, HTTP_NO_ROOM);
        return HTTP_PARSED_REFUSED;
    }
    return HTTP_PARSED_MORE;
}

/* Bounds what does not end up in texts or the body: white space, chunk extensions, trailers. */
static enum http_parsed check_framing(struct http_parser *parser)
{
    struct http_request *request = parser->request;
    size_t head_max = 2 * parser->options->header_size_max;

    if (!request) {
        return HTTP_PARSED_MORE;
    }
    if (!request->head_done && request->wire_size > head_max) {
        (void)refuse(request, 431, "the headers are too large");
        return HTTP_PARSED_REFUSED;
    }
    if (request->wire_size > head_max + CHUNK_OVERHEAD * request->body.size + HTTP_READ_MAX) {
        (void)refuse(request, 400, "the body is mostly chunk framing");
        return HTTP_PARSED_REFUSED;
    }
    return check_memory(parser);
}

/* llhttp's own complaints; ours are in the request already. */
static enum http_parsed explain(struct http_parser *parser, llhttp_errno_t error)
{
    struct http_request *request = parser->request;
    const char *reason = llhttp_get_error_reason(&parser->llhttp);
    uint8_t major = parser->llhttp.http_major; /* Complaints about the line's end come as such of */
    uint8_t minor = parser->llhttp.http_minor; /* the version, too. */
    const char *text;

    if (!request) {
        return HTTP_PARSED_NO_MEMORY;
    }
    if (request->refusal_status) {
        return HTTP_PARSED_REFUSED;
    }
    if (error == HPE_INVALID_VERSION && !(major == 1 && minor <= 1)) {
        (void)refuse(request, 505, "only HTTP/1.1 and HTTP/1.0 are served");
        return HTTP_PARSED_REFUSED;
    }
    text = arena_printf(&request->arena, "malformed request: %s",
                        reason && *reason ? reason : llhttp_errno_name(error));
    (void)refuse(request, 400, text ? text : "malformed request");
    return HTTP_PARSED_REFUSED;
}

enum http_parsed http_parser_run(struct http_parser *parser, const uint8_t *data, size_t size,
                                 size_t *ret_used)
{
    llhttp_errno_t error = llhttp_execute(&parser->llhttp, (const char *)data, size);
    struct http_request *request = parser->request;

    *ret_used = size;
    if (error == HPE_OK) {
        if (request) {
            request->wire_size += size;
        }
        return check_framing(parser);
    }
    if (error != HPE_PAUSED) {
        return explain(parser, error);
    }
    *ret_used = (size_t)((const uint8_t *)llhttp_get_error_pos(&parser->llhttp) - data);
    assert(*ret_used <= size);
    llhttp_resume(&parser->llhttp);
    request->input.body = buf_slice(&request->body);
    return HTTP_PARSED_COMPLETE;
}
