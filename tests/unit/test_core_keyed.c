/* Keyed requests: bounds, replays that change nothing, what each operation keeps. Their rules one
 * by one are golden transcripts (keyed*.txt). */
#include "base/limits.h"
#include "base/reply.h"
#include "core/kept.h"
#include "core/rows.h"
#include "tests/unit/core_fixture.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* After the headers it needs. */
#include <cmocka.h>

#define MINUTE_NS (60 * NS_PER_SECOND)

static int setup(void **state)
{
    struct core_fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    core_fixture_init(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    core_fixture_done(*state);
    free(*state);
    return 0;
}

/* One keyed operation in an entry of its own; the fingerprint is the request. */
static const struct op_result *run_keyed(struct core_fixture *fixture, const char *key,
                                         const char *op, const char *json)
{
    core_fixture_key(fixture, key, json);
    return core_fixture_run(fixture, op, json);
}

static uint64_t records(const struct core_fixture *fixture)
{
    return core_kept_stats(fixture->core).records;
}

/* Sets the limits, as the leader's options do by a tick. */
static void set_limits(struct core_fixture *fixture, struct kept_limits limits)
{
    struct op_tick tick;

    fixture->options.kept = limits;
    core_fixture_reopen(fixture);
    core_tick(fixture->core, &tick);
    assert_true(entry_add(&fixture->entry, &op_tick_spec, NULL, &tick));
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
}

/* Method: all operations but those whose routes take no key; what is kept of a reply must be able
 * to carry each member, which one without a tag can not, in the reply's own struct. */
static void test_each_reply_can_be_kept(void **state)
{
    uint32_t count;
    const struct op_spec *const *specs = op_all(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        const struct message *kept = op_spec_kept(specs[i]);

        assert_int_equal(kept->size, specs[i]->reply->size);
        for (uint32_t j = 0; j < kept->field_count; j++) {
            if (kept->fields[j].tag == 0) {
                fail_msg("%s: %s has no tag", specs[i]->name, kept->fields[j].name);
            }
        }
    }
}

/* Method: a unit of enqueues that grows until it is refused; up to there it is kept and answered
 * again with the same ids, from there on nothing is done at all. */
static void test_an_outcome_has_a_bound(void **state)
{
    struct core_fixture *fixture = *state;
    uint32_t counts[] = {1, 1000, 1700, 1900, ENQUEUE_BATCH_MAX};
    uint32_t refused = 0;

    for (uint32_t i = 0; i < ARRAY_COUNT(counts); i++) {
        uint64_t hash = core_mark(fixture->core).state_hash;
        uint64_t live = core_live_count(fixture->core);
        const struct op_result *result;
        char key[20];

        (void)snprintf(key, sizeof(key), "k%u", i);
        core_fixture_key(fixture, key, "f");
        for (uint32_t j = 0; j < counts[i]; j++) {
            core_fixture_add(fixture, "enqueue", 1, "{\"queue\":\"q\"}");
        }
        assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
        result = fixture->applied.results;
        assert_int_equal(result->err.code != ERR_NONE, result->of_call);
        if (result->of_call) {
            assert_int_equal(result->err.reply, REPLY_VALIDATION_ERROR);
            assert_true(core_live_count(fixture->core) == live);
            assert_true(core_mark(fixture->core).state_hash == hash);
            refused++;
        } else {
            assert_int_equal(refused, 0);
            assert_true(core_live_count(fixture->core) == live + counts[i]);
        }
    }
    assert_true(refused > 0 && refused < ARRAY_COUNT(counts));
    core_fixture_check(fixture);
}

static void remember_bytes(struct core_fixture *fixture, struct buf *buf)
{
    buf_clear(buf);
    for (uint32_t i = 0; i < fixture->applied.count; i++) {
        const struct op_result *result = &fixture->applied.results[i];

        protobuf_write(op_spec_kept(result->spec), result->reply, buf);
    }
}

/* Method: a unit of 100 after a restart, three times at the same instant (the meta row has the
 * time); the hash over all rows is what it was, and the replies have the same bytes. */
static void test_a_repetition_changes_no_row(void **state)
{
    struct core_fixture *fixture = *state;
    struct buf first, again;
    uint64_t hash;

    buf_init(&first, MIB);
    buf_init(&again, MIB);
    core_fixture_key(fixture, "unit", "f");
    for (uint32_t i = 0; i < 100; i++) {
        core_fixture_add(fixture, "enqueue", 1, "{\"queue\":\"q\",\"payload\":[1,2]}");
    }
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    remember_bytes(fixture, &first);
    core_fixture_reopen(fixture);
    hash = core_mark(fixture->core).state_hash;
    for (uint32_t i = 0; i < 3; i++) {
        core_fixture_key(fixture, "unit", "f");
        for (uint32_t j = 0; j < 100; j++) {
            core_fixture_add(fixture, "enqueue", 1, "{\"queue\":\"q\",\"payload\":[1,2]}");
        }
        assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
        assert_true(fixture->applied.results[99].again);
        assert_true(core_mark(fixture->core).state_hash == hash);
        remember_bytes(fixture, &again);
        assert_true(slice_equal(buf_slice(&first), buf_slice(&again)));
        assert_int_equal(fixture->applied.woken_count, 0);
    }
    buf_done(&first);
    buf_done(&again);
}

/* Method: the same key with more, fewer and other operations than the record has. */
static void test_other_operations_are_a_mismatch(void **state)
{
    static const struct {
        const char *first;
        const char *second;
    } others[] = {{"pause", NULL}, {"pause", "pause"}, {"resume", "pause"}, {"pause", "resume"}};
    struct core_fixture *fixture = *state;

    core_fixture_key(fixture, "k", "f");
    core_fixture_add(fixture, "pause", 0, "{\"queue\":\"a\"}");
    core_fixture_add(fixture, "pause", 0, "{\"queue\":\"b\"}");
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    for (uint32_t i = 0; i < ARRAY_COUNT(others); i++) {
        bool same = i == 1;

        core_fixture_key(fixture, "k", "f");
        core_fixture_add(fixture, others[i].first, 0, "{\"queue\":\"a\"}");
        if (others[i].second) {
            core_fixture_add(fixture, others[i].second, 0, "{\"queue\":\"b\"}");
        }
        assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
        for (uint32_t j = 0; j < fixture->applied.count; j++) {
            const struct op_result *result = &fixture->applied.results[j];

            assert_int_equal(result->of_call, !same);
            assert_int_equal(result->again, same);
            assert_int_equal(result->err.reply, same ? 0 : REPLY_IDEMPOTENCY_MISMATCH);
        }
    }
}

/* Method: as many as there may be and one more, with a bound that is worth evicting several at
 * once; never more, always the oldest, and counted. */
static void test_the_bound_holds(void **state)
{
    struct core_fixture *fixture = *state;
    char key[20];

    set_limits(fixture, (struct kept_limits){.ttl_ms = 3600000, .min_ttl_ms = 1000, .max = 64});
    for (uint32_t i = 0; i < 200; i++) {
        (void)snprintf(key, sizeof(key), "k%u", i);
        fixture->now_ns += NS_PER_SECOND;
        assert_int_equal(run_keyed(fixture, key, "pause", "{\"queue\":\"q\"}")->err.code, ERR_NONE);
        assert_true(records(fixture) <= 64 && records(fixture) >= (i < 60 ? i : 60));
    }
    assert_true(core_kept_stats(fixture->core).evicted == 200 - records(fixture));
    assert_true(run_keyed(fixture, "k199", "pause", "{\"queue\":\"q\"}")->again);
    assert_false(run_keyed(fixture, "k0", "pause", "{\"queue\":\"q\"}")->again);
    core_fixture_check(fixture);
}

/* Method: all are young; who comes over the bound is refused and nothing is done for it. */
static void test_young_ones_are_not_let_go(void **state)
{
    struct core_fixture *fixture = *state;
    const struct op_result *result;

    set_limits(fixture, (struct kept_limits){.min_ttl_ms = 60000, .max = 2});
    (void)run_keyed(fixture, "a", "pause", "{\"queue\":\"q\"}");
    (void)run_keyed(fixture, "b", "pause", "{\"queue\":\"q\"}");
    result = run_keyed(fixture, "c", "enqueue", "{\"queue\":\"q\"}");
    assert_true(result->of_call);
    assert_int_equal(result->err.reply, REPLY_OVERLOADED);
    assert_true(core_live_count(fixture->core) == 0);
    assert_true(run_keyed(fixture, "a", "pause", "{\"queue\":\"q\"}")->again);
    fixture->now_ns += MINUTE_NS;
    assert_false(run_keyed(fixture, "c", "enqueue", "{\"queue\":\"q\"}")->of_call);
    core_fixture_check(fixture);
}

static struct op_tick_reply tick(struct core_fixture *fixture)
{
    core_fixture_key(fixture, NULL, NULL);
    return *(const struct op_tick_reply *)core_fixture_run(fixture, "tick", "{}")->reply;
}

/* Method: more than one tick may remove are over at once; the ticks follow each other until none is
 * left, each within its bound. */
static void test_expiry_is_bounded(void **state)
{
    struct core_fixture *fixture = *state;
    uint32_t count = 2 * TICK_JOBS_MAX + 100;
    uint32_t ticks = 0;

    for (uint32_t i = 0; i < count; i++) {
        char key[20];

        (void)snprintf(key, sizeof(key), "k%u", i);
        core_fixture_key(fixture, key, "f");
        core_fixture_add(fixture, "pause", 0, "{\"queue\":\"q\"}");
        if (i % 100 == 99) {
            assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
        }
    }
    if (fixture->entry.size) {
        assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    }
    assert_true(records(fixture) == count);
    fixture->now_ns += KEPT_TTL_MS_DEFAULT * NS_PER_MS + MINUTE_NS;
    while (core_next_due_ns(fixture->core) <= fixture->now_ns) {
        struct op_tick_reply reply = tick(fixture);

        assert_true(reply.kept_cut > 0 && reply.kept_cut <= TICK_JOBS_MAX);
        ticks++;
    }
    assert_int_equal(ticks, 3);
    assert_true(records(fixture) == 0);
    assert_true(core_kept_stats(fixture->core).evicted == 0);
    core_fixture_check(fixture);
}

/* Method: a key that was over is used again before the sweep came; the sweep that comes must leave
 * the new record alone. */
static void test_a_new_record_in_the_place_of_an_old_one(void **state)
{
    struct core_fixture *fixture = *state;

    (void)run_keyed(fixture, "a", "pause", "{\"queue\":\"q\"}");
    (void)run_keyed(fixture, "b", "pause", "{\"queue\":\"q\"}");
    fixture->now_ns += KEPT_TTL_MS_DEFAULT * NS_PER_MS;
    assert_false(run_keyed(fixture, "a", "pause", "{\"queue\":\"r\"}")->again);
    assert_true(records(fixture) == 2);
    core_fixture_check(fixture);
    fixture->now_ns += MINUTE_NS;
    assert_int_equal(tick(fixture).kept_cut, 1);
    assert_true(run_keyed(fixture, "a", "pause", "{\"queue\":\"r\"}")->again);
    assert_true(records(fixture) == 1);
    core_fixture_check(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_reply_can_be_kept),
        TEST(test_an_outcome_has_a_bound),
        TEST(test_a_repetition_changes_no_row),
        TEST(test_other_operations_are_a_mismatch),
        TEST(test_the_bound_holds),
        TEST(test_young_ones_are_not_let_go),
        TEST(test_expiry_is_bounded),
        TEST(test_a_new_record_in_the_place_of_an_old_one),
    };

    return cmocka_run_group_tests_name("core_keyed", tests, NULL, NULL);
}
