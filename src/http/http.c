/* What handlers ask of a request: see http.h. */
#include "http/http.h"

#include "http/request.h"

#include <strings.h>

const struct http_input *http_input(const struct http_request *request)
{
    return &request->input;
}

void http_set_data(struct http_request *request, void *data)
{
    request->data = data;
}

void *http_data(const struct http_request *request)
{
    return request->data;
}

static bool has_name(const struct http_header *header, const char *name, size_t size)
{
    return header->name.size == size &&
           strncasecmp((const char *)header->name.data, name, size) == 0;
}

struct slice http_header_find(const struct http_input *input, const char *name)
{
    size_t size = strlen(name);

    for (uint32_t i = 0; i < input->header_count; i++) {
        if (has_name(&input->headers[i], name, size)) {
            return input->headers[i].value;
        }
    }
    return slice_of(NULL, 0);
}

uint32_t http_header_count(const struct http_input *input, const char *name)
{
    size_t size = strlen(name);
    uint32_t count = 0;

    for (uint32_t i = 0; i < input->header_count; i++) {
        count += has_name(&input->headers[i], name, size);
    }
    return count;
}

/* 0 to 15, or -1. */
static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    if (byte >= 'A' && byte <= 'F') {
        return byte - 'A' + 10;
    }
    return -1;
}

/* The byte of the escape at text[at], or -1. */
static int escaped(struct slice text, size_t at)
{
    int high = text.size - at > 2 ? hex_digit(text.data[at + 1]) : -1;
    int low = text.size - at > 2 ? hex_digit(text.data[at + 2]) : -1;

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Decodes into `text`, which has room for raw.size bytes; false for a bad escape or a NUL. */
static bool decode(struct slice raw, bool plus_is_space, uint8_t *text, size_t *ret_size)
{
    size_t size = 0;

    for (size_t i = 0; i < raw.size; i++) {
        int byte = raw.data[i];

        if (byte == '%') {
            byte = escaped(raw, i);
            if (byte < 0) {
                return false;
            }
            i += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        if (byte == 0) {
            return false;
        }
        text[size] = (uint8_t)byte;
        size++;
    }
    *ret_size = size;
    return true;
}

enum err_code http_decode(struct slice raw, struct arena *arena, struct slice *ret_text,
                          struct err *err)
{
    uint8_t *text = arena_bytes(arena, raw.size + 1);
    size_t size;

    if (!text) {
        return err_set(err, ERR_NOMEM, "no memory to decode %zu bytes", raw.size);
    }
    if (!decode(raw, false, text, &size)) {
        return err_set(err, ERR_INVALID, "bad percent-escape or a NUL byte");
    }
    *ret_text = slice_of(text, size);
    return ERR_NONE;
}

/* Cuts the text before `mark` off the front of *rest; *rest is empty when there is no mark. */
static struct slice cut(struct slice *rest, uint8_t mark)
{
    const uint8_t *end = rest->size ? memchr(rest->data, mark, rest->size) : NULL;
    struct slice piece = *rest;

    if (!end) {
        *rest = slice_of(NULL, 0);
        return piece;
    }
    piece.size = (size_t)(end - piece.data);
    *rest = slice_from(*rest, piece.size + 1);
    return piece;
}

/* The decoded form of a piece of the query; data NULL when it is malformed or memory is out. */
static struct slice decode_piece(const struct http_input *input, struct slice raw)
{
    uint8_t *text = arena_bytes(input->arena, raw.size + 1);
    size_t size;

    if (!text || !decode(raw, true, text, &size)) {
        return slice_of(NULL, 0);
    }
    return slice_of(text, size);
}

/* Most names are sent as they are; the arena is asked only for those with an escape. */
static bool is_name(const struct http_input *input, struct slice raw, const char *name)
{
    if (slice_is(raw, name)) {
        return true;
    }
    if (raw.size == 0 || (!memchr(raw.data, '%', raw.size) && !memchr(raw.data, '+', raw.size))) {
        return false;
    }
    raw = decode_piece(input, raw);
    return raw.data && slice_is(raw, name);
}

struct slice http_query_find(const struct http_input *input, const char *name)
{
    struct slice rest = input->query;

    while (rest.size) {
        struct slice value = cut(&rest, '&');
        struct slice key = cut(&value, '=');

        if (is_name(input, key, name)) {
            return decode_piece(input, value);
        }
    }
    return slice_of(NULL, 0);
}

bool http_query_is_good(const struct http_input *input)
{
    struct slice query = input->query;

    for (size_t i = 0; i < query.size; i++) {
        if (query.data[i] == 0 || (query.data[i] == '%' && escaped(query, i) <= 0)) {
            return false;
        }
    }
    return true;
}
