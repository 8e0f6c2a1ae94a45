/* A reply's bytes: see answer.h. */
#include "http/answer.h"

#include <stdio.h>
#include <time.h>

#define FIXED_SIZE_MAX 512 /* All lines but the handler's, with room to spare. */
#define DIGITS_MAX 20

struct status_row {
    uint16_t status;
    const char *reason;
};

static const struct status_row statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

/* The RFC's words, whatever the locale. */
static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static const char *reason_of(uint16_t status)
{
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].reason;
        }
    }
    return "";
}

static void refresh(struct http_date *date)
{
    struct timespec now;
    struct tm tm;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (date->size && date->second == now.tv_sec) {
        return;
    }
    (void)gmtime_r(&now.tv_sec, &tm);
    date->second = now.tv_sec;
    date->size = (size_t)snprintf(date->line, sizeof(date->line),
                                  "Date: %s, %02u %s %04u %02u:%02u:%02u GMT\r\n", days[tm.tm_wday],
                                  (unsigned)tm.tm_mday % 100, months[tm.tm_mon],
                                  ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                                  (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* The helpers below append to room that was reserved. */
static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
    if (size) {
        memcpy(at, bytes, size);
    }
    return at + size;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
    return put(at, text, strlen(text));
}

static uint8_t *put_number(uint8_t *at, uint64_t number, size_t digits_min)
{
    char digits[DIGITS_MAX];
    size_t first = DIGITS_MAX;

    while (number || DIGITS_MAX - first < digits_min) {
        first--;
        digits[first] = (char)('0' + number % 10);
        number /= 10;
    }
    return put(at, digits + first, DIGITS_MAX - first);
}

static uint8_t *put_head(uint8_t *at, const struct http_answer *answer,
                         const struct http_date *date)
{
    static const char *const connections[] = {
        [HTTP_ANSWER_PLAIN] = "",
        [HTTP_ANSWER_KEEP_ALIVE] = "Connection: keep-alive\r\n",
        [HTTP_ANSWER_CLOSE] = "Connection: close\r\n",
    };
    static const char *const codings[] = {
        [HTTP_CODING_IDENTITY] = "Vary: Accept-Encoding\r\n",
        [HTTP_CODING_GZIP] = "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n",
    };
    const struct http_output *output = answer->output;
    uint64_t micros = answer->took_ns / 1000;

    at = put_text(at, "HTTP/1.1 ");
    at = put_number(at, output->status, 3);
    at = put_text(at, " ");
    at = put_text(at, reason_of(output->status));
    at = put_text(at, "\r\n");
    at = put(at, date->line, date->size);
    at = put_text(at, "Server-Timing: proc;dur=");
    at = put_number(at, micros / 1000, 1);
    at = put_text(at, ".");
    at = put_number(at, micros % 1000, 3);
    at = put_text(at, "\r\n");
    if (output->content_type) {
        at = put_text(at, "Content-Type: ");
        at = put_text(at, output->content_type);
        at = put_text(at, "\r\n");
    }
    if (output->status != 204 && output->status != 304) {
        at = put_text(at, "Content-Length: ");
        at = put_number(at, answer->body.size, 1);
        at = put_text(at, "\r\n");
        if (answer->coding) {
            at = put_text(at, codings[answer->coding]);
        }
    }
    return put_text(at, connections[answer->connection]);
}

bool http_answer_build(struct buf *out, const struct http_answer *answer, struct http_date *date)
{
    const struct http_output *output = answer->output;
    bool bare = answer->head_only || output->status == 204 || output->status == 304;
    size_t body_size = bare ? 0 : answer->body.size;
    size_t type_size = output->content_type ? strlen(output->content_type) : 0;
    uint8_t *start;
    uint8_t *at;

    assert(output->status >= 200 && output->status <= 999);
    refresh(date);
    if (!buf_reserve(out, FIXED_SIZE_MAX + type_size + output->headers.size + body_size)) {
        return false;
    }
    start = out->data + out->size;
    at = put_head(start, answer, date);
    assert((size_t)(at - start) + 2 <= FIXED_SIZE_MAX + type_size);
    at = put(at, output->headers.data, output->headers.size);
    at = put_text(at, "\r\n");
    at = put(at, answer->body.data, body_size);
    out->size += (size_t)(at - start);
    return true;
}
