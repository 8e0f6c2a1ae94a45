/* The rows of one job as the API shows it, read through anything that finds rows: the kv of apply,
 * or a reader of what is written. Nothing here changes anything. */
#ifndef CORE_JOB_READ_H
#define CORE_JOB_READ_H

#include "core/rows.h"
#include "core/tables.h"

/* Where the rows are found. */
struct job_rows {
    void *self;
    /* As in struct kv. */
    enum err_code (*get)(void *self, uint8_t table, struct slice key, struct arena *arena,
                         struct slice *ret_value, struct err *err);
    struct arena *arena; /* For everything that is read. */
};

/* One row; ret_value->data is NULL when there is none. Errors of `get`. Thread of `rows`. */
enum err_code job_rows_get(const struct job_rows *rows, enum table table, const struct row_key *key,
                           struct slice *ret_value, struct err *err) MUST_USE;

/* The tags, checkpoint and the like of a job; all empty when it has none. ERR_CORRUPT when they are
 * missing or do not decode. Thread of `rows`. */
enum err_code job_read_more(const struct job_rows *rows, const struct job *job,
                            struct job_more *ret_more, struct err *err) MUST_USE;

/* The payload, `{}` when the job has none of its own. ERR_CORRUPT when it is missing. Thread of
 * `rows`. */
enum err_code job_read_payload(const struct job_rows *rows, const struct job *job,
                               struct slice *ret_payload, struct err *err) MUST_USE;

/* The first record that is stored (they are numbered from 1), and one by its number.
 * ERR_CORRUPT when it is missing or does not decode. Thread of `rows`. */
uint32_t job_first_error(const struct job *job);
enum err_code job_read_error(const struct job_rows *rows, const struct job *job, uint32_t id,
                             struct error_row *ret_error, struct err *err) MUST_USE;

/* The whole job but for its error records. Thread of `rows`. */
enum err_code job_read_object(const struct job_rows *rows, const struct job *job,
                              struct slice queue, struct job_object *ret_object,
                              struct err *err) MUST_USE;

/* Adds its error records. Thread of `rows`. */
enum err_code job_read_errors(const struct job_rows *rows, const struct job *job,
                              struct job_object *object, struct err *err) MUST_USE;

/* Its attempts that are still known, oldest first. Thread of `rows`. */
enum err_code job_read_attempts(const struct job_rows *rows, const struct job *job,
                                struct job_attempts *ret_attempts, struct err *err) MUST_USE;

#endif
