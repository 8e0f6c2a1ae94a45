/* How long the view has been behind: when entries were applied that it does not have yet.
 *
 * A few samples of (index, time), thinned when there are too many: the answer is never too small by
 * more than the spacing of the samples, at most an eighth of the lag. Loop thread. */
#ifndef NODE_VIEW_LAG_H
#define NODE_VIEW_LAG_H

#include "base/common.h"

#define VIEW_LAG_SAMPLES 64
#define VIEW_LAG_SPACING_MS 10

struct view_lag {
    struct {
        uint64_t index, at_ms;
    } samples[VIEW_LAG_SAMPLES]; /* Oldest first. */
    uint32_t count;
    uint64_t spacing_ms;
};

/* Entries up to `index` are applied, since now at the latest. */
void view_lag_note(struct view_lag *lag, uint64_t index, uint64_t now_ms);

/* The view has reached `index`. Returns since how many ms it lacks something; 0 = it lacks nothing
 * that was noted. */
uint64_t view_lag_ms(struct view_lag *lag, uint64_t index, uint64_t now_ms);

#endif
