/* Keyed requests as plain as can be: a list of outcomes, oldest first, searched from end to end. */
#ifndef MODEL_KEPT_H
#define MODEL_KEPT_H

#include "core/core.h"

#define MODEL_KEPT_OPS 12
#define MODEL_KEPT_MAX 8
#define MODEL_KEPT_TTL_MS 40000
#define MODEL_KEPT_MIN_TTL_MS 10000

/* What was answered to one operation. */
struct model_outcome {
    uint32_t op; /* enum op_code. */
    uint16_t code;
    char *owned_text; /* As it was printed. */
};

struct model_request {
    const char *key; /* Static, as is the fingerprint. */
    const char *fingerprint;
    uint64_t at_ns;
    uint32_t count;
    uint32_t failed; /* 1 + the operation of a unit that failed; 0 = none. */
    struct model_outcome outcomes[MODEL_KEPT_OPS];
};

struct model_kept {
    struct model_request requests[MODEL_KEPT_MAX]; /* Oldest first. */
    uint32_t count;
    uint64_t again, mismatches, full; /* How often. */
};

enum model_fate { MODEL_NEW, MODEL_AGAIN, MODEL_MISMATCH, MODEL_FULL };

/* What becomes of a request; *ret_request is what is answered again. */
enum model_fate model_kept_begin(struct model_kept *kept, uint64_t now_ns, const char *key,
                                 const char *fingerprint, struct model_request **ret_request);

/* Keeps a request; its texts are taken over. */
void model_kept_add(struct model_kept *kept, const struct model_request *request);

/* Lets the `count` oldest go; false when one of them may not go yet. */
bool model_kept_sweep(struct model_kept *kept, uint64_t now_ns, uint32_t count);

/* Frees everything. */
void model_kept_done(struct model_kept *kept);

#endif
