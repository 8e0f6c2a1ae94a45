/* Letting go of what has been kept long enough: terminal jobs after the retention of their queue
 * and state, or else the server's, jobs of destroyed queues, and events above their bound.
 *
 * Done jobs lie in the order of their creation, and none ends before it was made: a sweep walks
 * them from the oldest and stops at the first that was made within the shortest retention. So no
 * second key is written when a job ends. A job that took long, or is kept longer than others, is
 * met again by the next sweep; the more of these there are, the longer is the pause before it.
 * While rows of destroyed queues are left, sweeps follow each other and stop nowhere. Jobs with a
 * retention of their own are passed by: core/purge_own.h. */
#ifndef CORE_PURGE_H
#define CORE_PURGE_H

#include "core/tx.h"

/* When a sweep is due; UINT64_MAX = not before another job ends. */
uint64_t purge_due_ns(const struct meta_row *meta);

/* A retention changed: the next sweep looks at all anew. */
void purge_note_change(struct meta_row *meta);

/* A done job was stored: when and where the next sweep starts may follow from it. */
void purge_note_due(struct tx *tx, const struct job *job);

/* For a live job that has just ended: when nothing of it is to be kept, removes it with its rows
 * instead of storing it as done. False, with nothing done, when it is to be stored. */
bool purge_at_once(struct tx *tx, const struct job *job) MUST_USE;

/* Removes a job that has ended, and all that is kept of it; `hash` is the row_hash of its row in
 * `table`. False, with nothing done, when the entry may not read its error records any more. The
 * texts are not needed but for the unique key. */
bool purge_job(struct tx *tx, struct job *job, enum table table, uint64_t hash) MUST_USE;

/* How many done jobs a step of a sweep removed. */
struct purged {
    uint32_t old;
    uint32_t gone; /* Of destroyed queues. */
};

/* Goes on with the sweep, looking at up to `count_max` done jobs, and adds to *ret_purged. Returns
 * how many it looked at. */
uint32_t purge_jobs(struct tx *tx, uint32_t count_max, struct purged *ret_purged);

/* True when enough events are over their bound to be worth a cut. */
bool purge_events_due(const struct meta_row *meta);

/* Removes the oldest event rows, up to `count_max`, while their events are all over the bound.
 * Returns how many. */
uint32_t purge_events(struct tx *tx, uint32_t count_max);

#endif
