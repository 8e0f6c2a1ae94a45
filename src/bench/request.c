/* Request bytes. The payload is {"n":"<ten digits>","data":"<letters>"}: its length never depends
 * on the number. */
#include "bench/request.h"

#include "bench/scan.h"

#include <stdio.h>
#include <time.h>

#define NUMBER_DIGITS 10
#define PAYLOAD_FIXED 28 /* Bytes of the payload beside its letters. */
#define FETCH_SECONDS 30
#define TIME_TEXT_MAX 48

static const char number_key[] = "{\"n\":\"";

static void write_digits(uint8_t *to, uint64_t number)
{
    assert(number <= REQUEST_NUMBER_MAX);
    for (int i = NUMBER_DIGITS - 1; i >= 0; i--) {
        to[i] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
}

/* Letters that do not compress to nothing and are the same in each run. */
static void add_letters(struct buf *buf, uint32_t size)
{
    uint32_t state = 1;

    if (!buf_reserve(buf, size)) {
        return;
    }
    for (uint32_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        buf->data[buf->size++] = (uint8_t)('a' + (state >> 24) % 26);
    }
}

static void add_payload(struct buf *buf, uint32_t size, uint64_t number)
{
    uint8_t digits[NUMBER_DIGITS];

    assert(size >= BENCH_PAYLOAD_MIN);
    write_digits(digits, number);
    (void)buf_add_text(buf, number_key);
    (void)buf_add(buf, digits, sizeof(digits));
    (void)buf_add_text(buf, "\",\"data\":\"");
    add_letters(buf, size - PAYLOAD_FIXED);
    (void)buf_add_text(buf, "\"}");
}

static void add_due(struct buf *buf, uint64_t due_ns)
{
    time_t seconds = (time_t)(due_ns / NS_PER_SECOND);
    char text[TIME_TEXT_MAX];
    struct tm parts;

    if (!gmtime_r(&seconds, &parts) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        buf->failed = true;
        return;
    }
    (void)buf_printf(buf, ",\"scheduled_at\":\"%s.%09uZ\"", text,
                     (unsigned)(due_ns % NS_PER_SECOND));
}

static void add_job(struct buf *buf, const struct bench *bench, const char *queue, uint64_t number,
                    uint64_t due_ns)
{
    (void)buf_add_text(buf, "{\"queue\":\"");
    (void)buf_add_text(buf, queue);
    (void)buf_add_text(buf, "\",\"payload\":");
    add_payload(buf, bench->options->payload_size, number);
    if (due_ns != 0) {
        add_due(buf, due_ns);
    }
    (void)buf_add_byte(buf, '}');
}

static void add_head(struct buf *buf, const struct bench *bench, size_t body_size)
{
    (void)buf_printf(buf,
                     " HTTP/1.1\r\nHost: %s:%u\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     bench->address.host, bench->address.port, body_size);
}

void request_build(struct buf *buf, const struct bench *bench, const char *path, struct slice body)
{
    assert(buf->size == 0);
    (void)buf_add_text(buf, body.size ? "POST " : "GET ");
    (void)buf_add_text(buf, path);
    add_head(buf, bench, body.size);
    (void)buf_add_slice(buf, body);
}

void request_ack(struct buf *buf, const struct bench *bench, struct slice job_id,
                 struct slice token)
{
    assert(buf->size == 0);
    (void)buf_add_text(buf, "POST /api/v1/ack/");
    (void)buf_add_slice(buf, job_id);
    add_head(buf, bench, token.size + strlen("{\"lease_token\":\"\"}"));
    (void)buf_add_text(buf, "{\"lease_token\":\"");
    (void)buf_add_slice(buf, token);
    (void)buf_add_text(buf, "\"}");
}

void request_fetch(struct buf *buf, const struct bench *bench, const char *queue, uint32_t count)
{
    char body[RUN_QUEUE_MAX + 120];
    int size;

    if (count == 0) {
        size = snprintf(body, sizeof(body),
                        "{\"queues\":[\"%s\"],\"worker_id\":\"w1\",\"timeout\":%d}", queue,
                        FETCH_SECONDS);
    } else {
        size = snprintf(body, sizeof(body),
                        "{\"queues\":[\"%s\"],\"worker_id\":\"w1\",\"timeout\":%d,\"count\":%u}",
                        queue, FETCH_SECONDS, count);
    }
    request_build(buf, bench, count == 0 ? "/api/v1/fetch" : "/api/v1/fetch/batch",
                  slice_of(body, (size_t)size));
}

void request_enqueue_batch(struct buf *buf, const struct bench *bench,
                           const struct batch_spec *spec)
{
    struct buf body;

    buf_init(&body, REQUEST_SIZE_MAX);
    (void)buf_add_text(&body, "{\"jobs\":[");
    for (uint32_t i = 0; i < spec->count; i++) {
        uint64_t due_ns = spec->due_ns ? spec->due_ns + i * spec->interval_ns : 0;

        if (i > 0) {
            (void)buf_add_byte(&body, ',');
        }
        add_job(&body, bench, spec->queue, spec->first_number + i, due_ns);
    }
    (void)buf_add_text(&body, "]}");
    request_build(buf, bench, "/api/v1/enqueue/batch", buf_slice(&body));
    buf->failed = buf->failed || body.failed;
    buf_done(&body);
}

static uint32_t add_acks(struct buf *body, struct slice fetched)
{
    struct slice ids = fetched;
    struct slice tokens = fetched;
    struct slice id;
    struct slice token;
    uint32_t count = 0;

    while (scan_text(&ids, "\"job_id\":\"", &id)) {
        if (!scan_text(&tokens, "\"lease_token\":\"", &token)) {
            return UINT32_MAX;
        }
        (void)buf_add_text(body, count++ == 0 ? "{\"job_id\":\"" : ",{\"job_id\":\"");
        (void)buf_add_slice(body, id);
        (void)buf_add_text(body, "\",\"lease_token\":\"");
        (void)buf_add_slice(body, token);
        (void)buf_add_text(body, "\"}");
    }
    return count;
}

uint32_t request_ack_batch(struct buf *buf, const struct bench *bench, struct slice fetched)
{
    struct buf body;
    uint32_t count;

    buf_init(&body, REQUEST_SIZE_MAX);
    (void)buf_add_text(&body, "{\"acks\":[");
    count = add_acks(&body, fetched);
    (void)buf_add_text(&body, "]}");
    if (count > 0 && count != UINT32_MAX) {
        request_build(buf, bench, "/api/v1/ack/batch", buf_slice(&body));
        buf->failed = buf->failed || body.failed;
    }
    buf_done(&body);
    return count;
}

bool request_number_of(struct slice fetched, uint64_t *ret_number)
{
    struct slice text;

    return scan_text(&fetched, number_key, &text) && scan_digits(text, ret_number);
}

enum err_code enqueue_request_init(struct enqueue_request *request, const struct bench *bench,
                                   const char *queue, struct err *err)
{
    struct buf body;
    const uint8_t *number;

    buf_init(&request->bytes, REQUEST_SIZE_MAX);
    buf_init(&body, REQUEST_SIZE_MAX);
    add_job(&body, bench, queue, 0, 0);
    request_build(&request->bytes, bench, "/api/v1/enqueue", buf_slice(&body));
    request->bytes.failed = request->bytes.failed || body.failed;
    buf_done(&body);
    if (request->bytes.failed) {
        return err_set(err, ERR_NOMEM, "no memory for a request");
    }
    number = memmem(request->bytes.data, request->bytes.size, number_key, strlen(number_key));
    assert(number);
    request->number_at = (size_t)(number - request->bytes.data) + strlen(number_key);
    return ERR_NONE;
}

void enqueue_request_done(struct enqueue_request *request)
{
    buf_done(&request->bytes);
}

void enqueue_request_number(struct enqueue_request *request, uint64_t number)
{
    write_digits(request->bytes.data + request->number_at, number);
}
