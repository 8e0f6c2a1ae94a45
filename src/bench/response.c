/* A reader of responses that looks at three header fields. */
#include "bench/response.h"

#include <strings.h>

#define STATUS_LINE_MIN 12 /* "HTTP/1.1 200" */

struct header_scan {
    bool has_length;
    bool bad;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool starts_with(struct slice text, const char *prefix)
{
    size_t size = strlen(prefix);

    return text.size >= size && strncasecmp((const char *)text.data, prefix, size) == 0;
}

static struct slice value_of(struct slice line, const char *prefix)
{
    struct slice value = slice_from(line, strlen(prefix));

    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value = slice_from(value, 1);
    }
    return value;
}

static bool read_length(struct slice value, size_t *ret_size)
{
    size_t size = 0;

    if (value.size == 0) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.data[i]) || size > RESPONSE_BODY_MAX) {
            return false;
        }
        size = size * 10 + (size_t)(value.data[i] - '0');
    }
    if (size > RESPONSE_BODY_MAX) {
        return false;
    }
    *ret_size = size;
    return true;
}

static bool read_status_line(struct response *response, struct slice line)
{
    if (line.size < STATUS_LINE_MIN || memcmp(line.data, "HTTP/1.", 7) != 0) {
        return false;
    }
    if (!is_digit(line.data[9]) || !is_digit(line.data[10]) || !is_digit(line.data[11])) {
        return false;
    }
    response->status =
        (uint16_t)((line.data[9] - '0') * 100 + (line.data[10] - '0') * 10 + (line.data[11] - '0'));
    response->closes = line.data[7] == '0';
    return response->status >= 200 && response->status < 600;
}

static void read_header_line(struct response *response, struct slice line, struct header_scan *scan)
{
    if (starts_with(line, "content-length:")) {
        scan->has_length = true;
        if (!read_length(value_of(line, "content-length:"), &response->body_size)) {
            scan->bad = true;
        }
    } else if (starts_with(line, "transfer-encoding:")) {
        scan->bad = true;
    } else if (starts_with(line, "connection:")) {
        response->closes = starts_with(value_of(line, "connection:"), "close");
    }
}

/* The line before the next CRLF; takes it and the CRLF off the front of *rest. */
static struct slice next_line(struct slice *rest)
{
    const uint8_t *end = memmem(rest->data, rest->size, "\r\n", 2);
    struct slice line = slice_of(rest->data, end ? (size_t)(end - rest->data) : rest->size);

    *rest = slice_from(*rest, line.size + (end ? 2 : 0));
    return line;
}

static bool read_header(struct response *response, struct slice header)
{
    struct header_scan scan = {0};

    if (!read_status_line(response, next_line(&header))) {
        return false;
    }
    while (header.size > 2) {
        read_header_line(response, next_line(&header), &scan);
    }
    if (response->status == 204 || response->status == 304) {
        response->body_size = 0;
        return !scan.bad;
    }
    return !scan.bad && scan.has_length;
}

enum response_state response_read(struct response *response, struct slice bytes)
{
    if (response->header_size == 0) {
        const uint8_t *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);

        if (!end) {
            return bytes.size > RESPONSE_HEADER_MAX ? RESPONSE_BAD : RESPONSE_MORE;
        }
        response->header_size = (size_t)(end - bytes.data) + 4;
        if (!read_header(response, slice_of(bytes.data, response->header_size))) {
            return RESPONSE_BAD;
        }
    }
    if (bytes.size - response->header_size < response->body_size) {
        return RESPONSE_MORE;
    }
    return RESPONSE_READY;
}
