/* Retention of single jobs (`retention` at enqueue): done jobs that have one lie in the order of
 * when they go.
 *
 * Rows of TABLE_PURGE say so, one for each such job from its end until it is removed or retried.
 * Few jobs have one, so that most jobs end without a second row, and the sweep of the others
 * (core/purge.h) need not look for the least of retentions that nobody set. Instants are rounded
 * up, so that jobs that end one by one go together. */
#ifndef CORE_PURGE_OWN_H
#define CORE_PURGE_OWN_H

#include "core/purge.h"

/* When a job that has just ended goes by its own retention: not while it holds its unique key. 0:
 * at once, or it has none. */
uint64_t purge_own_at(const struct job *job);

/* Notes or forgets the place of a job in that order, if job->purge_at says that it has one. */
void purge_own_add(struct tx *tx, const struct job *job);
void purge_own_drop(struct tx *tx, const struct job *job);

/* When the first of them is due; UINT64_MAX = there is none. */
uint64_t purge_own_due_ns(const struct meta_row *meta);

/* Removes up to `count_max` of them that are due, and adds to *ret_purged. Returns how many. */
uint32_t purge_own_jobs(struct tx *tx, uint32_t count_max, struct purged *ret_purged);

#endif
