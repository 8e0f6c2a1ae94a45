/* Reading, moving and writing jobs: what operations use instead of rows.
 *
 * An operation loads a job, changes the struct, moves it at most a few times and saves it once. */
#ifndef CORE_JOB_MOVE_H
#define CORE_JOB_MOVE_H

#include "base/reply.h"
#include "core/tx.h"

/* An error record is at most its texts and a few numbers. */
#define ERROR_ROW_SIZE_MAX (ERROR_TEXT_MAX + BACKTRACE_MAX + WORKER_ID_MAX + HOSTNAME_MAX + 256)

/* Reads a job, live or terminal; false when there is none or the transaction failed. A terminal job
 * comes without its texts and can not be saved: it is only looked at, and an entry may look at any
 * number of large results. */
bool job_load(struct tx *tx, struct job_key key, struct job *ret_job);

/* The same with the texts of a terminal job, too: valid until the next peek (tx_peek). */
bool job_peek(struct tx *tx, struct job_key key, struct job *ret_job);

/* Reads the job of that id, to be changed: a terminal one, too, whole. `refuse` is the answer when
 * there is none; ERR_BUSY (tx_busy) when the entry may not read that much. */
enum err_code job_open(struct tx *tx, struct slice job_id, enum reply_code refuse,
                       struct job *ret_job, struct err *err) MUST_USE;

/* The error "job '...' does not exist", with the contract's code `refuse`. */
enum err_code job_unknown(struct slice job_id, enum reply_code refuse, struct err *err);

/* Reads a job that the index has; false only when the transaction failed. */
bool job_load_live(struct tx *tx, const struct index_job *indexed, struct job *ret_job);

/* Writes a loaded or new job: among the live jobs, or the done ones. `first_state` is the state it
 * was loaded in, JOB_NONE for a new one. */
void job_save(struct tx *tx, const struct job *job, enum job_state first_state);

/* True if a job may go from one state to another. */
bool job_may_become(enum job_state from, enum job_state to);

/* Moves the job, sets what follows from the move, and records the event. The move must be allowed.
 */
void job_move(struct tx *tx, struct job *job, enum job_state to, enum event_type type);

/* The same with data for the event: JSON that lives as long as the entry. */
void job_move_with(struct tx *tx, struct job *job, enum job_state to, enum event_type type,
                   struct slice data);

/* Puts the job behind all others: of its queue and priority when it is pending. Its state stays. */
void job_requeue(struct tx *tx, struct job *job);

/* Counts a terminal job in its queue and in the meta row, by 1 or by -1. */
void job_count_done(struct tx *tx, const struct job *job, int by);

/* Records an event of the job without moving it. */
void job_event(struct tx *tx, struct job *job, enum event_type type, struct slice data);

/* Notes how the job's present epoch ended. Call it after the move. */
void job_end_epoch(struct job *job, enum lease_verb verb);

/* Adds a record of an error, of an attempt that ended (error->outcome) or of both, and drops the
 * oldest above ERROR_RECORDS_MAX. Call it before the move: who ran the attempt is in the job.
 * False, with nothing done, when the entry may not read the one to be dropped: answer tx_busy. */
bool job_add_error(struct tx *tx, struct job *job, struct error_row *error) MUST_USE;

/* The attempt of the job that no record tells of, because it runs or ended with the job; false when
 * there is none. */
bool job_last_attempt(const struct job *job, struct error_row *ret_record);

/* Records that attempt, before it is forgotten. False as job_add_error. */
bool job_keep_attempt(struct tx *tx, struct job *job) MUST_USE;

/* True for the records that the job's `errors` show: not of attempts that ended otherwise. */
bool error_row_is_error(const struct error_row *row);

/* The feedback of the last revise, whose feedback_at is not 0. */
struct job_feedback job_feedback_of(const struct job *job, const struct job_more *more);

/* Gives the job up with the error record "job expired". False as job_add_error. */
bool job_expire(struct tx *tx, struct job *job) MUST_USE;

/* Reads the row of a job's less common members; ret_stored gets its bytes. The caller has reserved
 * job->more_size. */
void job_more_load(struct tx *tx, const struct job *job, struct job_more *ret_more,
                   struct slice *ret_stored);

/* Writes that row and notes size and hash in the job, which is to be saved. */
void job_more_save(struct tx *tx, struct job *job, const struct job_more *more,
                   struct slice stored);

/* Writes the payload and notes size and hash in the job, which is to be saved. `stored` is the
 * present row (data NULL = none). The default, {}, has no row. */
void job_payload_save(struct tx *tx, struct job *job, struct slice payload, struct slice stored);

/* Removes the row of an opened job, live or terminal, from tables, index and counts. */
void job_remove(struct tx *tx, const struct job *job);

/* Removes what of a job lies in rows of its own: payload, less common members, records, the lock of
 * its unique key (which is all that its texts are needed for), its place in the purge. False, with
 * nothing done, when the entry may not read the records: answer tx_busy. The operation must not
 * fail after it. */
bool job_remove_parts(struct tx *tx, const struct job *job) MUST_USE;

/* Rows of a job as they are read outside a transaction: error record `id`; false when its bytes
 * make no sense. */
bool error_row_read(struct slice value, struct arena *arena, struct error_row *ret_error);

#endif
