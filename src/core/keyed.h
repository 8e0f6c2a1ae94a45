/* Idempotency keys (A4): the first decided outcome of a keyed request is kept, in the same entry as
 * its effect, and a repetition is answered with it and changes nothing.
 *
 * A keyed request is the operations of an entry with the same non-zero head->call, one behind the
 * other. Its key and fingerprint are made outside; here they are bytes that are equal or not. */
#ifndef CORE_KEYED_H
#define CORE_KEYED_H

#include "core/kept.h"

enum keyed_fate {
    KEYED_NEW,     /* Its operations are applied. */
    KEYED_AGAIN,   /* They are answered from the record. */
    KEYED_REFUSED, /* They are answered with `err`. */
};

/* The keyed request that is being applied. */
struct keyed {
    uint32_t number; /* head->call; 0 = there is none. */
    uint32_t first;  /* Result of its first operation. */
    enum keyed_fate fate;
    bool differs; /* KEYED_AGAIN: the operations are not those of the record. */
    const struct op_head *head;
    struct savepoint savepoint;
    struct slice old; /* An expired record's bytes; data NULL = none. */
    struct kept_row row;
    struct err err;
};

/* Begins the request of `head` (none, when head->call is 0), whose first operation is `first`:
 * decides its fate and makes room for a new record. tx_failed may be true afterwards. */
void keyed_begin(struct tx *tx, const struct op_head *head, uint32_t first, struct keyed *keyed);

/* The result of an operation of a request that is not KEYED_NEW. */
void keyed_answer(struct tx *tx, struct keyed *keyed, const struct op_spec *spec, uint32_t at,
                  struct op_result *ret_result);

/* Ends the request before the operation `end`: keeps what was decided, or takes back what is too
 * large to keep. */
void keyed_end(struct tx *tx, struct keyed *keyed, struct op_result *results, uint32_t end);

#endif
