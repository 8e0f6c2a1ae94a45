/* The bytes of the requests that workloads send: built once where they can be, patched where a
 * number changes. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include "base/buf.h"
#include "bench/run.h"

#define REQUEST_SIZE_MAX ((size_t)64 << 20)
#define REQUEST_NUMBER_MAX UINT64_C(9999999999)

/* One enqueue whose payload carries a number, so that a delivery tells which request it belongs to.
 */
struct enqueue_request {
    struct buf bytes;
    size_t number_at; /* Where its ten digits are. */
};

/* What each job of a batch has. */
struct batch_spec {
    const char *queue;
    uint32_t count;
    uint64_t first_number;
    uint64_t due_ns;      /* Nanoseconds since 1970; 0: at once. */
    uint64_t interval_ns; /* Added to due_ns for each further job. */
};

/* Puts one request into an empty `buf`; body with size 0 makes a GET. A full buffer sets
 * buf->failed. */
void request_build(struct buf *buf, const struct bench *bench, const char *path, struct slice body);

/* As request_build for POST /api/v1/ack/{job_id} with the token. */
void request_ack(struct buf *buf, const struct bench *bench, struct slice job_id,
                 struct slice token);

/* As request_build for POST /api/v1/fetch (count 0) or /fetch/batch, for one queue. */
void request_fetch(struct buf *buf, const struct bench *bench, const char *queue, uint32_t count);

/* As request_build for POST /api/v1/enqueue/batch. */
void request_enqueue_batch(struct buf *buf, const struct bench *bench,
                           const struct batch_spec *spec);

/* Makes POST /api/v1/ack/batch from the body of a fetch/batch reply; how many jobs it names,
 * UINT32_MAX when the body names an id without a token. Nothing is built for 0 jobs. */
uint32_t request_ack_batch(struct buf *buf, const struct bench *bench, struct slice fetched);

/* The number that the payload in a fetch reply carries. False when there is none. */
bool request_number_of(struct slice fetched, uint64_t *ret_number);

/* A unary enqueue with options->payload_size bytes of payload. ERR_NOMEM. The caller calls
 * enqueue_request_done. */
enum err_code enqueue_request_init(struct enqueue_request *request, const struct bench *bench,
                                   const char *queue, struct err *err) MUST_USE;
void enqueue_request_done(struct enqueue_request *request);

/* Writes the payload's number, at most REQUEST_NUMBER_MAX, into the bytes. */
void enqueue_request_number(struct enqueue_request *request, uint64_t number);

#endif
