/* What the operations on one job have in common: their request and reply, who asked, and what their
 * events say. */
#ifndef CORE_JOB_OP_H
#define CORE_JOB_OP_H

#include "core/job_move.h"
#include "core/ops.h"

/* What an event says beside its job: only what is set. */
struct event_note {
    struct slice from; /* Queue or priority. */
    struct slice to;
    struct slice kind; /* Of a hold. */
    struct slice by;
    struct slice reason;
    struct slice note;
    uint32_t revision;
};

/* The note as the data of an event, in entry memory; empty, and failed, when it runs out. */
struct slice event_note_json(struct tx *tx, const struct event_note *note);

/* Who did it: the principal, or whom the request names while there is none. */
struct slice job_op_by(const struct tx *tx, struct slice named);

/* Opens the job for an operation that needs it in `state`; else the answer `refuse`. */
enum err_code job_open_in(struct tx *tx, struct slice job_id, enum job_state state,
                          enum reply_code refuse, struct job *ret_job, struct err *err) MUST_USE;

#endif
