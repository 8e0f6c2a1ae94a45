/* Which worker may still speak for a job: lease tokens against epochs (A3).
 *
 * The epoch grows by one at each claim. It ends at ack, fail, reclaim and cancel; how the last one
 * ended is in the row, so that a repeated ack or fail is answered as the first was. */
#ifndef CORE_LEASE_H
#define CORE_LEASE_H

#include "base/reply.h"
#include "core/job_move.h"

/* What an ack or fail brings along. */
struct lease_request {
    struct slice job_id;
    struct slice token;     /* Empty = none. */
    bool token_required;    /* Whatever the queue says. */
    enum lease_verb verb;   /* ack or fail. */
    enum reply_code refuse; /* For a job that is unknown or not active. */
};

/* True if nobody may speak for the job of that queue without a token. */
bool lease_token_required(const struct tx *tx, const struct job *job, bool by_request);

/* Finds the job that the request speaks for. *ret_repeated: its epoch ended by the same verb
 * already; answer from job->end and change nothing. Else the job is active and the lease, if a
 * token was sent, is the current one. REPLY_VALIDATION_ERROR: no lease token. REPLY_LEASE_LOST.
 * `refuse`: unknown, not active, or without a token that the queue or the request requires. */
enum err_code lease_open(struct tx *tx, const struct lease_request *request, struct job *ret_job,
                         bool *ret_repeated, struct err *err) MUST_USE;

#endif
