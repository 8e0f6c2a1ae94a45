/* Who holds a unique key, found by looking at every job. There are no locks. */
#ifndef MODEL_UNIQUE_H
#define MODEL_UNIQUE_H

#include "tests/model/model.h"

/* True if the job holds its unique key. */
bool model_is_holder(const struct model *model, const struct model_job *job);

/* The job of the queue that holds the key; NULL when none does. */
struct model_job *model_holder(struct model *model, uint32_t queue, const char *key);

/* True if another job holds the job's key in that queue. */
bool model_is_key_taken(struct model *model, const struct model_job *job, uint32_t queue);

/* The job takes its key, if it has one and does not hold it. */
void model_take_key(const struct model *model, struct model_job *job);

#endif
