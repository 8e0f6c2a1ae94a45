/* Operations on one job: what transcripts can not show. Bounds of memory, bounds that the server
 * sets, and who did it. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/event.h"
#include "core/job.h"
#include "tests/unit/core_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define JOBS 120

/* JOBS completed jobs with results as large as may be. */
static void make_large(struct core_fixture *fixture, char ids[JOBS][40])
{
    char *json = malloc(RESULT_MAX + 256);

    assert_non_null(json);
    for (uint32_t i = 0; i < JOBS; i++) {
        const struct op_result *result = core_fixture_run(fixture, "enqueue", "{\"queue\":\"q\"}");
        const struct op_enqueue_reply *reply = result->reply;
        int size;

        (void)snprintf(ids[i], 40, "%.*s", (int)reply->job_id.size,
                       (const char *)reply->job_id.data);
        (void)core_fixture_run(fixture, "fetch", "{\"queues\":[\"q\"]}");
        size = snprintf(json, 256, "{\"job_id\":\"%.39s\",\"result\":\"", ids[i]);
        memset(json + size, 'x', RESULT_MAX - 2);
        memcpy(json + size + RESULT_MAX - 2, "\"}", 3);
        assert_int_equal(core_fixture_run(fixture, "ack", json)->err.code, ERR_NONE);
    }
    free(json);
}

static void add_for(struct core_fixture *fixture, const char *op, const char *id, uint32_t unit)
{
    char json[128];

    (void)snprintf(json, sizeof(json), "{\"job_id\":\"%.39s\"}", id);
    core_fixture_add(fixture, op, unit, json);
}

/* An entry of acks, fails and heartbeats for jobs that ended long ago, with results that together
 * are more than an entry's memory: each is answered, the replica goes on. */
static void test_many_large_results_are_looked_at(void **state)
{
    static char ids[JOBS][40];
    struct core_fixture fixture;

    (void)state;
    core_fixture_init(&fixture);
    make_large(&fixture, ids);
    for (uint32_t i = 0; i < JOBS; i++) {
        char json[128];

        add_for(&fixture, "ack", ids[i], 0);
        add_for(&fixture, "fail", ids[i], 0);
        (void)snprintf(json, sizeof(json), "{\"jobs\":{\"%.39s\":{}}}", ids[i]);
        core_fixture_add(&fixture, "heartbeat", 0, json);
    }
    assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
    for (uint32_t i = 0; i < 3 * JOBS; i += 3) {
        assert_int_equal(fixture.applied.results[i].err.reply, REPLY_ACK_ERROR);
        assert_int_equal(fixture.applied.results[i + 1].err.reply, REPLY_FAIL_ERROR);
        assert_int_equal(fixture.applied.results[i + 2].err.code, ERR_NONE);
    }
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* Operations that change such jobs need their rows: what the entry has no room for is answered with
 * OVERLOADED and changes nothing; the rest is done. Alone, each of them works. */
static void test_many_large_results_are_changed(void **state)
{
    static const char *const ops[] = {"cancel", "retry", "delete"};
    static char ids[JOBS][40];
    struct core_fixture fixture;

    (void)state;
    core_fixture_init(&fixture);
    make_large(&fixture, ids);
    for (uint32_t k = 0; k < ARRAY_COUNT(ops); k++) {
        uint32_t busy = 0;

        for (uint32_t i = 0; i < JOBS; i++) {
            add_for(&fixture, ops[k], ids[i], k == 2 ? i + 1 : 0);
        }
        assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
        for (uint32_t i = 0; i < JOBS; i++) {
            busy += fixture.applied.results[i].err.reply == REPLY_OVERLOADED ? 1 : 0;
        }
        assert_true(busy > 0 && busy < JOBS - 10);
        core_fixture_check(&fixture);
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        add_for(&fixture, "delete", ids[i], 0);
        assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
        assert_true(fixture.applied.results[0].err.code == ERR_NONE ||
                    fixture.applied.results[0].err.code == ERR_NOT_FOUND);
    }
    core_fixture_check(&fixture);
    assert_int_equal(core_live_count(fixture.core), 0);
    core_fixture_done(&fixture);
}

/* The first job, held. */
static void hold_one(struct core_fixture *fixture, const char *enqueue, char id[40])
{
    const struct op_enqueue_reply *reply = core_fixture_run(fixture, "enqueue", enqueue)->reply;

    (void)snprintf(id, 40, "%.*s", (int)reply->job_id.size, (const char *)reply->job_id.data);
    add_for(fixture, "hold", id, 0);
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    assert_int_equal(fixture->applied.results[0].err.code, ERR_NONE);
}

/* Applies one reject that was filled by hand. */
static const struct err *reject(struct core_fixture *fixture, const struct op_reject *op,
                                const char *principal)
{
    struct op_head head = {.principal = slice_text(principal)};

    assert_true(entry_add(&fixture->entry, &op_reject_spec, &head, op));
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    return &fixture->applied.results[0].err;
}

/* A payload over the server's bound is refused, given whole or made by a patch; one that just fits
 * is taken. */
static void test_revised_payload_is_bounded(void **state)
{
    struct core_fixture fixture;
    struct op_reject op = {.revise = true, .feedback = slice_text("f")};
    char id[40];

    (void)state;
    core_fixture_init(&fixture);
    hold_one(&fixture, "{\"queue\":\"q\",\"payload\":{\"a\":1}}", id);
    op.job_id = slice_text(id);
    op.payload = slice_text("[1,2,3,4]");
    op.payload_max = op.payload.size - 1;
    assert_int_equal(reject(&fixture, &op, "")->reply, REPLY_PAYLOAD_TOO_LARGE);
    op.payload = slice_of(NULL, 0);
    op.payload_patch = slice_text("{\"b\":22}"); /* Makes 14 bytes. */
    op.payload_max = 13;
    assert_int_equal(reject(&fixture, &op, "")->reply, REPLY_PAYLOAD_TOO_LARGE);
    core_fixture_check(&fixture);
    op.payload_max = 14;
    assert_int_equal(reject(&fixture, &op, "")->code, ERR_NONE);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* `by` is whom the request names, until there is a principal. */
static void test_the_principal_wins_over_by(void **state)
{
    static const char *const principals[] = {"", "alice"};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(principals); i++) {
        struct core_fixture fixture;
        struct op_reject op = {
            .revise = true, .feedback = slice_text("f"), .by = slice_text("mallory")};
        struct job_object *job;
        char id[40];

        core_fixture_init(&fixture);
        hold_one(&fixture, "{\"queue\":\"q\"}", id);
        op.job_id = slice_text(id);
        assert_int_equal(reject(&fixture, &op, principals[i])->code, ERR_NONE);
        assert_int_equal(
            core_job_get(fixture.core, slice_text(id), &fixture.arena, &job, &fixture.err),
            ERR_NONE);
        assert_true(slice_is(job->feedback->by, i ? "alice" : "mallory"));
        core_fixture_done(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_large_results_are_looked_at),
        cmocka_unit_test(test_many_large_results_are_changed),
        cmocka_unit_test(test_revised_payload_is_bounded),
        cmocka_unit_test(test_the_principal_wins_over_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
