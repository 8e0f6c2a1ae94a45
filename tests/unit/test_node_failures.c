/* What a node does when log, store or state machine fail: calls are answered exactly once, nothing
 * is acknowledged that is not safe, and what can heal does. */
#include "store/store_internal.h"
#include "tests/unit/node_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 3600000

static enum node_health health(const struct node_fixture *fixture)
{
    return node_status(fixture->node).health;
}

static void set_fault(struct node_fixture *fixture, unsigned calls, bool sticky, enum err_code code)
{
    mem_disk_set_fault(node_fixture_lock_disk(fixture),
                       (struct mem_disk_fault){.calls = calls, .sticky = sticky, .code = code});
    node_fixture_unlock_disk(fixture);
}

static bool has_failed(void *context)
{
    return health(context) == NODE_STORAGE_FAILED;
}

static bool is_full(void *context)
{
    return health(context) == NODE_DISK_FULL;
}

static bool is_well(void *context)
{
    return health(context) == NODE_READY;
}

/* Calls in every stage: two entries in the log's hands, many calls gathered, a waiter with its
 * claim under way, one that waits. */
struct stages {
    struct fetching claimed, idle;
    uint32_t first;
};

static void fill_stages(struct node_fixture *fixture, struct stages *stages)
{
    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "claimed"));
    node_fixture_allow_syncs(fixture, 0);
    stages->first = fixture->outcome_count;
    node_fixture_fetch(fixture, &stages->claimed, "claimed", LONG_MS);
    node_fixture_fetch(fixture, &stages->idle, "idle", LONG_MS);
    for (uint32_t i = 0; i < 20; i++) {
        (void)node_fixture_enqueue(fixture, "mail");
        node_fixture_turn(fixture, 1);
    }
}

static void resubmit(struct outcome *outcome, void *context)
{
    (void)context;
    assert_int_equal(node_fixture_enqueue(outcome->fixture, "mail")->code, ERR_IO);
}

/* --- The log fails -------------------------------------------------------------------------------
 */

/* A failed sync: every call is answered once with the reason, callbacks that submit are refused, so
 * is all that follows, and after a restart nothing of it was promised. */
static void test_a_failed_sync(void **state)
{
    struct node_fixture *fixture = *state;
    struct stages stages = {0};

    fill_stages(fixture, &stages);
    for (uint32_t i = stages.first; i < fixture->outcome_count; i++) {
        fixture->outcomes[i].then = resubmit;
    }
    set_fault(fixture, MEM_DISK_SYNC, false, ERR_IO);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_run(fixture, has_failed, fixture);
    node_fixture_turn(fixture, 5);
    for (uint32_t i = stages.first; i < fixture->outcome_count; i++) {
        assert_int_equal(fixture->outcomes[i].code, ERR_IO);
    }
    assert_int_equal(fixture->answers, fixture->outcome_count);
    assert_int_equal(node_status(fixture->node).pending_ops, 0);
    assert_int_equal(node_status(fixture->node).waiters, 0);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_IO);
    assert_true(strlen(node_status(fixture->node).failure.text) > 0);
    node_fixture_reopen(fixture);
    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
}

/* A failed write is the same. */
static void test_a_failed_write(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome;

    set_fault(fixture, MEM_DISK_WRITE, false, ERR_IO);
    outcome = node_fixture_enqueue(fixture, "mail");
    node_fixture_wait(fixture, outcome);
    assert_int_equal(outcome->code, ERR_IO);
    assert_int_equal(health(fixture), NODE_STORAGE_FAILED);
}

/* The disk fails in each call of an opening in turn: it is refused without a trace, and the next
 * one has all that was acknowledged. */
static void test_an_opening_fails_at_each_call(void **state)
{
    struct node_fixture *fixture = *state;
    enum err_code code = ERR_IO;
    uint64_t passes;

    for (uint32_t i = 0; i < 10; i++) {
        node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
    }
    fixture->node->failure.code = ERR_IO; /* The store keeps nothing: all comes from the log. */
    node_fixture_close(fixture);
    for (passes = 0; code; passes++) {
        mem_disk_set_fault(
            node_fixture_lock_disk(fixture),
            (struct mem_disk_fault){
                .calls = MEM_DISK_ALL, .pass = passes, .sticky = true, .code = ERR_IO});
        node_fixture_unlock_disk(fixture);
        fixture->node = NULL;
        code = node_fixture_open(fixture);
        assert_true(code ? fixture->node == NULL : fixture->node != NULL);
        assert_true(passes < 1000);
    }
    assert_true(passes > 5);
    set_fault(fixture, 0, false, ERR_NONE);
    node_fixture_close(fixture);
    node_fixture_must_open(fixture);
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("mail")), 10);
}

/* --- The log's disk is full ----------------------------------------------------------------------
 */

static int setup_small_log(void **state)
{
    struct node_fixture *fixture = node_fixture_create();

    fixture->options.segment_size = MIB;
    node_fixture_must_open(fixture);
    *state = fixture;
    return 0;
}

static void set_capacity(struct node_fixture *fixture, uint64_t capacity)
{
    mem_disk_set_capacity(node_fixture_lock_disk(fixture), capacity);
    node_fixture_unlock_disk(fixture);
}

/* A segment of this log holds no more than 20 such calls, and neither may an entry. */
#define CALL_SIZE 50000
#define CALLS_UNANSWERED_MAX 15

static bool takes_calls(void *context)
{
    const struct node_fixture *fixture = context;

    return fixture->outcome_count - fixture->answers <= CALLS_UNANSWERED_MAX || is_full(context);
}

/* Many calls, and the log runs out of space in the middle: a prefix is done, the rest is answered
 * DISK_FULL, none behind a refused one is done. Reads go on; with space all heals, and what was in
 * the log's hands is done, too. */
static void test_the_disk_fills_up_in_the_middle(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcomes[200];
    uint32_t count = 0;
    uint32_t done = 0;

    set_capacity(fixture, 0); /* Two segments are there; there will be no third. */
    do {
        assert_true(count < ARRAY_COUNT(outcomes));
        node_fixture_run(fixture, takes_calls, fixture);
        outcomes[count++] = node_fixture_enqueue_sized(fixture, "mail", CALL_SIZE);
        node_fixture_turn(fixture, count % 3 == 0);
    } while (!outcomes[count - 1]->code || outcomes[count - 1]->answers);
    node_fixture_turn(fixture, 2);
    assert_int_equal(health(fixture), NODE_DISK_FULL);
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_NO_SPACE);
    set_capacity(fixture, UINT64_MAX);
    node_fixture_wait_all(fixture);
    while (!outcomes[done]->code) {
        done++;
    }
    assert_true(done > 10);
    for (uint32_t i = done; i < count; i++) {
        assert_int_equal(outcomes[i]->code, ERR_NO_SPACE);
    }
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("mail")), done);
    node_fixture_run(fixture, is_well, fixture);
    outcomes[0] = node_fixture_enqueue(fixture, "mail");
    node_fixture_wait(fixture, outcomes[0]);
    assert_int_equal(outcomes[0]->code, ERR_NONE);
}

/* Writes that are under way find no space: their callers wait, those behind them are told, and when
 * there is space they are written and answered well. */
static void test_a_write_waits_for_space(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching idle = {0};
    struct outcome *outcomes[10];

    node_fixture_fetch(fixture, &idle, "idle", LONG_MS);
    mem_disk_set_fault(
        node_fixture_lock_disk(fixture),
        (struct mem_disk_fault){.calls = MEM_DISK_WRITE, .sticky = true, .code = ERR_NO_SPACE});
    for (uint32_t i = 0; i < 10; i++) {
        outcomes[i] = node_fixture_enqueue(fixture, "mail");
        if (i < 2) {
            node_fixture_turn(fixture, 1); /* Two entries go out, the rest gathers. */
        }
    }
    node_fixture_unlock_disk(fixture);
    node_fixture_run(fixture, is_full, fixture);
    node_fixture_turn(fixture, 2);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(outcomes[i]->answers, i >= 2);
        assert_int_equal(outcomes[i]->code, i >= 2 ? ERR_NO_SPACE : ERR_NONE);
    }
    assert_int_equal(idle.outcome->answers, 0);
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_NO_SPACE);
    set_fault(fixture, 0, false, ERR_NONE);
    node_fixture_wait(fixture, outcomes[1]);
    assert_int_equal(outcomes[0]->code, ERR_NONE);
    assert_int_equal(outcomes[1]->code, ERR_NONE);
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("mail")), 2);
    node_fixture_run(fixture, is_well, fixture);
    (void)node_fixture_enqueue(fixture, "idle");
    node_fixture_wait(fixture, idle.outcome);
    assert_int_equal(idle.outcome->jobs, 1);
}

/* Closed while a write waits for space: its caller is told, the node closes, the next start works.
 */
static void test_closing_with_a_write_that_waits(void **state)
{
    struct node_fixture *fixture = *state;
    struct outcome *outcome;

    set_fault(fixture, MEM_DISK_WRITE, true, ERR_NO_SPACE);
    outcome = node_fixture_enqueue(fixture, "mail");
    node_fixture_run(fixture, is_full, fixture);
    assert_int_equal(outcome->answers, 0);
    node_fixture_close(fixture);
    assert_int_equal(outcome->code, ERR_CLOSED);
    set_fault(fixture, 0, false, ERR_NONE);
    node_fixture_must_open(fixture);
    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
}

static bool mail_is_ready(void *context)
{
    const struct node_fixture *fixture = context;

    return core_ready_count(node_core(fixture->node), slice_text("mail")) > 0;
}

/* Work comes due while the disk is full: the tick is refused, and tried again when there is space.
 */
static void test_due_work_waits_for_space(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t due_ns = node_now_ns(fixture->node) + 50 * NS_PER_MS;

    node_fixture_wait(fixture, node_fixture_enqueue_at(fixture, "mail", due_ns));
    set_fault(fixture, MEM_DISK_WRITE, true, ERR_NO_SPACE);
    (void)node_fixture_enqueue(fixture, "other");
    node_fixture_run(fixture, is_full, fixture);
    while (node_now_ns(fixture->node) < due_ns + 10 * NS_PER_MS) {
        node_fixture_turn(fixture, 1);
    }
    assert_false(fixture->node->tick_in_flight);
    assert_false(mail_is_ready(fixture));
    set_fault(fixture, 0, false, ERR_NONE);
    node_fixture_run(fixture, mail_is_ready, fixture);
    assert_int_equal(health(fixture), NODE_READY);
}

/* --- The store -----------------------------------------------------------------------------------
 */

/* What the store thread is told at each of its points: it runs until the fixture is closed, which
 * is after the test. */
static _Atomic int trouble;

static enum err_code at_point(void *context, enum store_point point, struct err *err)
{
    int code = atomic_load(&trouble);

    (void)context;
    if (code && (point == STORE_BEFORE_WRITE || point == STORE_BEFORE_FLUSH)) {
        return err_set(err, (enum err_code)code, "the planned trouble of the store");
    }
    return ERR_NONE;
}

static void hook_store(struct node_fixture *fixture, enum err_code code)
{
    struct store_hooks hooks = {.at = at_point};

    atomic_store(&trouble, code);
    store_set_hooks(fixture->node->store, &hooks);
}

/* The store fails: every call in flight is answered once, nothing is acknowledged any more, though
 * the log is well; a restart has all that was. */
static void test_the_store_fails(void **state)
{
    struct node_fixture *fixture = *state;
    struct stages stages = {0};
    struct outcome *before;

    hook_store(fixture, ERR_NONE);
    before = node_fixture_enqueue(fixture, "kept");
    node_fixture_wait(fixture, before);
    atomic_store(&trouble, ERR_IO);
    fill_stages(fixture, &stages);
    node_fixture_run(fixture, has_failed, fixture);
    node_fixture_turn(fixture, 2);
    for (uint32_t i = stages.first; i < fixture->outcome_count; i++) {
        assert_int_equal(fixture->outcomes[i].answers, 1);
        assert_int_equal(fixture->outcomes[i].code, ERR_IO);
    }
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_IO);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_turn(fixture, 20); /* The entries are committed now, and not applied. */
    assert_int_equal(node_status(fixture->node).pending_ops, 0);
    node_fixture_reopen(fixture);
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("kept")), 1);
}

/* The store has no space: writes are refused, reads and waiters stay, and it heals by itself. */
static void test_the_store_is_full(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching idle = {0}, empty = {0};

    hook_store(fixture, ERR_NO_SPACE);
    node_fixture_fetch(fixture, &idle, "idle", LONG_MS);
    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
    node_fixture_run(fixture, is_full, fixture);
    assert_int_equal(node_fixture_enqueue(fixture, "mail")->code, ERR_NO_SPACE);
    node_fixture_fetch(fixture, &empty, "mail", 0);
    assert_int_equal(empty.outcome->code, ERR_NO_SPACE);
    assert_int_equal(idle.outcome->answers, 0);
    atomic_store(&trouble, ERR_NONE);
    node_fixture_run(fixture, is_well, fixture);
    (void)node_fixture_enqueue(fixture, "idle");
    node_fixture_wait(fixture, idle.outcome);
    assert_int_equal(idle.outcome->jobs, 1);
}

/* The store has no space while the log is replayed: the node starts all the same, refuses writes,
 * and heals. */
static void test_the_store_is_full_in_replay(void **state)
{
    struct node_fixture *fixture = *state;

    /* Replay is over before the hook can be set, so one more entry is given as if it were not. */
    hook_store(fixture, ERR_NO_SPACE);
    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
    node_fixture_run(fixture, is_full, fixture);
    fixture->node->recovered = false;
    node_commit(fixture->node, node_status(fixture->node).applied_index + 1, 1, slice_of(NULL, 0));
    assert_int_equal(fixture->node->failure.code, ERR_NONE);
    fixture->node->recovered = true;
    atomic_store(&trouble, ERR_NONE);
}

/* --- The state machine ---------------------------------------------------------------------------
 */

static void submit_garbage(struct node_fixture *fixture)
{
    uint8_t *bytes = calloc(1, 100);
    uint64_t index;

    assert_non_null(bytes);
    assert_int_equal(replica_submit(fixture->node->replica, bytes, 100, &index, &fixture->err),
                     ERR_NONE);
}

/* An entry that can not be applied stops the node: the calls behind it are answered once, none is
 * applied, and a start on that log is refused with the reason. */
static void test_an_entry_that_does_not_apply(void **state)
{
    struct node_fixture *fixture = *state;
    struct stages stages = {0};

    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "claimed"));
    submit_garbage(fixture);
    stages.first = fixture->outcome_count;
    node_fixture_fetch(fixture, &stages.claimed, "claimed", LONG_MS);
    node_fixture_fetch(fixture, &stages.idle, "idle", LONG_MS);
    (void)node_fixture_enqueue(fixture, "mail");
    node_fixture_wait_all(fixture);
    for (uint32_t i = stages.first; i < fixture->outcome_count; i++) {
        assert_int_equal(fixture->outcomes[i].code, ERR_CORRUPT);
    }
    assert_int_equal(health(fixture), NODE_STORAGE_FAILED);
    assert_false(mail_is_ready(fixture));
    node_fixture_close(fixture);
    assert_int_equal(node_fixture_open(fixture), ERR_CORRUPT);
    assert_null(fixture->node);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, node_fixture_setup, node_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_failed_sync),
        TEST(test_a_failed_write),
        TEST(test_an_opening_fails_at_each_call),
        cmocka_unit_test_setup_teardown(test_the_disk_fills_up_in_the_middle, setup_small_log,
                                        node_fixture_teardown),
        TEST(test_a_write_waits_for_space),
        TEST(test_closing_with_a_write_that_waits),
        TEST(test_due_work_waits_for_space),
        TEST(test_the_store_fails),
        TEST(test_the_store_is_full),
        TEST(test_the_store_is_full_in_replay),
        TEST(test_an_entry_that_does_not_apply),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
