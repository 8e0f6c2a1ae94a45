/* The rows of jobs that a clear or destroy struck: they are gone at once (job_is_gone), and their
 * rows go here, some with each tick. Done jobs of destroyed queues go with the purge. */
#ifndef CORE_SWEEP_H
#define CORE_SWEEP_H

#include "core/tx.h"

/* Removes a live job that is gone, with its rows. Not in a unit. False, with nothing done, when the
 * entry may not read its error records any more. */
bool sweep_job(struct tx *tx, const struct index_job *gone) MUST_USE;

/* Does what is due for queues, about `count_max` rows. Returns how many rows it looked at;
 * *ret_swept are gone jobs. */
uint32_t sweep_queues(struct tx *tx, uint32_t count_max, uint32_t *ret_swept);

#endif
