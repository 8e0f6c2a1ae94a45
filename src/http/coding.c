/* Content codings: see coding.h. */
#include "http/coding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define LEVEL 1        /* Half of what level 6 wants for nine tenths of what it saves. */
#define WINDOW_BITS 31 /* 15, in a gzip wrapper. */
#define MEMORY_LEVEL 8
#define WEIGHT_ONE 1000 /* q=1; three decimals are all that RFC 9110 allows. */
#define WEIGHT_ABSENT -1

struct http_gzip {
    z_stream stream;
    bool ready; /* The stream is initialised. */
    struct buf out;
    uint64_t turn;
    size_t turn_size; /* Compressed in this turn. */
};

/* --- What the client wants
 * ------------------------------------------------------------------------
 */

struct weights {
    int gzip;
    int identity;
    int any;
};

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct slice trim(struct slice text)
{
    while (text.size && is_space(text.data[0])) {
        text = slice_from(text, 1);
    }
    while (text.size && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Cuts the text before `mark` off the front of *rest, which is empty when there is none. */
static struct slice cut(struct slice *rest, uint8_t mark)
{
    const uint8_t *end = rest->size ? memchr(rest->data, mark, rest->size) : NULL;
    struct slice piece = *rest;

    if (!end) {
        *rest = slice_of(rest->data, 0);
        return trim(piece);
    }
    piece.size = (size_t)(end - piece.data);
    *rest = slice_from(*rest, piece.size + 1);
    return trim(piece);
}

static bool is_word(struct slice text, const char *word)
{
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

/* "q=0.5" in thousandths; 0, which refuses, for what is malformed. */
static int weight_of(struct slice text)
{
    int weight = 0;
    int unit = WEIGHT_ONE;

    if (text.size < 3 || text.size > 7 || (text.data[0] | 0x20) != 'q' || text.data[1] != '=') {
        return 0;
    }
    for (size_t i = 2; i < text.size; i++) {
        if (i == 3) {
            if (text.data[i] != '.') {
                return 0;
            }
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        weight += (text.data[i] - '0') * unit;
        unit /= 10;
    }
    return weight <= WEIGHT_ONE ? weight : 0;
}

/* One header's list: "gzip;q=0.5, identity;q=0, *". */
static void read_weights(struct slice list, struct weights *weights)
{
    while (list.size) {
        struct slice item = cut(&list, ',');
        struct slice coding = cut(&item, ';');
        int weight = item.size ? weight_of(trim(item)) : WEIGHT_ONE;

        if (is_word(coding, "gzip") || is_word(coding, "x-gzip")) {
            weights->gzip = weight;
        } else if (is_word(coding, "identity")) {
            weights->identity = weight;
        } else if (is_word(coding, "*")) {
            weights->any = weight;
        }
    }
}

bool http_coding_wants_gzip(const struct http_input *input)
{
    struct weights weights = {WEIGHT_ABSENT, WEIGHT_ABSENT, WEIGHT_ABSENT};
    int gzip;

    for (uint32_t i = 0; i < input->header_count; i++) {
        if (is_word(input->headers[i].name, "accept-encoding")) {
            read_weights(input->headers[i].value, &weights);
        }
    }
    gzip = weights.gzip == WEIGHT_ABSENT ? weights.any : weights.gzip;
    return gzip > 0 && gzip >= weights.identity;
}

/* --- Compressing ---------------------------------------------------------------------------------
 */

struct http_gzip *http_gzip_create(void)
{
    struct http_gzip *gzip = calloc(1, sizeof(*gzip));

    if (gzip) {
        buf_init(&gzip->out, 2 * HTTP_GZIP_SIZE_MAX);
    }
    return gzip;
}

void http_gzip_destroy(struct http_gzip *owned_gzip)
{
    if (owned_gzip) {
        if (owned_gzip->ready) {
            (void)deflateEnd(&owned_gzip->stream);
        }
        buf_done(&owned_gzip->out);
        free(owned_gzip);
    }
}

/* Texts; pictures and archives are compressed already. Events must not wait for each other. */
static bool is_compressible(const char *type)
{
    static const char *const prefixes[] = {"text/", "application/json", "application/javascript",
                                           "image/svg+xml"};

    if (!type || strncmp(type, "text/event-stream", 17) == 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (strncmp(type, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_coded(struct slice headers)
{
    static const char name[] = "Content-Encoding:";

    return headers.size && memmem(headers.data, headers.size, name, sizeof(name) - 1);
}

static bool reset(struct http_gzip *gzip)
{
    if (gzip->ready) {
        return deflateReset(&gzip->stream) == Z_OK;
    }
    gzip->ready = deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
                               Z_DEFAULT_STRATEGY) == Z_OK;
    return gzip->ready;
}

static bool compress_body(struct http_gzip *gzip, struct slice body)
{
    z_stream *stream = &gzip->stream;
    size_t bound;

    if (!reset(gzip)) {
        return false;
    }
    bound = deflateBound(stream, body.size);
    buf_clear(&gzip->out);
    if (!buf_reserve(&gzip->out, bound)) {
        return false;
    }
    stream->next_in = (Bytef *)(uintptr_t)body.data;
    stream->avail_in = (uInt)body.size;
    stream->next_out = gzip->out.data;
    stream->avail_out = (uInt)bound;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END) {
        return false;
    }
    gzip->out.size = bound - stream->avail_out;
    return true;
}

enum http_coding http_gzip_apply(struct http_gzip *gzip, const struct http_input *input,
                                 const struct http_output *output, uint64_t turn,
                                 struct slice *ret_body)
{
    size_t size = output->body.size;

    if (size < HTTP_GZIP_SIZE_MIN || !is_compressible(output->content_type) ||
        is_coded(output->headers)) {
        return HTTP_CODING_NONE;
    }
    if (gzip->turn != turn) {
        gzip->turn = turn;
        gzip->turn_size = 0;
    }
    if (gzip->turn_size + size > HTTP_GZIP_SIZE_MAX || !http_coding_wants_gzip(input)) {
        return HTTP_CODING_IDENTITY;
    }
    gzip->turn_size += size;
    if (!compress_body(gzip, output->body) || gzip->out.size >= size) {
        return HTTP_CODING_IDENTITY;
    }
    *ret_body = buf_slice(&gzip->out);
    return HTTP_CODING_GZIP;
}
