/* Reads that wait until enough is applied: when they are answered, and that each is, once. */
#include "base/reply.h"
#include "tests/unit/node_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

/* After the headers it needs. */
#include <cmocka.h>

/* One read and what became of it. */
struct reading {
    struct node_fixture *fixture;
    struct waiting_read *read;
    uint32_t answers;
    struct err err;
    uint64_t index;       /* Applied when it was answered. */
    struct reading *then; /* Begun by the callback. */
};

static void done(void *context, const struct err *err);

/* The code of the beginning; a read whose bound is met is answered there. */
static enum err_code begin(struct node_fixture *fixture, struct reading *reading,
                           struct read_bound bound)
{
    enum err_code code;

    reading->fixture = fixture;
    code = node_read_begin(fixture->node, &bound, done, reading, &reading->read, &reading->err);
    if (!code && !reading->read) {
        reading->answers++;
        reading->index = core_mark(node_core(fixture->node)).index;
    }
    return code;
}

static void done(void *context, const struct err *err)
{
    struct reading *reading = context;

    reading->answers++;
    reading->err = *err;
    reading->read = NULL;
    reading->index = core_mark(node_core(reading->fixture->node)).index;
    if (reading->then) {
        (void)begin(reading->fixture, reading->then, (struct read_bound){.wait_ms = 1000});
    }
}

static bool is_answered(void *context)
{
    return ((const struct reading *)context)->answers > 0;
}

static uint32_t waiting(struct node_fixture *fixture)
{
    return node_status(fixture->node).waiting_reads;
}

/* Nothing is asked for, or all of it is there: no waiting. */
static void test_what_is_there_is_read_at_once(void **state)
{
    struct node_fixture *fixture = *state;
    struct reading readings[3] = {{0}};
    struct outcome *outcome = node_fixture_enqueue(fixture, "q");

    node_fixture_wait(fixture, outcome);
    assert_int_equal(begin(fixture, &readings[0], (struct read_bound){0}), ERR_NONE);
    assert_int_equal(begin(fixture, &readings[1], (struct read_bound){.min_index = outcome->index}),
                     ERR_NONE);
    assert_int_equal(begin(fixture, &readings[2], (struct read_bound){.linearizable = true}),
                     ERR_NONE);
    for (uint32_t i = 0; i < ARRAY_COUNT(readings); i++) {
        assert_int_equal(readings[i].answers, 1);
        assert_null(readings[i].read);
    }
    assert_int_equal(waiting(fixture), 0);
}

/* Answered when the entry is applied, not before its sync has returned. */
static void test_an_index_is_waited_for(void **state)
{
    struct node_fixture *fixture = *state;
    struct reading first = {0}, second = {0};
    uint64_t next = core_mark(node_core(fixture->node)).index + 1;

    node_fixture_allow_syncs(fixture, 0);
    (void)node_fixture_enqueue(fixture, "q");
    assert_int_equal(
        begin(fixture, &first, (struct read_bound){.min_index = next, .wait_ms = 60000}), ERR_NONE);
    assert_int_equal(
        begin(fixture, &second, (struct read_bound){.min_index = next + 1, .wait_ms = 60000}),
        ERR_NONE);
    node_fixture_turn(fixture, 20);
    assert_int_equal(first.answers + second.answers, 0);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_run(fixture, is_answered, &first);
    assert_int_equal(first.err.code, ERR_NONE);
    assert_true(first.index >= next);
    assert_int_equal(second.answers, 0);
    (void)node_fixture_enqueue(fixture, "q");
    node_fixture_run(fixture, is_answered, &second);
    assert_true(second.index >= next + 1);
    assert_int_equal(first.answers, 1);
}

/* A linearizable read waits for what was accepted before it, and for nothing that came after. */
static void test_a_linearizable_read_waits_for_what_was_accepted(void **state)
{
    struct node_fixture *fixture = *state;
    struct read_bound bound = {.linearizable = true, .wait_ms = 60000};
    struct reading local = {0}, reading = {0};
    struct outcome *before, *after;

    node_fixture_allow_syncs(fixture, 0);
    before = node_fixture_enqueue(fixture, "q");
    assert_int_equal(begin(fixture, &reading, bound), ERR_NONE);
    assert_int_equal(begin(fixture, &local, (struct read_bound){.wait_ms = 60000}), ERR_NONE);
    assert_int_equal(local.answers, 1);
    node_fixture_turn(fixture, 20);
    after = node_fixture_enqueue(fixture, "q");
    node_fixture_turn(fixture, 20);
    assert_int_equal(reading.answers, 0);
    node_fixture_allow_syncs(fixture, 1);
    node_fixture_run(fixture, is_answered, &reading);
    assert_int_equal(reading.err.code, ERR_NONE);
    assert_int_equal(before->answers, 1);
    assert_int_equal(after->answers, 0);
    assert_true(reading.index >= before->index);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait(fixture, after);
}

/* Too late: CONSISTENCY_TIMEOUT, at once when there is no time at all. */
static void test_waiting_ends(void **state)
{
    struct node_fixture *fixture = *state;
    struct reading now = {0}, later = {0};
    struct read_bound bound = {.min_index = 1000000};

    assert_int_equal(begin(fixture, &now, bound), ERR_TIMEOUT);
    assert_int_equal(now.err.reply, REPLY_CONSISTENCY_TIMEOUT);
    bound.wait_ms = 20;
    assert_int_equal(begin(fixture, &later, bound), ERR_NONE);
    node_fixture_run(fixture, is_answered, &later);
    assert_int_equal(later.err.reply, REPLY_CONSISTENCY_TIMEOUT);
    assert_int_equal(waiting(fixture), 0);
}

/* As many as may wait and one more; those that are cancelled are not answered and make room. */
static void test_who_waits_is_bounded_and_can_be_cancelled(void **state)
{
    struct node_fixture *fixture = *state;
    struct read_bound bound = {.min_index = 1000000, .wait_ms = 60000};
    struct reading *readings = calloc(READS_WAITING_MAX + 1, sizeof(*readings));

    assert_non_null(readings);
    for (uint32_t i = 0; i < READS_WAITING_MAX; i++) {
        assert_int_equal(begin(fixture, &readings[i], bound), ERR_NONE);
    }
    assert_int_equal(begin(fixture, &readings[READS_WAITING_MAX], bound), ERR_BUSY);
    assert_int_equal(waiting(fixture), READS_WAITING_MAX);
    for (uint32_t i = 0; i < READS_WAITING_MAX; i += 3) {
        node_read_cancel(fixture->node, readings[i].read);
        readings[i].read = NULL;
    }
    assert_int_equal(begin(fixture, &readings[READS_WAITING_MAX], bound), ERR_NONE);
    node_fixture_close(fixture);
    for (uint32_t i = 0; i <= READS_WAITING_MAX; i++) {
        bool cancelled = i < READS_WAITING_MAX && i % 3 == 0;

        assert_int_equal(readings[i].answers, cancelled ? 0 : 1);
        assert_int_equal(readings[i].err.code, cancelled ? ERR_NONE : ERR_CLOSED);
    }
    free(readings);
    node_fixture_must_open(fixture);
}

static void ignore_drained(void *context)
{
    (void)context;
}

/* Who waits when the node drains is told, and nobody begins to wait any more. */
static void test_draining_ends_waiting(void **state)
{
    struct node_fixture *fixture = *state;
    struct read_bound bound = {.min_index = 1000000, .wait_ms = 60000};
    struct reading before = {0}, after = {0};

    assert_int_equal(begin(fixture, &before, bound), ERR_NONE);
    node_drain(fixture->node, ignore_drained, NULL);
    assert_int_equal(before.err.code, ERR_CLOSED);
    assert_int_equal(begin(fixture, &after, bound), ERR_CLOSED);
}

/* Before the node leads nothing is known to be all: a linearizable read waits for that. */
static void test_a_node_that_starts_lets_linearizable_reads_wait(void **state)
{
    struct node_fixture *fixture = *state;
    struct reading reading = {0};

    node_fixture_close(fixture);
    assert_int_equal(node_fixture_open(fixture), ERR_NONE);
    assert_int_equal(
        begin(fixture, &reading, (struct read_bound){.linearizable = true, .wait_ms = 60000}),
        ERR_NONE);
    assert_int_equal(reading.answers, 0);
    node_fixture_run(fixture, is_answered, &reading);
    assert_int_equal(reading.err.code, ERR_NONE);
}

/* A callback begins another read. */
static void test_a_callback_may_read(void **state)
{
    struct node_fixture *fixture = *state;
    struct reading inner = {0}, outer = {.then = &inner};
    uint64_t next = core_mark(node_core(fixture->node)).index + 1;

    assert_int_equal(
        begin(fixture, &outer, (struct read_bound){.min_index = next, .wait_ms = 60000}), ERR_NONE);
    (void)node_fixture_enqueue(fixture, "q");
    node_fixture_run(fixture, is_answered, &inner);
    assert_int_equal(outer.answers, 1);
}

static void submit_keyed(struct node_fixture *fixture, const char *fingerprint,
                         struct outcome *outcome)
{
    struct op_head head = {.idempotency = slice_text("key"),
                           .fingerprint = slice_text(fingerprint)};
    struct op_enqueue request = {.queue = slice_text("q")};
    struct node_op op = {.spec = op_find_name("enqueue"), .request = &request};

    assert_int_equal(
        node_submit(fixture->node, &head, &op, 1, false, outcome_done, outcome, &fixture->err),
        ERR_NONE);
}

/* Three keyed calls of one turn are one entry: the second is the first again, the third another. */
static void test_keyed_calls_of_an_entry(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcomes[3];
    struct node_status status;

    for (uint32_t i = 0; i < ARRAY_COUNT(outcomes); i++) {
        outcomes[i] = node_fixture_outcome(fixture);
        submit_keyed(fixture, i < 2 ? "one" : "other", outcomes[i]);
    }
    node_fixture_wait_all(fixture);
    assert_true(outcomes[0]->index == outcomes[2]->index);
    assert_string_equal(outcomes[0]->job_id, outcomes[1]->job_id);
    assert_int_equal(outcomes[1]->code, ERR_NONE);
    assert_int_equal(outcomes[2]->code, ERR_INVALID);
    status = node_status(fixture->node);
    assert_int_equal(status.keyed_again_total, 1);
    assert_int_equal(status.keyed_mismatch_total, 1);
    assert_int_equal(status.kept.records, 1);
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("q")), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, node_fixture_setup, node_fixture_teardown)

/* --- Of the view ---------------------------------------------------------------------------------
 */

static struct node_fixture *open_with_view(void)
{
    struct node_fixture *fixture = node_fixture_create();

    fixture->options.view = true;
    node_fixture_must_open(fixture);
    return fixture;
}

static bool has_view(void *context)
{
    struct node_view_figures figures = node_view_figures(((struct node_fixture *)context)->node);

    return figures.status.state == VIEW_READY;
}

/* Method: reads of the view for an entry, and for all that was accepted: both are answered when the
 * view has it, which does not wait for the store's own pace. */
static void test_the_view_is_waited_for(void **state)
{
    struct node_fixture *fixture = open_with_view();
    struct reading by_index = {0};
    struct reading linearizable = {0};
    struct outcome *outcome;

    (void)state;
    node_fixture_run(fixture, has_view, fixture);
    outcome = node_fixture_enqueue(fixture, "a");
    assert_int_equal(
        begin(fixture, &linearizable,
              (struct read_bound){.linearizable = true, .wait_ms = 60000, .view = true}),
        ERR_NONE);
    assert_non_null(linearizable.read);
    node_fixture_wait(fixture, outcome);
    assert_int_equal(
        begin(fixture, &by_index,
              (struct read_bound){.min_index = outcome->index, .wait_ms = 60000, .view = true}),
        ERR_NONE);
    assert_non_null(by_index.read);
    node_fixture_run(fixture, is_answered, &by_index);
    node_fixture_run(fixture, is_answered, &linearizable);
    assert_int_equal(by_index.err.code, ERR_NONE);
    assert_int_equal(linearizable.err.code, ERR_NONE);
    assert_true(node_view_figures(fixture->node).status.index >= outcome->index);
    assert_int_equal(node_view_figures(fixture->node).lag_ms, 0);
    assert_int_equal(waiting(fixture), 0);
    (void)node_fixture_teardown((void **)&fixture);
}

/* Method: an entry that never comes: who is content with what there is gets that, at once or when
 * the time is over; who is not gets the error. */
static void test_soft_reads(void **state)
{
    struct node_fixture *fixture = open_with_view();
    struct reading at_once = {0};
    struct reading later = {0};
    struct reading hard = {0};
    struct read_bound bound = {.min_index = 1000000, .view = true, .soft = true};

    (void)state;
    assert_int_equal(begin(fixture, &at_once, bound), ERR_NONE);
    assert_int_equal(at_once.answers, 1);
    bound.wait_ms = 5;
    assert_int_equal(begin(fixture, &later, bound), ERR_NONE);
    bound.soft = false;
    assert_int_equal(begin(fixture, &hard, bound), ERR_NONE);
    node_fixture_run(fixture, is_answered, &later);
    node_fixture_run(fixture, is_answered, &hard);
    assert_int_equal(later.err.code, ERR_NONE);
    assert_int_equal(hard.err.code, ERR_TIMEOUT);
    assert_int_equal(hard.err.reply, REPLY_CONSISTENCY_TIMEOUT);
    (void)node_fixture_teardown((void **)&fixture);
}

/* Method: without a view nothing of it is waited for. */
static void test_no_view(void **state)
{
    struct node_fixture *fixture = *state;
    struct reading reading = {0};

    assert_null(node_view(fixture->node));
    assert_false(node_view_figures(fixture->node).on);
    assert_int_equal(begin(fixture, &reading, (struct read_bound){.view = true}), ERR_NONE);
    assert_int_equal(reading.answers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_there_is_read_at_once),
        TEST(test_an_index_is_waited_for),
        TEST(test_a_linearizable_read_waits_for_what_was_accepted),
        TEST(test_waiting_ends),
        TEST(test_who_waits_is_bounded_and_can_be_cancelled),
        TEST(test_draining_ends_waiting),
        TEST(test_a_node_that_starts_lets_linearizable_reads_wait),
        TEST(test_a_callback_may_read),
        TEST(test_keyed_calls_of_an_entry),
        cmocka_unit_test(test_the_view_is_waited_for),
        cmocka_unit_test(test_soft_reads),
        TEST(test_no_view),
    };

    return cmocka_run_group_tests_name("node_reads", tests, NULL, NULL);
}
