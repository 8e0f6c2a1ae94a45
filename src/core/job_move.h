/* Reading, moving and writing jobs: what operations use instead of rows.
 *
 * An operation loads a job, changes the struct, moves it at most a few times and saves it once. */
#ifndef CORE_JOB_MOVE_H
#define CORE_JOB_MOVE_H

#include "core/tx.h"

/* Reads a job, live or terminal; false when there is none or the transaction failed. */
bool job_load(struct tx *tx, struct job_key key, struct job *ret_job);

/* Reads a job that the index has; false only when the transaction failed. */
bool job_load_live(struct tx *tx, const struct index_job *indexed, struct job *ret_job);

/* Writes a loaded or new job: to the live jobs, or once and for all to the done ones. `first_state`
 * is the state it was loaded in, JOB_NONE for a new one. */
void job_save(struct tx *tx, const struct job *job, enum job_state first_state);

/* True if a job may go from one state to another. */
bool job_may_become(enum job_state from, enum job_state to);

/* Moves the job, sets what follows from the move, and records the event. The move must be allowed.
 */
void job_move(struct tx *tx, struct job *job, enum job_state to, enum event_type type);

/* Records an event of the job without moving it. */
void job_event(struct tx *tx, struct job *job, enum event_type type, struct slice data);

/* Notes how the job's present epoch ended. Call it after the move. */
void job_end_epoch(struct job *job, enum lease_verb verb);

/* Adds an error record, and drops the oldest above ERROR_RECORDS_MAX. False, with nothing done,
 * when the entry may not read the one to be dropped: answer tx_busy. */
bool job_add_error(struct tx *tx, struct job *job, struct error_row *error) MUST_USE;

/* Gives the job up with the error record "job expired". False as job_add_error. */
bool job_expire(struct tx *tx, struct job *job) MUST_USE;

/* Reads the row of a job's less common members; ret_stored gets its bytes. The caller has reserved
 * job->more_size. */
void job_more_load(struct tx *tx, const struct job *job, struct job_more *ret_more,
                   struct slice *ret_stored);

/* Writes that row and notes size and hash in the job, which is to be saved. */
void job_more_save(struct tx *tx, struct job *job, const struct job_more *more,
                   struct slice stored);

/* Rows of a job as they are read outside a transaction: error record `id`; false when its bytes
 * make no sense. */
bool error_row_read(struct slice value, struct arena *arena, struct error_row *ret_error);

#endif
