/* Fuzz target: HTTP/1.1. The first byte seeds the sizes of the pieces, the rest is what a client
 * sends. Parsed whole, byte by byte and in other pieces it must be the same requests; and each
 * request, written anew in plain form, must parse to the same request. */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "http/parse.h"

#include <stdlib.h>
#include <strings.h>

#define BYTES_MAX ((size_t)1 << 20)
#define PIECE_MAX 40
#define PLAIN_MAX 4096 /* A request of more bytes may be over a limit when it is written anew. */

/* Twice the head's limit is more than any input, so that no bound on framing depends on where the
 * pieces end. */
static const struct http_options options = {
    .header_size_max = (size_t)40 << 10, .header_count_max = 16, .body_size_max = 512};

static const char *const method_names[] = {
    [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",      [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS"};

/* How the bytes are cut: `step` 0 = whole, else a number that gives the next size. */
struct pieces {
    uint32_t step;
    uint32_t state;
};

static size_t next_piece(struct pieces *pieces, size_t left)
{
    size_t size;

    if (pieces->step == 0) {
        return left;
    }
    pieces->state = pieces->state * 1103515245u + pieces->step;
    size = pieces->step == 1 ? 1 : 1 + (pieces->state >> 16) % PIECE_MAX;
    return size < left ? size : left;
}

static void add_slice(struct buf *out, const char *name, struct slice bytes)
{
    (void)buf_printf(out, "%s(%zu)", name, bytes.size);
    (void)buf_add_slice(out, bytes);
    (void)buf_add_byte(out, '\n');
}

/* All that a handler sees of the request. */
static void describe(const struct http_request *request, struct buf *out)
{
    const struct http_input *input = &request->input;

    (void)buf_printf(out, "method %d, keep-alive %d\n", (int)input->method, request->keep_alive);
    add_slice(out, "path", input->path);
    add_slice(out, input->query.data ? "query" : "no query", input->query);
    for (uint32_t i = 0; i < input->header_count; i++) {
        add_slice(out, "name", input->headers[i].name);
        add_slice(out, "value", input->headers[i].value);
    }
    add_slice(out, "body", input->body);
}

static void check_request(const struct http_request *request)
{
    const struct http_input *input = &request->input;
    bool star = slice_is(input->path, "*");

    fuzz_expect(input->path.size > 0 && (star || input->path.data[0] == '/'), "a path without /");
    fuzz_expect(!star || input->method == HTTP_OPTIONS, "* is asked for");
    fuzz_expect(input->header_count <= options.header_count_max, "too many headers");
    fuzz_expect(input->body.size <= options.body_size_max, "too large a body");
    fuzz_expect(request->version_1_0 || request->hosts == 1, "not one host");
    for (uint32_t i = 0; i < input->header_count; i++) {
        const struct http_header *header = &input->headers[i];

        fuzz_expect(header->name.size > 0, "a header without a name");
        fuzz_expect(!memmem(header->name.data, header->name.size, " ", 1), "a blank in a name");
        for (size_t at = 0; at < header->value.size; at++) {
            uint8_t byte = header->value.data[at];

            fuzz_expect(byte != '\0' && byte != '\r' && byte != '\n', "a line's end in a value");
        }
    }
}

static bool is_name(struct slice name, const char *text)
{
    return name.size == strlen(text) && strncasecmp((const char *)name.data, text, name.size) == 0;
}

static bool is_framing(struct slice name)
{
    return is_name(name, "content-length") || is_name(name, "transfer-encoding") ||
           is_name(name, "trailer");
}

/* Writes the request in its plainest form. */
static void write_plain(const struct http_request *request, struct buf *out)
{
    const struct http_input *input = &request->input;

    (void)buf_printf(out, "%s ", method_names[input->method]);
    (void)buf_add_slice(out, input->path);
    if (input->query.size > 0) {
        (void)buf_add_byte(out, '?');
        (void)buf_add_slice(out, input->query);
    }
    (void)buf_printf(out, " HTTP/1.%d\r\n", request->version_1_0 ? 0 : 1);
    for (uint32_t i = 0; i < input->header_count; i++) {
        if (!is_framing(input->headers[i].name)) {
            (void)buf_add_slice(out, input->headers[i].name);
            (void)buf_add_text(out, ": ");
            (void)buf_add_slice(out, input->headers[i].value);
            (void)buf_add_text(out, "\r\n");
        }
    }
    (void)buf_printf(out, "Content-Length: %zu\r\n\r\n", input->body.size);
    (void)buf_add_slice(out, input->body);
}

static void expect_same(const struct http_request *request, const struct http_request *again)
{
    const struct http_input *left = &request->input;
    const struct http_input *right = &again->input;
    uint32_t at = 0;

    fuzz_expect(left->method == right->method, "the plain form has another method");
    fuzz_expect(slice_equal(left->path, right->path), "the plain form has another path");
    fuzz_expect(slice_equal(left->query, right->query), "the plain form has another query");
    fuzz_expect(slice_equal(left->body, right->body), "the plain form has another body");
    fuzz_expect(request->keep_alive == again->keep_alive ||
                    http_header_find(left, "connection").data,
                "the plain form has another fate"); /* llhttp minds a tab behind "close". */
    for (uint32_t i = 0; i < left->header_count; i++) {
        if (!is_framing(left->headers[i].name)) {
            fuzz_expect(at < right->header_count &&
                            slice_equal(left->headers[i].name, right->headers[at].name) &&
                            slice_equal(left->headers[i].value, right->headers[at].value),
                        "the plain form has other headers");
            at++;
        }
    }
    fuzz_expect(at + 1 == right->header_count, "the plain form has more headers");
}

static void check_plain(const struct http_request *request)
{
    struct http_request_pool pool = {0};
    struct http_parser parser;
    enum http_parsed parsed;
    struct buf plain;
    size_t used = 0;

    if (request->input.method == HTTP_OTHER ||
        request->input.header_count == options.header_count_max || request->wire_size > PLAIN_MAX) {
        return;
    }
    buf_init(&plain, BYTES_MAX);
    write_plain(request, &plain);
    http_parser_init(&parser, &options, &pool);
    parsed = http_parser_run(&parser, plain.data, plain.size, &used);
    fuzz_expect(parsed == HTTP_PARSED_COMPLETE && used == plain.size,
                "the plain form is not taken: %s",
                parser.request && parser.request->refusal_text ? parser.request->refusal_text
                                                               : "it does not end where it should");
    expect_same(request, parser.request);
    http_request_destroy(parser.request);
    http_request_pool_done(&pool);
    buf_done(&plain);
}

/* Ends a request or the connection: false. */
static bool finish(struct http_parser *parser, enum http_parsed parsed, struct buf *out)
{
    struct http_request *request = parser->request;
    bool goes_on;

    if (parsed == HTTP_PARSED_REFUSED) {
        (void)buf_printf(out, "refused: %d %s\n", request->refusal_status, request->refusal_text);
        return false;
    }
    fuzz_expect(parsed == HTTP_PARSED_COMPLETE, "no memory");
    describe(request, out);
    check_request(request);
    check_plain(request);
    goes_on = request->keep_alive;
    http_request_give(parser->pool, request);
    parser->request = NULL;
    return goes_on;
}

/* Parses all that the connection brings; what was seen is in `out`. */
static void parse_all(struct slice bytes, struct pieces pieces, struct buf *out)
{
    struct http_request_pool pool = {0};
    struct http_parser parser;
    bool goes_on = true;

    http_parser_init(&parser, &options, &pool);
    while (goes_on && bytes.size > 0) {
        struct slice piece = fuzz_take(&bytes, next_piece(&pieces, bytes.size));
        uint8_t *copy = malloc(piece.size); /* The sanitizer sees what is read behind it. */
        size_t at = 0;

        fuzz_expect(copy != NULL, "no memory");
        memcpy(copy, piece.data, piece.size);
        while (goes_on && at < piece.size) {
            size_t used = 0;
            enum http_parsed parsed = http_parser_run(&parser, copy + at, piece.size - at, &used);

            fuzz_expect(used <= piece.size - at, "used more than there was");
            at += used;
            if (parsed != HTTP_PARSED_MORE) {
                goes_on = finish(&parser, parsed, out);
            }
        }
        free(copy);
    }
    if (parser.request && goes_on) {
        (void)buf_printf(out, "unfinished: head %d, body %zu\n", parser.request->head_done,
                         parser.request->body.size);
    }
    if (parser.request) {
        http_request_destroy(parser.request);
    }
    http_request_pool_done(&pool);
}

/* Decoding queries and escapes: what decodes has no more bytes than it had. */
static void try_decode(struct slice bytes)
{
    struct http_input input = {.query = bytes};
    struct arena arena;
    struct slice text;
    struct err err;

    arena_init(&arena, BYTES_MAX);
    input.arena = &arena;
    text = http_query_find(&input, "state");
    fuzz_expect(text.size <= bytes.size, "a query's value is longer than the query");
    if (!http_decode(bytes, &arena, &text, &err)) {
        fuzz_expect(text.size <= bytes.size, "decoding made it longer");
        fuzz_expect(text.size == 0 || !memchr(text.data, '\0', text.size), "a NUL was decoded");
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t seed = fuzz_take_byte(&input);
    const struct pieces ways[] = {{.step = 0}, {.step = 1}, {.step = 2u * seed + 3, .state = seed}};
    struct buf whole;

    buf_init(&whole, BYTES_MAX);
    parse_all(input, ways[0], &whole);
    for (size_t i = 1; i < ARRAY_COUNT(ways); i++) {
        struct buf seen;

        buf_init(&seen, BYTES_MAX);
        parse_all(input, ways[i], &seen);
        fuzz_expect(slice_equal(buf_slice(&whole), buf_slice(&seen)),
                    "in pieces it is something else:\n%.*s-- whole:\n%.*s", (int)seen.size,
                    (const char *)seen.data, (int)whole.size, (const char *)whole.data);
        buf_done(&seen);
    }
    buf_done(&whole);
    try_decode(input);
    return 0;
}
