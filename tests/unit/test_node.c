/* The node: calls to entries and back, bounds, due work, draining, closing. */
#include "core/job.h"
#include "tests/unit/node_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- Calls and entries ---------------------------------------------------------------------------
 */

/* A call is answered once, after its entry; the job is there. */
static void test_a_call_is_answered(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome = node_fixture_enqueue(fixture, "mail");
    struct job_object *job;
    struct arena arena;

    assert_int_equal(outcome->answers, 0);
    node_fixture_wait(fixture, outcome);
    assert_int_equal(outcome->code, ERR_NONE);
    assert_int_equal(outcome->result, ERR_NONE);
    assert_int_equal(outcome->index, node_fixture_index(fixture));
    arena_init(&arena, MIB);
    assert_int_equal(core_job_get(node_core(fixture->node), slice_text(outcome->job_id), &arena,
                                  &job, &fixture->err),
                     ERR_NONE);
    arena_done(&arena);
}

/* An operation that is refused is a result, not an error of the call. */
static void test_an_operations_error_is_its_result(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome = node_fixture_cancel(fixture, "job_00000000000000000000000000");

    node_fixture_wait(fixture, outcome);
    assert_int_equal(outcome->code, ERR_NONE);
    assert_int_equal(outcome->result, ERR_STATE);
}

/* What arrives while two writes are in flight is one entry, answered in order. */
static void test_calls_gather(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *calls[100];
    uint64_t index = node_fixture_index(fixture);

    node_fixture_allow_syncs(fixture, 0);
    for (uint32_t i = 0; i < 2; i++) {
        calls[i] = node_fixture_enqueue(fixture, "mail");
        node_fixture_turn(fixture, 2);
    }
    for (uint32_t i = 2; i < 100; i++) {
        calls[i] = node_fixture_enqueue(fixture, "mail");
        node_fixture_turn(fixture, 1);
    }
    assert_int_equal(fixture->answers, 0);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait_all(fixture);
    assert_int_equal(calls[0]->index, index + 1);
    assert_int_equal(calls[1]->index, index + 2);
    for (uint32_t i = 2; i < 100; i++) {
        assert_int_equal(calls[i]->index, index + 3);
        assert_true(calls[i]->order == i + 1);
    }
}

/* Nothing is answered before its sync has returned. */
static void test_no_answer_before_the_sync(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome;

    node_fixture_allow_syncs(fixture, 0);
    outcome = node_fixture_enqueue(fixture, "mail");
    node_fixture_turn(fixture, 50);
    assert_int_equal(outcome->answers, 0);
    node_fixture_allow_syncs(fixture, 1);
    node_fixture_wait(fixture, outcome);
}

static struct outcome *submit_many(struct node_fixture *fixture, uint32_t count, bool unit,
                                   int32_t last_priority)
{
    static const struct op_head head;
    struct op_enqueue *requests = calloc(count, sizeof(*requests));
    struct node_op *ops = calloc(count, sizeof(*ops));
    struct outcome *outcome = node_fixture_outcome(fixture);

    assert_non_null(requests);
    assert_non_null(ops);
    for (uint32_t i = 0; i < count; i++) {
        requests[i].queue = slice_text("mail");
        ops[i] = (struct node_op){.spec = &op_enqueue_spec, .request = &requests[i]};
    }
    if (last_priority) {
        requests[count - 1].has = UINT64_C(1) << (OP_ENQUEUE_HAS_PRIORITY - 1);
        requests[count - 1].priority = (uint32_t)last_priority;
    }
    outcome->code =
        node_submit(fixture->node, &head, ops, count, unit, outcome_done, outcome, &fixture->err);
    free(requests);
    free(ops);
    return outcome;
}

static uint64_t ready_count(const struct node_fixture *fixture, const char *queue)
{
    return core_ready_count(node_core(fixture->node), slice_text(queue));
}

/* A unit whose last operation is refused leaves nothing; without the unit the others stay. */
static void test_a_unit_is_all_or_nothing(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *unit = submit_many(fixture, 10, true, 99);

    node_fixture_wait(fixture, unit);
    assert_int_equal(unit->code, ERR_NONE);
    assert_int_not_equal(unit->result, ERR_NONE);
    assert_int_equal(ready_count(fixture, "mail"), 0);
    node_fixture_wait(fixture, submit_many(fixture, 10, false, 99));
    assert_int_equal(ready_count(fixture, "mail"), 9);
}

/* Units of one entry are told apart: the one that fails does not take the other with it. */
static void test_units_of_an_entry_are_apart(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *bad, *good;

    node_fixture_allow_syncs(fixture, 0);
    bad = submit_many(fixture, 3, true, 99);
    good = submit_many(fixture, 5, true, 0);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait_all(fixture);
    assert_int_equal(bad->index, good->index);
    assert_int_not_equal(bad->result, ERR_NONE);
    assert_int_equal(good->result, ERR_NONE);
    assert_int_equal(ready_count(fixture, "mail"), 5);
}

/* An entry takes ENTRY_OPS_MAX operations; one call alone may have more. */
static void test_an_entry_is_bounded(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *first = submit_many(fixture, ENTRY_OPS_MAX - 1, false, 0);
    struct outcome *fits = submit_many(fixture, 1, false, 0);
    struct outcome *next = submit_many(fixture, 1, false, 0);
    struct outcome *large = submit_many(fixture, 3000, true, 0);

    node_fixture_wait_all(fixture);
    assert_int_equal(first->index, fits->index);
    assert_int_equal(next->index, first->index + 1);
    assert_int_equal(large->index, first->index + 2);
    assert_int_equal(ready_count(fixture, "mail"), ENTRY_OPS_MAX + 1 + 3000);
}

/* What an operation does to many jobs counts as many: heartbeats of 600 jobs do not share an entry.
 */
static void test_an_entry_is_bounded_by_work(void **state)
{
    struct node_fixture *fixture = *state;
    struct op_heartbeat_item items[600] = {0};
    struct op_heartbeat request = {.jobs = {.items = items, .count = 600}};
    struct outcome *outcomes[2];
    char keys[600][8];

    for (uint32_t i = 0; i < 600; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        items[i].key = slice_text(keys[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        outcomes[i] = node_fixture_outcome(fixture);
        node_fixture_submit(fixture, "heartbeat", &request, outcomes[i]);
    }
    node_fixture_wait_all(fixture);
    assert_int_equal(outcomes[1]->index, outcomes[0]->index + 1);
}

/* Sizes around the limit of an entry: what is taken is also written, what does not fit is refused
 * at once and nothing else suffers. */
static void test_an_entry_filled_to_the_brim(void **state)
{
    struct node_fixture *fixture = *state;
    static const struct op_head head;
    struct op_enqueue request = {.queue = slice_text("mail"), .payload = slice_text("\"\"")};
    size_t room;
    struct buf buf;

    buf_init(&buf, MIB);
    assert_true(entry_add(&buf, &op_enqueue_spec, &head, &request));
    room =
        ENTRY_SIZE_MAX - ENTRY_TRAILER_SIZE - buf.size + 2 - 3; /* A size takes 4 bytes, not 1. */
    buf_done(&buf);
    for (size_t over = 0; over <= 1; over++) {
        struct outcome *outcome = node_fixture_enqueue_sized(fixture, "mail", room + over);

        if (over) {
            assert_int_equal(outcome->code, ERR_TOO_LARGE);
            break;
        }
        node_fixture_wait(fixture, outcome);
        assert_int_equal(outcome->code, ERR_NONE);
    }
    assert_int_equal(node_status(fixture->node).pending_ops, 0);
    /* Two calls whose sum is over the limit by a few bytes are two entries. */
    (void)node_fixture_enqueue_sized(fixture, "mail", room - 1000);
    (void)node_fixture_enqueue_sized(fixture, "mail", 1000 - 30);
    node_fixture_wait_all(fixture);
    assert_int_equal(ready_count(fixture, "mail"), 3);
}

static _Atomic bool marked;

static void mark(struct replica_job *job)
{
    (void)job;
    marked = true;
}

static void end_mark(struct replica_job *job)
{
    (void)job;
}

/* Two large entries are durable when the loop looks: it applies them in two turns, so that others
 * are served in between. */
static void test_large_entries_take_turns(void **state)
{
    struct node_fixture *fixture = *state;
    static struct replica_job job = {.work = mark, .done = end_mark};
    struct outcome *units[2];

    marked = false;
    node_fixture_allow_syncs(fixture, 0);
    for (uint32_t i = 0; i < 2; i++) {
        units[i] = submit_many(fixture, ENQUEUE_BATCH_MAX / 2, true, 0);
        node_fixture_turn(fixture, 2);
    }
    log_thread_run(fixture->node->log_thread, &job);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    while (!marked) { /* Behind the two writes. */
        uv_sleep(1);
    }
    while (!units[0]->answers) {
        node_fixture_turn(fixture, 1);
    }
    assert_int_equal(units[1]->answers, 0);
    node_fixture_wait(fixture, units[1]);
}

static void submit_again(struct outcome *outcome, void *context)
{
    uint32_t *left = context;

    if (*left > 0) {
        struct outcome *next = node_fixture_enqueue(outcome->fixture, "mail");

        (*left)--;
        assert_int_equal(next->code, ERR_NONE);
        next->then = submit_again;
        next->context = left;
    }
}

/* A callback submits again, 1,000 times over, with room for one operation only. */
static void test_a_callback_may_submit(void **state)
{
    struct node_fixture *fixture = *state;
    uint32_t left = 1000;
    struct outcome *first;

    node_fixture_close(fixture);
    fixture->options.pending_max = 1;
    node_fixture_must_open(fixture);
    first = node_fixture_enqueue(fixture, "mail");
    first->then = submit_again;
    first->context = &left;
    node_fixture_wait_all(fixture);
    assert_int_equal(ready_count(fixture, "mail"), 1001);
}

/* --- Bounds --------------------------------------------------------------------------------------
 */

/* A flood is taken up to pending_max, then refused with a time to wait; what was taken is done. */
static void test_pending_operations_are_bounded(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome;
    uint32_t taken = 0;

    node_fixture_allow_syncs(fixture, 0);
    for (;;) {
        outcome = node_fixture_enqueue(fixture, "mail");
        node_fixture_turn(fixture, 1);
        if (outcome->code) {
            break;
        }
        taken++;
    }
    assert_int_equal(outcome->code, ERR_BUSY);
    assert_int_equal(taken, PENDING_OPS_MAX);
    assert_int_equal(node_status(fixture->node).pending_ops, taken);
    assert_int_equal(node_status(fixture->node).overload_total, 1);
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t wait_ms = node_retry_after_ms(fixture->node);

        assert_true(wait_ms >= REFUSAL_RETRY_MS_MIN && wait_ms <= REFUSAL_RETRY_MS_MAX);
    }
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait_all(fixture);
    assert_int_equal(ready_count(fixture, "mail"), taken);
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_NONE);
    node_fixture_wait_all(fixture);
}

/* The bytes that are pending are bounded too. */
static void test_pending_bytes_are_bounded(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome;
    uint32_t taken = 0;

    node_fixture_allow_syncs(fixture, 0);
    for (;;) {
        outcome = node_fixture_enqueue_sized(fixture, "mail", 4 * MIB);
        node_fixture_turn(fixture, 1);
        if (outcome->code) {
            break;
        }
        taken++;
    }
    assert_int_equal(outcome->code, ERR_BUSY);
    assert_int_equal(taken, PENDING_SIZE_MAX / (4 * MIB));
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait_all(fixture);
    assert_int_equal(ready_count(fixture, "mail"), taken);
}

static uint64_t jittered_retry(struct node_fixture *fixture, uint64_t rate, uint32_t pending)
{
    uint32_t before = fixture->node->pipeline.pending_ops;
    uint64_t wait_ms;

    fixture->node->rate_ops_s = rate;
    fixture->node->pipeline.pending_ops = pending;
    wait_ms = node_retry_after_ms(fixture->node);
    fixture->node->pipeline.pending_ops = before;
    return wait_ms;
}

/* The time to wait is that of the backlog at the rate seen, once to twice. */
static void test_retry_after_follows_the_drain_rate(void **state)
{
    struct node_fixture *fixture = *state;

    for (uint32_t i = 0; i < 200; i++) {
        uint64_t slow = jittered_retry(fixture, 20000, 16000);
        uint64_t fast = jittered_retry(fixture, 160000, 16000);

        assert_true(slow >= 800 && slow <= 1600);
        assert_true(fast >= 100 && fast <= 200);
        assert_int_equal(jittered_retry(fixture, 0, 1000000), REFUSAL_RETRY_MS_MAX);
        assert_true(jittered_retry(fixture, 1000000, 0) >= REFUSAL_RETRY_MS_MIN);
    }
}

/* --- Due work ------------------------------------------------------------------------------------
 */

static bool mail_is_ready(void *context)
{
    return ready_count(context, "mail") > 0;
}

/* A job becomes ready at its time without anybody asking, and not before. */
static void test_due_work_is_done_in_time(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t due_ns = node_now_ns(fixture->node) + 50 * NS_PER_MS;

    node_fixture_wait(fixture, node_fixture_enqueue_at(fixture, "mail", due_ns));
    assert_int_equal(ready_count(fixture, "mail"), 0);
    node_fixture_run(fixture, mail_is_ready, fixture);
    assert_true(node_now_ns(fixture->node) >= due_ns);
}

/* 5,000 jobs of one instant take several ticks, one after the other, without further calls. */
static void test_much_due_work_goes_on(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t due_ns = node_now_ns(fixture->node) + 300 * NS_PER_MS;
    uint64_t index;

    for (uint32_t i = 0; i < 5000; i++) {
        (void)node_fixture_enqueue_at(fixture, "mail", due_ns);
    }
    node_fixture_wait_all(fixture);
    index = node_fixture_index(fixture);
    node_fixture_run(fixture, mail_is_ready, fixture);
    while (ready_count(fixture, "mail") < 5000) {
        node_fixture_turn(fixture, 1);
    }
    assert_true(node_fixture_index(fixture) - index >= 5000 / TICK_JOBS_MAX);
    assert_true(node_fixture_index(fixture) - index <= 5000 / TICK_JOBS_MAX + 2);
}

/* Submits a pause of another queue, again and again, unless *context says stop. */
static void flood(struct outcome *outcome, void *context)
{
    struct op_queue request = {.queue = slice_text("other")};
    const bool *stop = context;

    if (!*stop) {
        outcome->answers = 0;
        outcome->fixture->answers--;
        outcome->then = flood;
        node_fixture_submit(outcome->fixture, "pause", &request, outcome);
    }
}

/* While callers keep the pipeline full all the time, due work is still done. */
static void test_a_flood_does_not_hold_up_due_work(void **state)
{
    struct node_fixture *fixture = *state;
    bool stop = false;
    uint64_t due_ns;

    node_fixture_close(fixture);
    fixture->options.pending_max = 100;
    node_fixture_must_open(fixture);
    due_ns = node_now_ns(fixture->node) + 20 * NS_PER_MS;
    node_fixture_wait(fixture, node_fixture_enqueue_at(fixture, "mail", due_ns));
    for (uint32_t i = 0; i < 100; i++) {
        struct outcome *outcome = node_fixture_outcome(fixture);

        fixture->answers++;
        outcome->context = &stop;
        flood(outcome, &stop);
    }
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_BUSY);
    node_fixture_run(fixture, mail_is_ready, fixture);
    assert_true(node_status(fixture->node).pending_ops >= 99); /* The tick took a place. */
    stop = true;
    node_fixture_wait_all(fixture);
}

/* While the clock catches up at twice real speed, the timer sleeps half as long; when it is set
 * right no longer than needed. */
static void test_the_timer_of_a_slewed_clock(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t due_ns = node_now_ns(fixture->node) + 100 * NS_PER_SECOND;
    uint64_t sleep_ms;

    node_fixture_wait(fixture, node_fixture_enqueue_at(fixture, "mail", due_ns));
    sleep_ms = uv_timer_get_due_in(&fixture->node->due_timer);
    assert_true(sleep_ms > 90000 && sleep_ms <= 100001);
    fixture->wall_offset_ns = (int64_t)(3600 * NS_PER_SECOND);
    timers_sweep(&fixture->node->sweep_timer);
    sleep_ms = uv_timer_get_due_in(&fixture->node->due_timer);
    assert_true(sleep_ms > 45000 && sleep_ms <= 50001);
    fixture->wall_offset_ns = -(int64_t)(3600 * NS_PER_SECOND);
    timers_sweep(&fixture->node->sweep_timer);
    sleep_ms = uv_timer_get_due_in(&fixture->node->due_timer);
    assert_true(sleep_ms > 90000 && sleep_ms <= 100001);
}

/* The wall clock jumps ahead and back by an hour: the node's time neither jumps nor goes back, and
 * a job is still ready at its time by that clock. */
static void test_due_work_of_a_slewed_clock(void **state)
{
    struct node_fixture *fixture = *state;
    const int64_t jumps_ns[] = {(int64_t)(3600 * NS_PER_SECOND), -(int64_t)(3600 * NS_PER_SECOND)};

    for (uint32_t i = 0; i < ARRAY_COUNT(jumps_ns); i++) {
        const char *queue = i ? "back" : "ahead";
        uint64_t before_ns = node_now_ns(fixture->node);
        uint64_t due_ns = before_ns + 100 * NS_PER_MS;

        fixture->wall_offset_ns = jumps_ns[i];
        assert_true(node_now_ns(fixture->node) >= before_ns);
        assert_true(node_now_ns(fixture->node) < due_ns);
        node_fixture_wait(fixture, node_fixture_enqueue_at(fixture, queue, due_ns));
        while (ready_count(fixture, queue) == 0) {
            (void)uv_run(&fixture->loop, UV_RUN_ONCE);
        }
        assert_true(core_now_ns(node_core(fixture->node)) >= due_ns);
    }
}

/* Work that was due while the node was down does not count as late. */
static void test_time_down_is_not_lateness(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t due_ns = node_now_ns(fixture->node) + 1800 * NS_PER_SECOND;

    node_fixture_wait(fixture, node_fixture_enqueue_at(fixture, "mail", due_ns));
    node_fixture_close(fixture);
    fixture->wall_offset_ns = (int64_t)(3600 * NS_PER_SECOND);
    node_fixture_must_open(fixture);
    node_fixture_run(fixture, mail_is_ready, fixture);
    assert_true(node_status(fixture->node).tick_late_ns_max < 60 * NS_PER_SECOND);
}

/* A node with nothing to do writes nothing, however often its timers look. */
static void test_an_idle_node_writes_nothing(void **state)
{
    struct node_fixture *fixture = *state;
    struct node_status before, after;

    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
    before = node_status(fixture->node);
    for (uint32_t i = 0; i < 100; i++) {
        timers_sweep(&fixture->node->sweep_timer);
        node_fixture_turn(fixture, 2);
    }
    after = node_status(fixture->node);
    assert_int_equal(after.commit_index, before.commit_index);
    assert_int_equal(after.log_bytes, before.log_bytes);
    assert_int_equal(after.log_syncs, before.log_syncs);
}

/* --- The ends ------------------------------------------------------------------------------------
 */

static void count_drained(void *context)
{
    (*(uint32_t *)context)++;
}

/* Draining refuses new calls, finishes those under way, and says so once. */
static void test_draining(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome;
    uint32_t drained = 0;

    node_fixture_allow_syncs(fixture, 0);
    outcome = node_fixture_enqueue(fixture, "mail");
    node_drain(fixture->node, count_drained, &drained);
    assert_int_equal(node_status(fixture->node).health, NODE_DRAINING);
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_CLOSED);
    node_fixture_turn(fixture, 20);
    assert_int_equal(drained, 0);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait(fixture, outcome);
    assert_int_equal(outcome->code, ERR_NONE);
    while (drained == 0) {
        node_fixture_turn(fixture, 1);
    }
    node_fixture_turn(fixture, 20);
    assert_int_equal(drained, 1);
}

/* Draining an idle node says so at once, also while work is due. */
static void test_draining_with_due_work(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t due_ns = node_now_ns(fixture->node) + 30 * NS_PER_MS;
    uint32_t drained = 0;

    for (uint32_t i = 0; i < 3000; i++) {
        (void)node_fixture_enqueue_at(fixture, "mail", due_ns);
    }
    node_fixture_run(fixture, mail_is_ready, fixture);
    node_drain(fixture->node, count_drained, &drained);
    while (drained == 0) {
        node_fixture_turn(fixture, 1);
    }
    assert_int_equal(node_status(fixture->node).pending_ops, 0);
}

/* Closed with calls in every stage: each is answered once, and what was answered well is there
 * after the next start. */
static void test_closing_with_calls_in_flight(void **state)
{
    struct node_fixture *fixture = *state;
    uint32_t done = 0;

    for (uint32_t turns = 0; turns < 12; turns++) {
        uint32_t first = fixture->outcome_count;

        for (uint32_t i = 0; i < 40; i++) {
            (void)node_fixture_enqueue(fixture, "mail");
            node_fixture_turn(fixture, turns / 3);
        }
        node_fixture_close(fixture);
        for (uint32_t i = first; i < fixture->outcome_count; i++) {
            assert_int_equal(fixture->outcomes[i].answers, 1);
            assert_true(!fixture->outcomes[i].code || fixture->outcomes[i].code == ERR_CLOSED);
            done += !fixture->outcomes[i].code;
        }
        node_fixture_must_open(fixture);
        assert_true(ready_count(fixture, "mail") >= done);
    }
}

/* Closed right after it was opened, before it leads, with the barrier's write under way. */
static void test_closing_before_it_is_ready(void **state)
{
    struct node_fixture *fixture = *state;

    node_fixture_close(fixture);
    for (uint32_t turns = 0; turns < 4; turns++) {
        assert_int_equal(node_fixture_open(fixture), ERR_NONE);
        assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_NOT_LEADER);
        node_fixture_turn(fixture, turns);
        node_fixture_close(fixture);
    }
    node_fixture_must_open(fixture);
}

/* A restart gives the same state: equal index, equal hash, equal rows. */
static void test_a_restart_gives_the_same_state(void **state)
{
    struct node_fixture *fixture = *state;
    struct node_status before, after;

    for (uint32_t i = 0; i < 300; i++) {
        (void)node_fixture_enqueue(fixture, i % 2 ? "mail" : "other");
    }
    node_fixture_wait_all(fixture);
    before = node_status(fixture->node);
    for (uint32_t i = 0; i < 2; i++) {
        if (i == 0) {
            fixture->node->failure.code = ERR_IO; /* Nothing is flushed: all comes from the log. */
        }
        node_fixture_reopen(fixture);
        after = node_status(fixture->node);
        assert_int_equal(after.state_hash, before.state_hash);
        assert_true(after.applied_index > before.applied_index);
    }
}

/* A directory that is in use is refused, and the node that uses it goes on. */
static void test_a_directory_in_use_is_refused(void **state)
{
    struct node_fixture *fixture = *state;
    struct node *node = NULL;

    assert_int_equal(node_open(&fixture->loop, &fixture->options, &node, &fixture->err), ERR_STATE);
    assert_null(node);
    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, node_fixture_setup, node_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_is_answered),
        TEST(test_an_operations_error_is_its_result),
        TEST(test_calls_gather),
        TEST(test_no_answer_before_the_sync),
        TEST(test_a_unit_is_all_or_nothing),
        TEST(test_units_of_an_entry_are_apart),
        TEST(test_an_entry_is_bounded),
        TEST(test_an_entry_is_bounded_by_work),
        TEST(test_an_entry_filled_to_the_brim),
        TEST(test_large_entries_take_turns),
        TEST(test_a_callback_may_submit),
        TEST(test_pending_operations_are_bounded),
        TEST(test_pending_bytes_are_bounded),
        TEST(test_retry_after_follows_the_drain_rate),
        TEST(test_due_work_is_done_in_time),
        TEST(test_much_due_work_goes_on),
        TEST(test_a_flood_does_not_hold_up_due_work),
        TEST(test_the_timer_of_a_slewed_clock),
        TEST(test_due_work_of_a_slewed_clock),
        TEST(test_time_down_is_not_lateness),
        TEST(test_an_idle_node_writes_nothing),
        TEST(test_draining),
        TEST(test_draining_with_due_work),
        TEST(test_closing_with_calls_in_flight),
        TEST(test_closing_before_it_is_ready),
        TEST(test_a_restart_gives_the_same_state),
        TEST(test_a_directory_in_use_is_refused),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
