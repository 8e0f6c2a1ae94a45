/* Log-linear buckets, see the header for the error bound. */
#include "bench/hist.h"

#include <string.h>

static uint32_t bucket_of(uint64_t latency_ns)
{
    uint32_t top_bit;
    uint64_t step;

    if (latency_ns < (UINT64_C(1) << HIST_FIRST_BIT)) {
        return 0;
    }
    top_bit = 63 - (uint32_t)__builtin_clzll(latency_ns);
    if (top_bit > HIST_LAST_BIT) {
        return HIST_BUCKETS - 1;
    }
    step = (latency_ns >> (top_bit - HIST_STEP_BITS)) - HIST_STEPS;
    return (top_bit - HIST_FIRST_BIT) * HIST_STEPS + (uint32_t)step;
}

static uint64_t bucket_middle_ns(uint32_t bucket)
{
    uint32_t top_bit = bucket / HIST_STEPS + HIST_FIRST_BIT;
    uint64_t step = bucket % HIST_STEPS;
    uint64_t width_ns = UINT64_C(1) << (top_bit - HIST_STEP_BITS);

    return (HIST_STEPS + step) * width_ns + width_ns / 2;
}

/* ceil() without libm. */
static uint64_t round_up(double value)
{
    uint64_t whole = (uint64_t)value;

    return (double)whole < value ? whole + 1 : whole;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    if (value < low) {
        return low;
    }
    return value > high ? high : value;
}

void hist_clear(struct hist *hist)
{
    memset(hist, 0, sizeof(*hist));
}

void hist_add(struct hist *hist, uint64_t latency_ns)
{
    if (hist->count == 0 || latency_ns < hist->min_ns) {
        hist->min_ns = latency_ns;
    }
    if (latency_ns > hist->max_ns) {
        hist->max_ns = latency_ns;
    }
    hist->count++;
    hist->buckets[bucket_of(latency_ns)]++;
}

uint64_t hist_quantile_ns(const struct hist *hist, double fraction)
{
    uint64_t rank;
    uint64_t seen = 0;

    assert(fraction >= 0.0);
    assert(fraction <= 1.0);
    if (hist->count == 0) {
        return 0;
    }
    rank = clamp(round_up(fraction * (double)hist->count), 1, hist->count);
    if (rank == hist->count) {
        return hist->max_ns;
    }
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        seen += hist->buckets[i];
        if (seen >= rank) {
            return clamp(bucket_middle_ns(i), hist->min_ns, hist->max_ns);
        }
    }
    return hist->max_ns;
}
