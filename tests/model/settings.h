/* What is set for a queue of the model: retention and leases. Apart from model.c for its size. */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include "tests/model/model.h"

#define MODEL_RETENTION_MS 60000

/* queue_retention and queue_lease on the queue, which exists. */
uint16_t model_set(struct model_queue *queue, uint32_t code, const void *request, void *reply);

/* How long a job of the queue is kept that ends in that state. */
uint64_t model_keep_ns(const struct model_queue *queue, enum job_state state);

/* Seconds of a lease. */
int32_t model_lease(const struct model_queue *queue, const struct op_fetch *op);

#endif
