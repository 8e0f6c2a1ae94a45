/* How long the view has been behind: see view_lag.h. */
#include "node/view_lag.h"

#include <string.h>

static_assert(VIEW_LAG_SAMPLES % 2 == 0, "samples are joined in pairs");

/* Of two samples one is made: the entries of both, with the time of the first. */
static void thin_out(struct view_lag *lag)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i + 1 < lag->count; i += 2) {
        lag->samples[count].at_ms = lag->samples[i].at_ms;
        lag->samples[count].index = lag->samples[i + 1].index;
        count++;
    }
    lag->count = count;
    lag->spacing_ms *= 2;
}

void view_lag_note(struct view_lag *lag, uint64_t index, uint64_t now_ms)
{
    uint32_t last = lag->count - 1;

    if (lag->count == 0) {
        lag->spacing_ms = VIEW_LAG_SPACING_MS;
    } else if (lag->samples[last].index >= index) {
        return;
    } else if (now_ms - lag->samples[last].at_ms < lag->spacing_ms) {
        lag->samples[last].index = index; /* It keeps the time of its first entry. */
        return;
    } else if (lag->count == VIEW_LAG_SAMPLES) {
        thin_out(lag);
    }
    lag->samples[lag->count].index = index;
    lag->samples[lag->count].at_ms = now_ms;
    lag->count++;
}

uint64_t view_lag_ms(struct view_lag *lag, uint64_t index, uint64_t now_ms)
{
    uint32_t passed = 0;

    while (passed < lag->count && lag->samples[passed].index <= index) {
        passed++;
    }
    lag->count -= passed;
    memmove(lag->samples, lag->samples + passed, lag->count * sizeof(lag->samples[0]));
    return lag->count > 0 ? now_ms - lag->samples[0].at_ms : 0;
}
