/* Unique keys (A5, reference 5.2): of the jobs of a queue one holds a key, and while it does an
 * enqueue with that key is a duplicate of it.
 *
 *     when                           until started   completed   period
 *     enqueued, or ended and retried       takes it    takes it    takes it, or still has it
 *     claimed                          lets it go
 *     completed                                      lets it go
 *     dead, cancelled, removed         lets it go    lets it go   lets it go
 *     the period is over, if there is one: lets it go, in every mode
 *
 * A row of TABLE_LOCK names the holder, and counts for what the holder's row says: that job must be
 * there and its unique.ends_at must lie ahead. So nothing is written when a period ends, and when a
 * clear or a destroy takes the holder away. Everything else goes through here: moves of a job's
 * state, its way to another queue, the end of its row. A lock never outlives its job's row,
 * whatever removes that; and while a completed job holds its key, retention does not remove it. */
#ifndef CORE_UNIQUE_H
#define CORE_UNIQUE_H

#include "base/reply.h"
#include "core/tx.h"

/* True if the job holds its key. */
bool unique_is_held(const struct tx *tx, const struct job *job);

/* The job that holds the key; false when none does. Its texts are valid until the next peek. That
 * its key is the one that was asked for is to be checked: rows know only the hash. */
bool unique_find(struct tx *tx, uint32_t queue, struct slice key, struct job *ret_holder);

/* The error `refuse` if another job holds the job's key in that queue. Before a move out of a
 * terminal state, and before unique_move. */
enum err_code unique_check(struct tx *tx, const struct job *job, uint32_t queue,
                           enum reply_code refuse, struct err *err) MUST_USE;

/* What follows from the move that the job has just made: job_move calls it, nobody else. */
void unique_follow(struct tx *tx, struct job *job, enum job_state from);

/* Puts the job into another queue, with its key if it holds that. unique_check must allow it. */
void unique_move(struct tx *tx, struct job *job, uint32_t queue);

/* Removes the lock if it names the job, whose row is going away. */
void unique_drop(struct tx *tx, const struct job *job);

/* The job that a lock's row names; false when its bytes make no sense. */
bool unique_lock_read(struct slice value, struct arena *arena, struct job_key *ret_job);

#endif
