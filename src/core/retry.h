/* How long a failed job waits for its next attempt (reference 5.6). */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include "core/job.h"

/* The delay in ms after the attempt-th failed attempt (>= 1). Never overflows: at most max_delay_ms
 * when that is not 0, and at most DURATION_MS_MAX in any case. Any thread. */
uint64_t retry_delay_ms(enum job_backoff backoff, uint64_t base_ms, uint64_t max_delay_ms,
                        uint32_t attempt);

#endif
