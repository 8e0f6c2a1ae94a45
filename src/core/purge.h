/* Letting go of what has been kept long enough: terminal jobs after the retention, events above
 * their bound.
 *
 * Done jobs lie in the order of their creation, and none ends before it was made: a sweep walks
 * them from the oldest and stops at the first that was made within the retention. So no second key
 * is written when a job ends. A job that took long is met again by the next sweep. */
#ifndef CORE_PURGE_H
#define CORE_PURGE_H

#include "core/tx.h"

/* When a sweep is due; UINT64_MAX = not before another job ends. */
uint64_t purge_due_ns(const struct meta_row *meta);

/* Goes on with the sweep, looking at up to `count_max` done jobs. Returns how many it looked at;
 * *ret_purged are gone. */
uint32_t purge_jobs(struct tx *tx, uint32_t count_max, uint32_t *ret_purged);

/* True when enough events are over their bound to be worth a cut. */
bool purge_events_due(const struct meta_row *meta);

/* Removes the oldest event rows, up to `count_max`, while their events are all over the bound.
 * Returns how many. */
uint32_t purge_events(struct tx *tx, uint32_t count_max);

#endif
