/* One job, its errors, one queue: from rows into the open transaction of the view's file.
 *
 * Of the feeder's thread alone. */
#ifndef VIEW_WRITE_H
#define VIEW_WRITE_H

#include "view/file.h"

/* A job as its rows say. All borrowed. */
struct view_job {
    const struct job *job;
    const struct job_more *more; /* Only of a job that is new to the file, else NULL. */
    const uint32_t *error_ids;   /* Of the records that are to be looked at, ascending. */
    uint32_t error_count;
    bool fresh; /* It can not be in the file. */
};

/* Writes a job; reads its error records from `rows`. seq_max and the term tables follow. Jobs of a
 * transaction should come in the order of seq. Errors as sql_fail and those of `rows`. */
enum err_code view_write_job(struct view_file *file, const struct job_rows *rows,
                             const struct view_job *job, struct err *err) MUST_USE;

/* Takes a job out, if it is there. Errors as sql_fail. */
enum err_code view_write_gone(struct view_file *file, uint64_t seq, struct err *err) MUST_USE;

/* Writes a queue. Errors as sql_fail. */
enum err_code view_write_queue(struct view_file *file, uint64_t number,
                               const struct queue_row *queue, struct err *err) MUST_USE;

/* Drops term tables that no job needs any more. Errors as sql_fail. */
enum err_code view_write_drop_parts(struct view_file *file, struct err *err) MUST_USE;

#endif
