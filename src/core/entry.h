/* A log entry: what one turn of the loop submits, as bytes.
 *
 *   operation  code u32 | head size u32 | request size u32 | head | request     (as many as there
 * are) trailer    now_ns u64 | seed u64 | operations u32 | format u32              (24 bytes)
 *
 * All numbers big-endian; head and request in protobuf wire form. The trailer is last because the
 * time is known last. Empty bytes are a barrier: no operations, no time. */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "core/core.h"

#define ENTRY_FORMAT 1

struct entry {
    uint64_t now_ns;
    uint64_t seed;
    uint32_t count;
    struct slice rest; /* Operations not read yet. */
};

/* Reads the trailer. ERR_CORRUPT when it makes no sense. Any thread. */
enum err_code entry_open(struct slice bytes, struct entry *ret_entry, struct err *err) MUST_USE;

/* Reads the next operation; `*ret_request` is spec->request's struct in the arena. ERR_CORRUPT: the
 * bytes make no sense, or the operation is not known here. ERR_NOMEM. Any thread. */
enum err_code entry_next(struct entry *entry, struct arena *arena, const struct op_spec **ret_spec,
                         struct op_head *ret_head, void **ret_request, struct err *err) MUST_USE;

extern const struct message op_head_message;

#endif
