/* A core for tests: see core_fixture.h. */
#include "tests/unit/core_fixture.h"

#include "base/limits.h"
#include "core/tables.h"
#include "wire/json.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static bool fails(struct fault_kv *fault, struct err *err)
{
    if (++fault->calls != fault->fail_at) {
        return false;
    }
    (void)err_set(err, fault->code, "planted failure of call %llu",
                  (unsigned long long)fault->calls);
    return true;
}

static enum err_code fault_get(void *self, uint8_t table, struct slice key, struct arena *arena,
                               struct slice *ret_value, struct err *err)
{
    struct fault_kv *fault = self;

    return fails(fault, err)
               ? err->code
               : fault->below->get(fault->below->self, table, key, arena, ret_value, err);
}

static enum err_code fault_put(void *self, uint8_t table, struct slice key, struct slice value,
                               uint32_t flags, struct err *err)
{
    struct fault_kv *fault = self;

    return fails(fault, err) ? err->code
                             : fault->below->put(fault->below->self, table, key, value, flags, err);
}

static enum err_code fault_remove(void *self, uint8_t table, struct slice key, struct err *err)
{
    struct fault_kv *fault = self;

    return fails(fault, err) ? err->code
                             : fault->below->remove(fault->below->self, table, key, err);
}

static enum err_code fault_scan(void *self, uint8_t table, struct slice from, kv_row_fn row,
                                void *context, struct err *err)
{
    struct fault_kv *fault = self;

    return fails(fault, err)
               ? err->code
               : fault->below->scan(fault->below->self, table, from, row, context, err);
}

static enum err_code fault_commit(void *self, const struct kv_mark *mark, struct err *err)
{
    struct fault_kv *fault = self;

    return fails(fault, err) ? err->code : fault->below->commit(fault->below->self, mark, err);
}

void fault_kv_init(struct fault_kv *fault, struct kv *below)
{
    *fault = (struct fault_kv){.below = below, .code = ERR_IO};
    fault->kv = (struct kv){fault, fault_get, fault_put, fault_remove, fault_scan, fault_commit};
}

void core_fixture_init(struct core_fixture *fixture)
{
    *fixture = (struct core_fixture){.now_ns = UINT64_C(1767225600) * NS_PER_SECOND};
    fixture->options =
        (struct core_options){.retention_ms = UINT64_C(604800000), .events_max = 10000000};
    assert_int_equal(kv_mem_create(TABLE_COUNT, &fixture->mem, &fixture->err), ERR_NONE);
    fault_kv_init(&fixture->fault, kv_mem_kv(fixture->mem));
    arena_init(&fixture->arena, ENTRY_ARENA_MAX);
    arena_init(&fixture->requests, ENTRY_ARENA_MAX);
    buf_init(&fixture->entry, ENTRY_SIZE_MAX);
    core_fixture_reopen(fixture);
}

void core_fixture_done(struct core_fixture *fixture)
{
    core_close(fixture->core);
    kv_mem_destroy(fixture->mem);
    arena_done(&fixture->arena);
    arena_done(&fixture->requests);
    buf_done(&fixture->entry);
}

void core_fixture_reopen(struct core_fixture *fixture)
{
    struct kv_mark mark = fixture->core ? core_mark(fixture->core) : (struct kv_mark){0};

    core_close(fixture->core);
    fixture->core = NULL;
    assert_int_equal(
        core_open(&fixture->fault.kv, &mark, &fixture->options, &fixture->core, &fixture->err),
        ERR_NONE);
}

void core_fixture_add(struct core_fixture *fixture, const char *op, uint32_t unit, const char *json)
{
    const struct op_spec *spec = op_find_name(op);
    struct op_head head = fixture->head;
    void *request;

    head.unit = unit;
    assert_non_null(spec);
    request = arena_alloc(&fixture->requests, spec->request->size);
    assert_non_null(request);
    assert_int_equal(json_read(spec->request, JSON_REST, slice_text(json), &fixture->requests,
                               request, &fixture->err),
                     ERR_NONE);
    assert_true(entry_add(&fixture->entry, spec, &head, request));
}

void core_fixture_key(struct core_fixture *fixture, const char *key, const char *fingerprint)
{
    fixture->head.idempotency = slice_text(key);
    fixture->head.fingerprint = slice_text(fingerprint);
    fixture->head.call = key ? fixture->calls++ + 1 : 0;
}

enum err_code core_fixture_apply(struct core_fixture *fixture)
{
    enum err_code code;

    assert_true(entry_seal(&fixture->entry, fixture->now_ns, 1));
    arena_clear(&fixture->arena);
    code = core_apply(fixture->core, ++fixture->index, 1, buf_slice(&fixture->entry),
                      &fixture->arena, &fixture->applied, &fixture->err);
    buf_clear(&fixture->entry);
    arena_clear(&fixture->requests);
    return code;
}

const struct op_result *core_fixture_run(struct core_fixture *fixture, const char *op,
                                         const char *json)
{
    core_fixture_add(fixture, op, 0, json);
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    assert_int_equal(fixture->applied.count, 1);
    return &fixture->applied.results[0];
}

void core_fixture_check(struct core_fixture *fixture)
{
    struct err err = {0};
    uint64_t hash = 0;

    if (core_check(fixture->core, &err) != ERR_NONE) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(core_hash_scan(fixture->core, &hash, &err), ERR_NONE);
    assert_true(hash == core_mark(fixture->core).state_hash);
}
