/* A core over the memory kv, for tests: operations as JSON, one entry each. */
#ifndef TESTS_UNIT_CORE_FIXTURE_H
#define TESTS_UNIT_CORE_FIXTURE_H

#include "base/buf.h"
#include "core/core.h"
#include "core/ops.h"
#include "store/kv_mem.h"

/* Fails the n-th call of any of a kv's functions; counts them all. */
struct fault_kv {
    struct kv kv;
    struct kv *below;
    uint64_t calls;
    uint64_t fail_at; /* 0 = never. */
    enum err_code code;
};

void fault_kv_init(struct fault_kv *fault, struct kv *below);

struct core_fixture {
    struct kv_mem *mem;
    struct fault_kv fault;
    struct core *core;
    struct core_options options;
    struct arena arena; /* Of the last entry. */
    struct arena requests;
    struct buf entry;
    struct core_applied applied;
    struct op_head head; /* Of what core_fixture_add adds. */
    uint32_t calls;      /* Keyed requests so far. */
    uint64_t now_ns;
    uint64_t index;
    struct err err;
};

void core_fixture_init(struct core_fixture *fixture);
void core_fixture_done(struct core_fixture *fixture);

/* Adds an operation, its request as JSON, to the entry that core_fixture_apply seals. */
void core_fixture_add(struct core_fixture *fixture, const char *op, uint32_t unit,
                      const char *json);

/* What is added from now on is one keyed request of that key and fingerprint; NULL: is not keyed.
 */
void core_fixture_key(struct core_fixture *fixture, const char *key, const char *fingerprint);

/* Applies the entry; its code. */
enum err_code core_fixture_apply(struct core_fixture *fixture);

/* One operation in an entry of its own, which must not stop the replica. */
const struct op_result *core_fixture_run(struct core_fixture *fixture, const char *op,
                                         const char *json);

/* Opens the core anew over the same rows. */
void core_fixture_reopen(struct core_fixture *fixture);

/* Asserts that indexes and state hash are the rows'. */
void core_fixture_check(struct core_fixture *fixture);

#endif
