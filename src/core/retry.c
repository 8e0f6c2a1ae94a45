/* Retry delays: see retry.h. */
#include "core/retry.h"

#include "base/limits.h"

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t result;

    return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

static uint64_t uncapped(enum job_backoff backoff, uint64_t base_ms, uint32_t attempt)
{
    switch (backoff) {
    case JOB_BACKOFF_NONE:
        return 0;
    case JOB_BACKOFF_FIXED:
        return base_ms;
    case JOB_BACKOFF_LINEAR:
        return product(base_ms, attempt);
    default:
        return product(base_ms, attempt > 64 ? UINT64_MAX : UINT64_C(1) << (attempt - 1));
    }
}

uint64_t retry_delay_ms(enum job_backoff backoff, uint64_t base_ms, uint64_t max_delay_ms,
                        uint32_t attempt)
{
    uint64_t delay_ms;

    assert(attempt >= 1);
    delay_ms = uncapped(backoff, base_ms, attempt);
    if (max_delay_ms > 0 && delay_ms > max_delay_ms) {
        delay_ms = max_delay_ms;
    }
    return delay_ms < DURATION_MS_MAX ? delay_ms : DURATION_MS_MAX;
}
