/* The same message over and over: how often it is written, and how many were left out. Pure.
 *
 * A message is known by its key, the address of its format. In each window of LOG_WINDOW_NS the
 * first LOG_REPEAT_MAX are written; the others are counted, and told once the window is over. */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include "base/common.h"

#define LOG_WINDOW_NS (10 * NS_PER_SECOND)
#define LOG_REPEAT_MAX 20
#define LOG_KEYS_MAX 32 /* Messages that are watched at a time; the longest unused one goes. */

struct log_limit_slot {
    const char *key; /* NULL: free. */
    uint64_t started_ns;
    uint32_t written, missed;
};

struct log_limit {
    struct log_limit_slot slots[LOG_KEYS_MAX]; /* Zeroed: nothing was written yet. */
};

/* True: write the message. Times never go back. Any thread, one at a time. */
bool log_limit_take(struct log_limit *limit, const char *key, uint64_t now_ns);

/* A message whose window is over (or any, when `all`) and that was left out; returns its key and
 * how often, and forgets it. NULL: there is none. Any thread, one at a time. */
const char *log_limit_missed(struct log_limit *limit, uint64_t now_ns, bool all,
                             uint32_t *ret_count);

#endif
