/* Kept outcomes of keyed requests (core/keyed.h): their rows, and letting go of the oldest.
 *
 * A record is a row of TABLE_KEPT under 0x00 and the key. Beside it lies a small row under 0x01 and
 * a number that only grows, which names the record and its time: from the oldest of these on,
 * records are let go, so that neither an index in memory nor a walk over all of them is needed. */
#ifndef CORE_KEPT_H
#define CORE_KEPT_H

#include "core/tx.h"

/* What a record keeps of one operation's result. */
struct kept_result {
    uint32_t op;        /* enum op_code. */
    struct slice reply; /* In protobuf form, by op_spec_kept; of no use when `code` is set. */
    struct slice code;  /* The contract's word of the refusal; empty = the operation was done. */
    struct slice error; /* Its text. */
};

struct kept_row {
    struct slice fingerprint;
    uint64_t at_ns;
    uint64_t seq;    /* Of its age row. */
    uint32_t count;  /* Operations of the request. */
    uint32_t failed; /* 1 + the operation of a unit that failed: `results` is its one; else 0. */
    struct list results; /* struct kept_result, in order. */
};

/* The value of an age row. */
struct kept_age {
    struct slice key; /* Of the record, without 0x00. */
    uint64_t hash;    /* row_hash of the record. */
    uint64_t at_ns;
};

extern const struct message kept_row_message;
extern const struct message kept_result_message;
extern const struct message kept_age_message;

/* The key of a record and of an age row. Any thread. */
struct row_key kept_row_key(struct slice key);
struct row_key kept_age_key(uint64_t seq);

/* True if the meta row's limits are not these; 0 is the default in both. */
bool kept_limits_differ(const struct meta_row *meta, const struct kept_limits *limits);

/* True if a record made then counts as none any more, whether or not the sweep has come to it. */
bool kept_is_over(const struct tx *tx, uint64_t at_ns);

/* True if there is room for one more record; the oldest go for it, but none that is too young. */
bool kept_make_room(struct tx *tx);

/* Writes a record, whose bytes are `value`, and the row of its age. `old` is the expired record in
 * its place, of the age row old_seq; data NULL = none. */
void kept_store(struct tx *tx, struct slice key, const struct kept_row *row, struct slice value,
                struct slice old, uint64_t old_seq);

/* When the oldest records are to be let go; UINT64_MAX = never. */
uint64_t kept_due_ns(const struct meta_row *meta);

/* Lets go of up to `count_max` records that have been kept long enough or are over the bound, the
 * oldest first. Returns how many. */
uint32_t kept_sweep(struct tx *tx, uint32_t count_max);

#endif
