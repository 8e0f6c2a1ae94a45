/* Repeated messages: see log_limit.h. */
#include "base/log_limit.h"

static bool is_over(const struct log_limit_slot *slot, uint64_t now_ns)
{
    return now_ns - slot->started_ns >= LOG_WINDOW_NS;
}

/* The key's slot, or the one to give it: a free one, else that whose window began first. */
static struct log_limit_slot *find_slot(struct log_limit *limit, const char *key)
{
    struct log_limit_slot *best = &limit->slots[0];

    for (uint32_t i = 0; i < LOG_KEYS_MAX; i++) {
        struct log_limit_slot *slot = &limit->slots[i];

        if (slot->key == key) {
            return slot;
        }
        if (best->key && (!slot->key || slot->started_ns < best->started_ns)) {
            best = slot;
        }
    }
    return best;
}

bool log_limit_take(struct log_limit *limit, const char *key, uint64_t now_ns)
{
    struct log_limit_slot *slot = find_slot(limit, key);

    if (slot->key != key || (is_over(slot, now_ns) && slot->missed == 0)) {
        *slot = (struct log_limit_slot){.key = key, .started_ns = now_ns};
    }
    if (slot->written < LOG_REPEAT_MAX) {
        slot->written++;
        return true;
    }
    slot->missed++;
    return false;
}

const char *log_limit_missed(struct log_limit *limit, uint64_t now_ns, bool all,
                             uint32_t *ret_count)
{
    for (uint32_t i = 0; i < LOG_KEYS_MAX; i++) {
        struct log_limit_slot *slot = &limit->slots[i];
        const char *key = slot->key;

        if (key && slot->missed > 0 && (all || is_over(slot, now_ns))) {
            *ret_count = slot->missed;
            *slot = (struct log_limit_slot){0};
            return key;
        }
    }
    return NULL;
}
