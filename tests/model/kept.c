/* The plain list of kept outcomes: see kept.h. */
#include "tests/model/kept.h"

#include <stdlib.h>
#include <string.h>

static void take_out(struct model_kept *kept, uint32_t at)
{
    for (uint32_t i = 0; i < kept->requests[at].count; i++) {
        free(kept->requests[at].outcomes[i].owned_text);
    }
    kept->count--;
    memmove(&kept->requests[at], &kept->requests[at + 1],
            (kept->count - at) * sizeof(kept->requests[0]));
}

static bool is_old(const struct model_request *request, uint64_t now_ns, uint64_t age_ms)
{
    return request->at_ns + age_ms * NS_PER_MS <= now_ns;
}

enum model_fate model_kept_begin(struct model_kept *kept, uint64_t now_ns, const char *key,
                                 const char *fingerprint, struct model_request **ret_request)
{
    for (uint32_t i = 0; i < kept->count; i++) {
        struct model_request *request = &kept->requests[i];

        if (strcmp(request->key, key) != 0) {
            continue;
        }
        if (is_old(request, now_ns, MODEL_KEPT_TTL_MS)) {
            return MODEL_NEW; /* It makes room itself, if this one is kept. */
        }
        *ret_request = request;
        return strcmp(request->fingerprint, fingerprint) == 0 ? MODEL_AGAIN : MODEL_MISMATCH;
    }
    if (kept->count == MODEL_KEPT_MAX) {
        if (!is_old(&kept->requests[0], now_ns, MODEL_KEPT_MIN_TTL_MS)) {
            return MODEL_FULL;
        }
        take_out(kept, 0);
    }
    return MODEL_NEW;
}

void model_kept_add(struct model_kept *kept, const struct model_request *request)
{
    for (uint32_t i = 0; i < kept->count; i++) {
        if (strcmp(kept->requests[i].key, request->key) == 0) {
            take_out(kept, i);
            break;
        }
    }
    assert(kept->count < MODEL_KEPT_MAX);
    kept->requests[kept->count++] = *request;
}

bool model_kept_sweep(struct model_kept *kept, uint64_t now_ns, uint32_t count)
{
    for (; count > 0; count--) {
        if (kept->count == 0 || !is_old(&kept->requests[0], now_ns, MODEL_KEPT_TTL_MS)) {
            return false;
        }
        take_out(kept, 0);
    }
    return true;
}

void model_kept_done(struct model_kept *kept)
{
    while (kept->count > 0) {
        take_out(kept, kept->count - 1);
    }
}
