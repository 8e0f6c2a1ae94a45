/* The whole core: planted failures of store and memory, planted wrong rows, determinism, restarts,
 * bounds. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/job.h"
#include "core/rows.h"
#include "core/tables.h"
#include "tests/unit/core_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define WEEK_NS (UINT64_C(604800) * NS_PER_SECOND)

/* One entry of the scenario: `$` is the first job's id; a unit's operations follow each other with
 * the same number. */
struct line {
    const char *op;
    const char *json;
    uint32_t unit;
    const char *key;     /* Of a keyed request, and its fingerprint. */
    bool joins;          /* The entry of the line before. */
    uint64_t advance_ns; /* Before it. */
};

/* Every operation, roll-backs, both ends of a job, retention. */
static const struct line scenario[] = {
    {.op = "enqueue",
     .json = "{\"queue\":\"q\",\"payload\":{\"a\":1},\"tags\":{\"t\":\"x\"},\"checkpoint\":[1],"
             "\"retry_backoff\":\"none\",\"expire_after\":\"900h\"}"},
    {.op = "enqueue", .json = "{\"queue\":\"r\",\"payload\":2,\"max_retries\":1}", .unit = 1},
    {.op = "pause", .json = "{\"queue\":\"s\"}", .unit = 1, .joins = true},
    {.op = "fetch", .json = "{\"queues\":[\"q\",\"r\"],\"count\":9,\"worker_id\":\"w\"}"},
    {.op = "heartbeat", .json = "{\"jobs\":{\"$\":{\"progress\":1,\"checkpoint\":{\"p\":2}}}}"},
    {.op = "enqueue", .json = "{\"queue\":\"new\",\"payload\":3}", .unit = 2},
    {.op = "fail", .json = "{\"job_id\":\"$\",\"error\":\"e\"}", .unit = 2, .joins = true},
    {.op = "ack", .json = "{\"job_id\":\"$\"}", .unit = 2, .joins = true},
    {.op = "fail", .json = "{\"job_id\":\"$\",\"error\":\"e\",\"backtrace\":\"b\"}"},
    {.op = "tick", .json = "{}", .advance_ns = 61 * NS_PER_SECOND},
    {.op = "fetch", .json = "{\"queues\":[\"q\"]}"},
    {.op = "ack", .json = "{\"job_id\":\"$\",\"result\":7,\"checkpoint\":8}"},
    {.op = "retry", .json = "{\"job_id\":\"$\"}"},
    {.op = "priority", .json = "{\"job_id\":\"$\",\"priority\":0}"},
    {.op = "hold", .json = "{\"job_id\":\"$\",\"reason\":\"r\"}"},
    {.op = "approve", .json = "{\"job_id\":\"$\"}"},
    {.op = "fetch", .json = "{\"queues\":[\"q\"]}"},
    {.op = "hold", .json = "{\"job_id\":\"$\"}"},
    {.op = "reject",
     .json = "{\"job_id\":\"$\",\"revise\":true,\"feedback\":\"f\","
             "\"payload_patch\":{\"b\":{}}}"},
    {.op = "delete", .json = "{\"job_id\":\"$\"}", .unit = 3},
    {.op = "move", .json = "{\"job_id\":\"$\",\"queue\":\"t\"}", .unit = 3, .joins = true},
    {.op = "move", .json = "{\"job_id\":\"$\",\"queue\":\"t\"}"},
    {.op = "fetch", .json = "{\"queues\":[\"t\"]}"},
    {.op = "ack", .json = "{\"job_id\":\"$\"}"},
    {.op = "move", .json = "{\"job_id\":\"$\",\"queue\":\"q\"}"},
    {.op = "resume", .json = "{\"queue\":\"s\"}"},
    {.op = "enqueue", .json = "{\"queue\":\"s\",\"delay\":\"1h\"}"},
    {.op = "pause", .json = "{\"queue\":\"t\"}", .key = "k", .unit = 3},
    {.op = "pause", .json = "{\"queue\":\"u\"}", .unit = 3, .joins = true},
    {.op = "pause", .json = "{\"queue\":\"t\"}", .key = "k"},
    {.op = "ack", .json = "{\"job_id\":\"$\"}", .key = "l", .joins = true},
    {.op = "ack", .json = "{\"job_id\":\"$\"}", .key = "l"},
    {.op = "enqueue", .json = "{\"queue\":\"s\",\"expire_after\":\"1s\"}"},
    {.op = "fetch", .json = "{\"queues\":[\"s\"]}", .advance_ns = NS_PER_SECOND},
    {.op = "tick", .json = "{}", .advance_ns = WEEK_NS},
    {.op = "cancel", .json = "{\"job_id\":\"$\"}"},
};

/* The JSON with `$` replaced by the first job's id. */
static const char *expand(const char *json, const char *id)
{
    static char text[512];
    size_t size = 0;

    for (; *json; json++) {
        if (*json == '$') {
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", id);
        } else {
            text[size++] = *json;
        }
        assert_true(size + 40 < sizeof(text));
    }
    text[size] = '\0';
    return text;
}

static void learn(const struct core_fixture *fixture, char id[40])
{
    const struct op_result *first = &fixture->applied.results[0];

    if (!id[0] && first->spec == &op_enqueue_spec) {
        const struct op_enqueue_reply *reply = first->reply;

        (void)snprintf(id, 40, "%.*s", (int)reply->job_id.size, (const char *)reply->job_id.data);
    }
}

/* Applies the scenario entry by entry, `between` after each; stops at the first failure and returns
 * its code. */
static enum err_code play(struct core_fixture *fixture, void (*between)(struct core_fixture *))
{
    char id[40] = "";
    uint32_t i = 0;

    while (i < ARRAY_COUNT(scenario)) {
        enum err_code code;

        fixture->now_ns += scenario[i].advance_ns;
        do {
            if (scenario[i].key || !scenario[i].joins) {
                core_fixture_key(fixture, scenario[i].key, scenario[i].key);
            }
            core_fixture_add(fixture, scenario[i].op, scenario[i].unit,
                             expand(scenario[i].json, id));
            i++;
        } while (i < ARRAY_COUNT(scenario) && scenario[i].joins);
        code = core_fixture_apply(fixture);
        if (code != ERR_NONE) {
            return code;
        }
        learn(fixture, id);
        if (between) {
            between(fixture);
        }
    }
    return ERR_NONE;
}

static void flush(struct core_fixture *fixture)
{
    kv_mem_flush(fixture->mem);
}

/* The n-th call of the store fails, for every n: the replica stops with that error, and what was
 * committed before opens again with true indexes. */
static void test_store_failures_stop_the_replica(void **state)
{
    uint64_t n = 1;
    enum err_code code;

    (void)state;
    do {
        struct core_fixture fixture;
        struct kv_mark mark;

        core_fixture_init(&fixture);
        fixture.fault.calls = 0;
        fixture.fault.fail_at = n++;
        code = play(&fixture, flush);
        assert_true(code == ERR_NONE || code == ERR_IO);
        assert_true(code == ERR_NONE || strstr(fixture.err.text, "planted"));
        kv_mem_crash(fixture.mem);
        fixture.fault.fail_at = 0;
        core_close(fixture.core);
        mark = kv_mem_flushed(fixture.mem);
        assert_int_equal(
            core_open(&fixture.fault.kv, &mark, &fixture.options, &fixture.core, &fixture.err),
            ERR_NONE);
        core_fixture_check(&fixture);
        core_fixture_done(&fixture);
    } while (code != ERR_NONE);
    assert_true(n > 60);
}

/* The arena of an entry ends at every size: either the entry works or the replica stops, out of
 * memory. */
static void test_full_arenas_stop_the_replica(void **state)
{
    uint32_t failures = 0;
    enum err_code code;
    size_t size = 0;

    (void)state;
    do {
        struct core_fixture fixture;

        core_fixture_init(&fixture);
        arena_done(&fixture.arena);
        arena_init(&fixture.arena, size);
        size += 40;
        code = play(&fixture, NULL);
        assert_true(code == ERR_NONE || code == ERR_NOMEM);
        failures += code != ERR_NONE ? 1 : 0;
        core_fixture_done(&fixture);
    } while (code != ERR_NONE);
    assert_true(failures > 50);
}

static void no_replies(struct core_fixture *fixture)
{
    core_want_replies(fixture->core, false);
}

/* Two runs, a run with a restart after each entry, and a run that wants no replies give the same
 * state. */
static void test_determinism(void **state)
{
    void (*const between[])(struct core_fixture *) = {NULL, core_fixture_reopen, core_fixture_check,
                                                      no_replies};
    uint64_t hash = 0;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(between); i++) {
        struct core_fixture fixture;

        core_fixture_init(&fixture);
        assert_int_equal(play(&fixture, between[i]), ERR_NONE);
        core_fixture_check(&fixture);
        if (i == 0) {
            hash = core_mark(fixture.core).state_hash;
        }
        assert_true(core_mark(fixture.core).state_hash == hash);
        core_fixture_done(&fixture);
    }
    assert_true(hash != 0);
}

/* A unit that fails at its end leaves every row as it was, and the numbers it took are given again.
 */
static void test_unit_rolls_back(void **state)
{
    struct core_fixture fixture;
    uint64_t hash;
    const struct op_enqueue_reply *reply;

    (void)state;
    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\"}");
    core_fixture_add(&fixture, "tick", 0, "{}");
    assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
    hash = core_mark(fixture.core).state_hash;
    core_fixture_add(&fixture, "enqueue", 4, "{\"queue\":\"q\",\"payload\":1,\"tags\":[1]}");
    core_fixture_add(&fixture, "enqueue", 4, "{\"queue\":\"x\"}");
    core_fixture_add(&fixture, "fetch", 4, "{\"queues\":[\"q\"],\"count\":2}");
    core_fixture_add(&fixture, "pause", 4, "{\"queue\":\"q\"}");
    core_fixture_add(&fixture, "cancel", 4, "{\"job_id\":\"nope\"}");
    assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(fixture.applied.results[i].err.reply, REPLY_CANCEL_ERROR);
        assert_null(fixture.applied.results[i].reply);
    }
    assert_true(core_mark(fixture.core).state_hash == hash);
    assert_int_equal(fixture.applied.woken_count, 0);
    core_fixture_check(&fixture);
    reply = core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\"}")->reply;
    assert_memory_equal(reply->job_id.data + 20, "0000000002", 10);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* Finds the only row of a table. */
static enum err_code keep_row(void *context, struct slice key, struct slice value, struct err *err)
{
    struct slice *row = context;

    (void)err;
    row[0] = slice_of(memcpy(malloc(key.size), key.data, key.size), key.size);
    row[1] = slice_of(memcpy(malloc(value.size), value.data, value.size), value.size);
    return ERR_NONE;
}

/* Rows changed behind core's back are found by the check, the hash, or the next use. */
static void test_wrong_rows_are_found(void **state)
{
    struct core_fixture fixture;
    struct slice row[2];
    struct kv *kv;
    uint64_t hash;
    struct err err;

    (void)state;
    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\",\"payload\":1}");
    kv = kv_mem_kv(fixture.mem);
    assert_int_equal(kv->scan(kv->self, TABLE_JOB, slice_of(NULL, 0), keep_row, row, &err),
                     ERR_NONE);
    assert_int_equal(kv->remove(kv->self, TABLE_JOB, row[0], &err), ERR_NONE);
    assert_int_equal(core_check(fixture.core, &err), ERR_CORRUPT);
    assert_int_equal(core_hash_scan(fixture.core, &hash, &err), ERR_NONE);
    assert_true(hash != core_mark(fixture.core).state_hash);
    assert_int_equal(kv->put(kv->self, TABLE_DONE, row[0], row[1], 0, &err), ERR_NONE);
    assert_int_equal(kv->put(kv->self, TABLE_JOB, row[0], row[1], 0, &err), ERR_NONE);
    assert_int_equal(core_check(fixture.core, &err), ERR_CORRUPT);
    assert_int_equal(kv->remove(kv->self, TABLE_DONE, row[0], &err), ERR_NONE);
    assert_int_equal(core_check(fixture.core, &err), ERR_NONE);
    assert_int_equal(kv->remove(kv->self, TABLE_PAYLOAD, row[0], &err), ERR_NONE);
    core_fixture_add(&fixture, "fetch", 0, "{\"queues\":[\"q\"]}");
    assert_int_equal(core_fixture_apply(&fixture), ERR_CORRUPT);
    free((void *)(uintptr_t)row[0].data);
    free((void *)(uintptr_t)row[1].data);
    core_fixture_done(&fixture);
}

/* Rows that do not decode, or lie in the wrong table, keep a core from opening. */
static void test_bad_rows_do_not_open(void **state)
{
    const struct {
        uint8_t table;
        const char *key;
        const char *value;
    } rows[] = {
        {TABLE_JOB, "0123456789abc", "\xff\xff"},
        {TABLE_JOB, "0123456789abc", "\x08\x01\x18\x09"},
        {TABLE_JOB, "0123456789abc", "\x08\x06\x18\x01"},
        {TABLE_JOB, "short", "\x08\x01\x18\x01"},
        {TABLE_QUEUE, "12345678", "\x0a\x01q"},
        {TABLE_META, "meta", "\xff"},
        {TABLE_META, "meta", "\x08\x63"},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct core_fixture fixture;
        struct kv_mark mark = {0};
        struct core *core = NULL;
        struct kv *kv;

        core_fixture_init(&fixture);
        kv = kv_mem_kv(fixture.mem);
        assert_int_equal(kv->put(kv->self, rows[i].table, slice_text(rows[i].key),
                                 slice_text(rows[i].value), 0, &fixture.err),
                         ERR_NONE);
        assert_int_equal(core_open(kv, &mark, &fixture.options, &core, &fixture.err), ERR_CORRUPT);
        assert_null(core);
        core_fixture_done(&fixture);
    }
}

/* A queue without a name, and a finished job of a queue that is not there: the first is noticed
 * when the rows are loaded, the second, which no start reads, when it is asked for. */
static void test_rows_without_queue(void **state)
{
    static const char *const done[] = {"\x08\x06\x18\x02", "\x08\x06"};
    struct row_key number = number_row_key(1);
    struct row_key key = job_row_key((struct job_key){.time_ns = 5, .seq = 1});
    struct kv_mark mark = {0};
    struct core_fixture fixture;
    struct job_object *object;
    struct core *core = NULL;
    struct kv *kv;

    (void)state;
    core_fixture_init(&fixture);
    kv = kv_mem_kv(fixture.mem);
    assert_int_equal(kv->put(kv->self, TABLE_QUEUE, row_key_slice(&number), slice_text("\x18\x01"),
                             0, &fixture.err),
                     ERR_NONE);
    assert_int_equal(core_open(kv, &mark, &fixture.options, &core, &fixture.err), ERR_CORRUPT);
    core_fixture_done(&fixture);

    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "pause", "{\"queue\":\"q\"}");
    kv = kv_mem_kv(fixture.mem);
    for (uint32_t i = 0; i < ARRAY_COUNT(done); i++) {
        assert_int_equal(kv->put(kv->self, TABLE_DONE, row_key_slice(&key), slice_text(done[i]), 0,
                                 &fixture.err),
                         ERR_NONE);
        assert_int_equal(
            core_job_get(fixture.core,
                         job_id_text((struct job_key){.time_ns = 5, .seq = 1}, &fixture.arena),
                         &fixture.arena, &object, &fixture.err),
            ERR_CORRUPT);
    }
    core_fixture_done(&fixture);
}

/* Bytes that are no entry stop the replica; an entry must not come twice. A barrier changes
 * nothing. */
static void test_bad_entries(void **state)
{
    struct core_fixture fixture;
    struct core_applied applied;
    uint64_t hash;

    (void)state;
    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "pause", "{\"queue\":\"q\"}");
    hash = core_mark(fixture.core).state_hash;
    assert_int_equal(
        core_apply(fixture.core, 1, 1, slice_of(NULL, 0), &fixture.arena, &applied, &fixture.err),
        ERR_CORRUPT);
    assert_int_equal(
        core_apply(fixture.core, 2, 4, slice_of(NULL, 0), &fixture.arena, &applied, &fixture.err),
        ERR_NONE);
    assert_int_equal(applied.count, 0);
    assert_true(core_mark(fixture.core).index == 2 && core_mark(fixture.core).term == 4);
    assert_true(core_mark(fixture.core).state_hash == hash);
    core_fixture_check(&fixture);
    assert_int_equal(core_apply(fixture.core, 3, 4, slice_text("no entry"), &fixture.arena,
                                &applied, &fixture.err),
                     ERR_CORRUPT);
    core_fixture_done(&fixture);
}

/* An enqueue whose checkpoint has `size` bytes. */
static void enqueue_large(struct core_fixture *fixture, size_t size, const char *queue)
{
    char *json = malloc(size + 128);
    int start = snprintf(json, 128, "{\"queue\":\"%s\",\"checkpoint\":\"", queue);

    memset(json + start, 'c', size - 2);
    (void)snprintf(json + start + size - 2, 8, "\"}");
    (void)core_fixture_run(fixture, "enqueue", json);
    free(json);
}

/* A claim stops before it reads more than an entry may hold, says so by waking the queue, and the
 * next goes on. */
static void test_claims_are_bounded_in_bytes(void **state)
{
    struct core_fixture fixture;
    const struct op_fetch_reply *reply;
    uint32_t first;

    (void)state;
    core_fixture_init(&fixture);
    for (uint32_t i = 0; i < 60; i++) {
        enqueue_large(&fixture, 1 * MIB, "q");
    }
    reply = core_fixture_run(&fixture, "fetch", "{\"queues\":[\"q\"],\"count\":100}")->reply;
    first = reply->jobs.count;
    assert_true(first >= 40 && first < 48);
    assert_int_equal(fixture.applied.woken_count, 1);
    assert_true(slice_is(fixture.applied.woken[0].queue, "q"));
    assert_int_equal(core_ready_count(fixture.core, slice_text("q")), 60 - first);
    reply = core_fixture_run(&fixture, "fetch", "{\"queues\":[\"q\"],\"count\":100}")->reply;
    assert_int_equal(reply->jobs.count, 60 - first);
    assert_int_equal(fixture.applied.woken_count, 0);
    assert_int_equal(core_live_count(fixture.core), 60);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* A heartbeat that would rewrite more old checkpoints than an entry may read is refused whole. */
static void test_heartbeats_are_bounded_in_bytes(void **state)
{
    struct core_fixture fixture;
    const struct op_fetch_reply *reply;
    const struct op_result *result;
    char json[8192];
    size_t size;
    uint64_t hash;

    (void)state;
    core_fixture_init(&fixture);
    size = (size_t)snprintf(json, sizeof(json), "{\"jobs\":{");
    for (uint32_t i = 0; i < 60; i++) {
        enqueue_large(&fixture, 1 * MIB, "q");
        reply = core_fixture_run(&fixture, "fetch", "{\"queues\":[\"q\"],\"timeout\":600}")->reply;
        size += (size_t)snprintf(
            json + size, sizeof(json) - size, "%s\"%.*s\":{\"progress\":1}", i ? "," : "",
            (int)((const struct op_fetch_job *)reply->jobs.items)[0].job_id.size,
            (const char *)((const struct op_fetch_job *)reply->jobs.items)[0].job_id.data);
    }
    (void)snprintf(json + size, sizeof(json) - size, "}}");
    core_fixture_add(&fixture, "tick", 0, "{}");
    assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
    hash = core_mark(fixture.core).state_hash;
    result = core_fixture_run(&fixture, "heartbeat", json);
    assert_int_equal(result->err.reply, REPLY_OVERLOADED);
    assert_true(core_mark(fixture.core).state_hash == hash);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* What core tells of what is due and ready. */
static void test_counts_and_due(void **state)
{
    struct core_fixture fixture;
    struct op_tick tick;

    (void)state;
    core_fixture_init(&fixture);
    assert_true(core_next_due_ns(fixture.core) == UINT64_MAX);
    assert_int_equal(core_ready_count(fixture.core, slice_text("q")), 0);
    (void)core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\",\"delay\":\"5s\"}");
    assert_true(core_next_due_ns(fixture.core) == fixture.now_ns + 5 * NS_PER_SECOND);
    (void)core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\"}");
    assert_int_equal(core_ready_count(fixture.core, slice_text("q")), 1);
    assert_int_equal(fixture.applied.woken_count, 1);
    (void)core_fixture_run(&fixture, "pause", "{\"queue\":\"q\"}");
    assert_int_equal(core_ready_count(fixture.core, slice_text("q")), 0);
    assert_int_equal(core_live_count(fixture.core), 2);
    core_tick(fixture.core, &tick);
    assert_int_equal(tick.has, 0);
    fixture.options.retention_ms = 5;
    core_fixture_reopen(&fixture);
    core_tick(fixture.core, &tick);
    assert_true(tick.has == 7 && tick.retention_ms == 5);
    assert_true(core_next_due_ns(fixture.core) <= fixture.now_ns);
    core_fixture_done(&fixture);
}

/* Opening fails at each call of the store, leaves nothing behind, and works once the store does. */
static void test_open_failures(void **state)
{
    struct core_fixture fixture;
    enum err_code code = ERR_IO;

    (void)state;
    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\"}");
    for (uint64_t n = 1; code != ERR_NONE; n++) {
        struct kv_mark mark = core_mark(fixture.core);
        struct core *core = NULL;

        assert_true(n < 10);
        fixture.fault.calls = 0;
        fixture.fault.fail_at = n;
        code = core_open(&fixture.fault.kv, &mark, &fixture.options, &core, &fixture.err);
        assert_true(code == ERR_IO || (code == ERR_NONE && n > 3));
        assert_true((core != NULL) == (code == ERR_NONE));
        core_close(core);
    }
    core_fixture_done(&fixture);
}

static uint64_t writes_of(struct core_fixture *fixture, const char *op, const char *json)
{
    uint64_t before = kv_mem_writes(fixture->mem);

    (void)core_fixture_run(fixture, op, json);
    return kv_mem_writes(fixture->mem) - before;
}

/* Puts and removes of each step; every entry also writes its event row, the meta row and a changed
 * queue's row. What a store that writes back has left of a life is in tests/golden/writes.txt. */
static void test_writes_of_each_step(void **state)
{
    struct core_fixture fixture;
    const struct op_enqueue_reply *reply;
    char json[64];

    (void)state;
    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "pause", "{\"queue\":\"p\"}");
    assert_int_equal(writes_of(&fixture, "enqueue", "{\"queue\":\"q\",\"payload\":1}"), 2 + 3);
    reply = fixture.applied.results[0].reply;
    (void)snprintf(json, sizeof(json), "{\"job_id\":\"%.*s\"}", (int)reply->job_id.size,
                   (const char *)reply->job_id.data);
    assert_int_equal(writes_of(&fixture, "fetch", "{\"queues\":[\"q\"]}"), 1 + 2);
    assert_int_equal(writes_of(&fixture, "fetch", "{\"queues\":[\"q\"]}"), 1);
    assert_int_equal(writes_of(&fixture, "ack", json), 2 + 3);
    core_fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_failures_stop_the_replica),
        cmocka_unit_test(test_full_arenas_stop_the_replica),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_unit_rolls_back),
        cmocka_unit_test(test_wrong_rows_are_found),
        cmocka_unit_test(test_bad_rows_do_not_open),
        cmocka_unit_test(test_rows_without_queue),
        cmocka_unit_test(test_bad_entries),
        cmocka_unit_test(test_claims_are_bounded_in_bytes),
        cmocka_unit_test(test_heartbeats_are_bounded_in_bytes),
        cmocka_unit_test(test_counts_and_due),
        cmocka_unit_test(test_open_failures),
        cmocka_unit_test(test_writes_of_each_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
