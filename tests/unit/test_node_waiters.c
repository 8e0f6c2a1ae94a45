/* Fetches that wait: order, the semaphore of claims, cancelling, and what waiting costs. */
#include "node/wait_queue.h"
#include "tests/unit/node_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 3600000

static uint32_t waiting(const struct node_fixture *fixture)
{
    return node_status(fixture->node).waiters;
}

/* --- Waiting -------------------------------------------------------------------------------------
 */

/* No job and no time to wait: answered at once, and the log has nothing of it. */
static void test_an_empty_fetch_is_no_entry(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t index = node_fixture_index(fixture);
    struct fetching fetching = {0};

    for (uint32_t i = 0; i < 100; i++) {
        node_fixture_fetch(fixture, &fetching, "mail,other", 0);
        assert_int_equal(fetching.outcome->answers, 1);
        assert_int_equal(fetching.outcome->code, ERR_NONE);
        assert_int_equal(fetching.outcome->jobs, 0);
        assert_null(fetching.waiter);
        node_fixture_turn(fixture, 1);
    }
    assert_int_equal(node_fixture_index(fixture), index);
    assert_int_equal(node_status(fixture->node).applied_index, index);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* A job that is there is claimed at once, with and without time to wait. */
static void test_a_ready_job_is_claimed(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[2] = {0};

    for (uint32_t i = 0; i < 2; i++) {
        struct outcome *job = node_fixture_enqueue(fixture, "mail");

        node_fixture_wait(fixture, job);
        node_fixture_fetch(fixture, &fetching[i], "mail", i ? LONG_MS : 0);
        node_fixture_wait(fixture, fetching[i].outcome);
        assert_string_equal(fetching[i].outcome->job_id, job->job_id);
        assert_true(fetching[i].outcome->index > job->index);
    }
}

/* A waiter is woken by the enqueue and costs one entry, its claim. */
static void test_a_waiter_is_woken(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching = {0};
    struct outcome *job;
    uint64_t index;

    node_fixture_fetch(fixture, &fetching, "mail", LONG_MS);
    index = node_fixture_index(fixture);
    node_fixture_turn(fixture, 20);
    assert_int_equal(fetching.outcome->answers, 0);
    assert_int_equal(waiting(fixture), 1);
    job = node_fixture_enqueue(fixture, "mail");
    node_fixture_wait(fixture, fetching.outcome);
    assert_string_equal(fetching.outcome->job_id, job->job_id);
    assert_int_equal(fetching.outcome->index, index + 2);
    assert_int_equal(waiting(fixture), 0);
}

/* The time is over: an empty answer, and no entry. */
static void test_a_waiter_gives_up(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t index = node_fixture_index(fixture);
    struct fetching fetching = {0};

    node_fixture_fetch(fixture, &fetching, "mail", 20);
    node_fixture_wait(fixture, fetching.outcome);
    assert_int_equal(fetching.outcome->code, ERR_NONE);
    assert_int_equal(fetching.outcome->jobs, 0);
    assert_int_equal(node_fixture_index(fixture), index);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* The time runs out while the claim is in flight: the job that it took is delivered all the same.
 */
static void test_time_runs_out_in_flight(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching = {0};
    struct outcome *job;
    uint64_t until_ns;

    node_fixture_fetch(fixture, &fetching, "mail", 50);
    node_fixture_allow_syncs(fixture, 0);
    job = node_fixture_enqueue(fixture, "mail");
    node_fixture_turn(fixture, 2);
    node_fixture_allow_syncs(fixture, 1);
    node_fixture_wait(fixture, job);
    assert_int_equal(waiting(fixture), 0);
    until_ns = uv_hrtime() + 60 * NS_PER_MS; /* After the waiter's own timer. */
    while (uv_hrtime() < until_ns) {
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait(fixture, fetching.outcome);
    assert_string_equal(fetching.outcome->job_id, job->job_id);
}

/* 100 waiting workers cost nothing: no entry, no byte of log, no sync, however often timers look.
 */
static void test_waiting_writes_nothing(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching *fetching = calloc(100, sizeof(*fetching));
    struct node_status before, after;

    assert_non_null(fetching);
    for (uint32_t i = 0; i < 100; i++) {
        node_fixture_fetch(fixture, &fetching[i], i % 2 ? "mail,other" : "other", LONG_MS);
    }
    before = node_status(fixture->node);
    for (uint32_t i = 0; i < 100; i++) {
        timers_sweep(&fixture->node->sweep_timer);
        node_fixture_turn(fixture, 2);
    }
    after = node_status(fixture->node);
    assert_int_equal(after.waiters, 100);
    assert_int_equal(after.commit_index, before.commit_index);
    assert_int_equal(after.log_bytes, before.log_bytes);
    assert_int_equal(after.log_syncs, before.log_syncs);
    node_fixture_close(fixture);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(fetching[i].outcome->code, ERR_CLOSED);
    }
    free(fetching);
}

/* Jobs elsewhere wake nobody: ten entries for ten enqueues. */
static void test_other_queues_wake_nobody(void **state)
{
    struct node_fixture *fixture = *state;
    uint64_t index = node_fixture_index(fixture);
    struct fetching fetching = {0};

    node_fixture_fetch(fixture, &fetching, "mail", LONG_MS);
    for (uint32_t i = 0; i < 10; i++) {
        node_fixture_wait(fixture, node_fixture_enqueue(fixture, "other"));
    }
    assert_int_equal(node_fixture_index(fixture), index + 10);
    assert_int_equal(waiting(fixture), 1);
}

/* --- Order ---------------------------------------------------------------------------------------
 */

/* Ten waiters, ten jobs: the oldest waiter gets the oldest job. */
static void test_first_come_first_served(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[10] = {0};
    struct outcome *jobs[10];

    for (uint32_t i = 0; i < 10; i++) {
        node_fixture_fetch(fixture, &fetching[i], "mail", LONG_MS);
    }
    for (uint32_t i = 0; i < 10; i++) {
        jobs[i] = node_fixture_enqueue(fixture, "mail");
        if (i % 3 == 0) {
            node_fixture_turn(fixture, 5);
        }
    }
    for (uint32_t i = 0; i < 10; i++) {
        node_fixture_wait(fixture, fetching[i].outcome);
        assert_string_equal(fetching[i].outcome->job_id, jobs[i]->job_id);
    }
}

static void cancel_job(struct outcome *outcome, void *context)
{
    (void)context;
    (void)node_fixture_cancel(outcome->fixture, outcome->job_id);
}

/* Two claims come back empty, because the jobs were cancelled in the same entry: both waiters keep
 * their places, before the one that came later. */
static void test_an_empty_claim_keeps_the_place(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[3] = {0};
    struct outcome *jobs[3];

    for (uint32_t i = 0; i < 3; i++) {
        node_fixture_fetch(fixture, &fetching[i], i ? "mail" : "other,mail", LONG_MS);
    }
    for (uint32_t i = 0; i < 2; i++) {
        jobs[i] = node_fixture_enqueue(fixture, "mail");
        jobs[i]->then = cancel_job;
    }
    node_fixture_wait(fixture, jobs[1]);
    assert_int_equal(waiting(fixture), 1);
    while (waiting(fixture) < 3) {
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    }
    for (uint32_t i = 0; i < 3; i++) {
        jobs[i] = node_fixture_enqueue(fixture, "mail");
        node_fixture_wait(fixture, fetching[i].outcome);
        assert_string_equal(fetching[i].outcome->job_id, jobs[i]->job_id);
    }
}

/* Who comes back to a queue in which older ones wait stands behind them, not in front. */
static void test_an_empty_claim_overtakes_nobody(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching older = {0}, back = {0};
    struct outcome *job;

    node_fixture_fetch(fixture, &older, "mail", LONG_MS);
    node_fixture_fetch(fixture, &back, "other,mail", LONG_MS);
    job = node_fixture_enqueue(fixture, "other");
    job->then = cancel_job;
    node_fixture_wait(fixture, job);
    assert_int_equal(waiting(fixture), 1);
    while (waiting(fixture) < 2) {
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    }
    (void)node_fixture_enqueue(fixture, "mail");
    node_fixture_wait(fixture, older.outcome);
    assert_int_equal(back.outcome->answers, 0);
}

struct newcomer {
    struct node_fixture *fixture;
    struct fetching fetching;
};

static void fetch_too(struct outcome *outcome, void *context)
{
    struct newcomer *newcomer = context;

    (void)outcome;
    node_fixture_fetch(newcomer->fixture, &newcomer->fetching, "mail", LONG_MS);
}

/* A fetch that comes in between the job and the waking of those who wait is behind them. */
static void test_a_newcomer_does_not_overtake(void **state)
{
    struct node_fixture *fixture = *state;
    struct newcomer newcomer = {.fixture = fixture};
    struct fetching older = {0};
    struct outcome *job;

    node_fixture_fetch(fixture, &older, "mail", LONG_MS);
    job = node_fixture_enqueue(fixture, "mail");
    job->then = fetch_too;
    job->context = &newcomer;
    node_fixture_wait(fixture, older.outcome);
    assert_string_equal(older.outcome->job_id, job->job_id);
    assert_int_equal(newcomer.fetching.outcome->answers, 0);
    job = node_fixture_enqueue(fixture, "mail");
    node_fixture_wait(fixture, newcomer.fetching.outcome);
    assert_string_equal(newcomer.fetching.outcome->job_id, job->job_id);
}

/* --- Several queues ------------------------------------------------------------------------------
 */

/* A waiter for several queues, one of them twice, gets the first job of any and leaves the lists of
 * all. */
static void test_several_queues(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching several = {0}, other = {0};
    struct outcome *job;

    node_fixture_fetch(fixture, &several, "a,b,b,c", LONG_MS);
    node_fixture_fetch(fixture, &other, "c", LONG_MS);
    job = node_fixture_enqueue(fixture, "b");
    node_fixture_wait(fixture, several.outcome);
    assert_string_equal(several.outcome->job_id, job->job_id);
    job = node_fixture_enqueue(fixture, "c");
    node_fixture_wait(fixture, other.outcome);
    assert_string_equal(other.outcome->job_id, job->job_id);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* A fetch of many takes from its queues in their order, and leaves what is over for the next. */
static void test_a_fetch_of_many(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching many = {.fetch = {.count = 10}}, rest = {.fetch = {.count = 10}};

    for (uint32_t i = 0; i < 12; i++) {
        (void)node_fixture_enqueue(fixture, i % 2 ? "a" : "b");
    }
    node_fixture_wait_all(fixture);
    node_fixture_fetch(fixture, &many, "a,b", LONG_MS);
    node_fixture_fetch(fixture, &rest, "b", LONG_MS);
    node_fixture_wait_all(fixture);
    assert_int_equal(many.outcome->jobs, 10);
    assert_string_equal(many.outcome->queue, "a");
    assert_int_equal(rest.outcome->jobs, 2);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* A paused queue wakes nobody; its waiters are woken when it is resumed. */
static void test_a_paused_queue(void **state)
{
    struct node_fixture *fixture = *state;
    struct op_queue pause = {.queue = slice_text("mail")};
    struct fetching fetching = {0};

    node_fixture_submit(fixture, "pause", &pause, node_fixture_outcome(fixture));
    (void)node_fixture_enqueue(fixture, "mail");
    node_fixture_wait_all(fixture);
    node_fixture_fetch(fixture, &fetching, "mail", LONG_MS);
    node_fixture_turn(fixture, 20);
    assert_int_equal(waiting(fixture), 1);
    node_fixture_submit(fixture, "resume", &pause, node_fixture_outcome(fixture));
    node_fixture_wait(fixture, fetching.outcome);
    assert_int_equal(fetching.outcome->jobs, 1);
}

/* --- The semaphore -------------------------------------------------------------------------------
 */

static void assert_claims(const struct node_fixture *fixture, const char *name, uint32_t most)
{
    const struct wait_queue *queue = wait_queue_find(&fixture->node->waiters, slice_text(name));

    assert_true(!queue || queue->claims <= most);
}

/* At most claims_max claims of a queue are in flight; who is over it waits and is served. */
static void test_claims_in_flight_are_bounded(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[20] = {0};
    uint64_t index;

    node_fixture_close(fixture);
    fixture->options.claims_max = 2;
    node_fixture_must_open(fixture);
    for (uint32_t i = 0; i < 20; i++) {
        node_fixture_fetch(fixture, &fetching[i], "mail", LONG_MS);
    }
    for (uint32_t i = 0; i < 20; i++) {
        (void)node_fixture_enqueue(fixture, "mail");
    }
    index = node_fixture_index(fixture);
    while (fixture->answers < 40) {
        node_fixture_turn(fixture, 1);
        assert_claims(fixture, "mail", 2);
    }
    /* One entry of jobs, ten of two claims each. */
    assert_int_equal(node_fixture_index(fixture), index + 11);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* One job wakes one of ten waiters: there is one claim, not ten. */
static void test_one_job_wakes_one(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[10] = {0};
    uint64_t index;

    for (uint32_t i = 0; i < 10; i++) {
        node_fixture_fetch(fixture, &fetching[i], "mail", LONG_MS);
    }
    index = node_fixture_index(fixture);
    (void)node_fixture_enqueue(fixture, "mail");
    node_fixture_wait(fixture, fetching[0].outcome);
    node_fixture_turn(fixture, 20);
    assert_int_equal(waiting(fixture), 9);
    assert_int_equal(node_fixture_index(fixture), index + 2);
    assert_int_equal(node_status(fixture->node).applied_ops_total, 3); /* And the first tick. */
}

/* 10,000 waiters and 10,000 jobs: each waiter gets one job, each job one waiter. */
static void test_ten_thousand_waiters(void **state)
{
    enum { COUNT = 10000, CALL = 1000 };
    struct node_fixture *fixture = *state;
    struct fetching *fetching = calloc(COUNT, sizeof(*fetching));
    static const struct op_head head;
    static struct op_enqueue request;
    struct node_op *ops = calloc(CALL, sizeof(*ops));

    assert_non_null(fetching);
    assert_non_null(ops);
    for (uint32_t i = 0; i < COUNT; i++) {
        node_fixture_fetch(fixture, &fetching[i], i % 7 ? "mail" : "other,mail", LONG_MS);
    }
    assert_int_equal(waiting(fixture), COUNT);
    request.queue = slice_text("mail");
    for (uint32_t i = 0; i < CALL; i++) {
        ops[i] = (struct node_op){.spec = &op_enqueue_spec, .request = &request};
    }
    for (uint32_t i = 0; i < COUNT / CALL; i++) {
        assert_int_equal(node_submit(fixture->node, &head, ops, CALL, true, outcome_done,
                                     node_fixture_outcome(fixture), &fixture->err),
                         ERR_NONE);
    }
    while (fixture->answers < fixture->outcome_count) {
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
        assert_claims(fixture, "mail", CLAIMS_IN_FLIGHT_MAX);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(fetching[i].outcome->jobs, 1);
    }
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("mail")), 0);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
    free(fetching);
    free(ops);
}

/* 300 waiters, each for a queue of its own: the table of queues grows and is emptied again. */
static void test_many_queues(void **state)
{
    enum { COUNT = 300 };
    struct node_fixture *fixture = *state;
    struct fetching *fetching = calloc(COUNT, sizeof(*fetching));
    char(*names)[8] = calloc(COUNT, sizeof(*names));

    assert_non_null(fetching);
    assert_non_null(names);
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "q%u", i);
        node_fixture_fetch(fixture, &fetching[i], names[i], LONG_MS);
    }
    assert_int_equal(fixture->node->waiters.queue_count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)node_fixture_enqueue(fixture, names[i]);
    }
    node_fixture_wait_all(fixture);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_string_equal(fetching[i].outcome->queue, names[i]);
    }
    assert_int_equal(fixture->node->waiters.queue_count, 0);
    free(fetching);
    free(names);
}

/* --- Refused claims ------------------------------------------------------------------------------
 */

static void fill_pipeline(struct outcome *outcome, void *context)
{
    (void)context;
    while (node_fixture_enqueue(outcome->fixture, "other")->code == ERR_NONE) {
    }
}

/* The pipeline is full when the job comes: the waiter stays and is served when there is room, a
 * newcomer is told that there is none. */
static void test_a_refused_claim_is_tried_again(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching waiter = {0}, newcomer = {0}, at_once = {0};
    struct outcome *job;

    node_fixture_close(fixture);
    fixture->options.pending_max = 10;
    node_fixture_must_open(fixture);
    node_fixture_fetch(fixture, &waiter, "mail", LONG_MS);
    node_fixture_allow_syncs(fixture, 0);
    job = node_fixture_enqueue(fixture, "mail");
    job->then = fill_pipeline;
    node_fixture_turn(fixture, 2);
    node_fixture_allow_syncs(fixture, 1);
    node_fixture_wait(fixture, job);
    assert_int_equal(waiting(fixture), 1);
    assert_int_equal(fixture->node->waiters.refused_count, 1);
    node_fixture_fetch(fixture, &newcomer, "mail", LONG_MS);
    assert_int_equal(newcomer.outcome->code, ERR_BUSY);
    node_fixture_fetch(fixture, &at_once, "mail", 0);
    assert_int_equal(at_once.outcome->code, ERR_BUSY);
    assert_int_equal(node_status(fixture->node).overload_total, 3);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait_all(fixture);
    assert_string_equal(waiter.outcome->job_id, job->job_id);
    assert_int_equal(fixture->node->waiters.refused_count, 0);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* The queue that was refused is given up with its waiter, and the node can still be closed. */
static void test_a_refused_waiter_is_cancelled(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching waiter = {0};
    struct outcome *job;

    node_fixture_close(fixture);
    fixture->options.pending_max = 10;
    node_fixture_must_open(fixture);
    for (uint32_t i = 0; i < 2; i++) {
        node_fixture_fetch(fixture, &waiter, i ? "b" : "a", LONG_MS);
        job = node_fixture_enqueue(fixture, i ? "b" : "a");
        job->then = fill_pipeline;
        node_fixture_wait(fixture, job);
        assert_int_equal(fixture->node->waiters.refused_count, 1);
        assert_true(node_fetch_cancel(fixture->node, waiter.waiter));
        fixture->answers++;
        if (i == 0) {
            node_fixture_wait_all(fixture);
            assert_int_equal(fixture->node->waiters.queue_count, 0);
        }
    }
}

/* --- Cancelling and ending -----------------------------------------------------------------------
 */

/* A waiter that is cancelled is never answered and leaves nothing behind. */
static void test_cancelling_a_waiter(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[3] = {0};

    for (uint32_t i = 0; i < 3; i++) {
        node_fixture_fetch(fixture, &fetching[i], "mail,other", LONG_MS);
    }
    assert_true(node_fetch_cancel(fixture->node, fetching[1].waiter));
    fixture->answers++;
    (void)node_fixture_enqueue(fixture, "mail");
    (void)node_fixture_enqueue(fixture, "other");
    node_fixture_wait_all(fixture);
    assert_int_equal(fetching[0].outcome->jobs, 1);
    assert_int_equal(fetching[1].outcome->answers, 0);
    assert_int_equal(fetching[2].outcome->jobs, 1);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* Cancelled when its claim is in flight: the answer follows with what the claim took. */
static void test_cancelling_a_claim_in_flight(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching = {0};

    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
    node_fixture_allow_syncs(fixture, 0);
    node_fixture_fetch(fixture, &fetching, "mail", LONG_MS);
    node_fixture_turn(fixture, 2);
    assert_false(node_fetch_cancel(fixture->node, fetching.waiter));
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait(fixture, fetching.outcome);
    assert_int_equal(fetching.outcome->jobs, 1);
}

/* Nobody waits any more and the claim comes back empty: it does not wait again. */
static void test_a_cancelled_claim_comes_back_empty(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching = {0};
    struct outcome *job;

    node_fixture_fetch(fixture, &fetching, "mail", LONG_MS);
    job = node_fixture_enqueue(fixture, "mail");
    job->then = cancel_job;
    node_fixture_wait(fixture, job);
    assert_false(node_fetch_cancel(fixture->node, fetching.waiter));
    node_fixture_wait(fixture, fetching.outcome);
    assert_int_equal(fetching.outcome->jobs, 0);
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

struct worker {
    struct fetching fetching;
    uint32_t *left;
};

static void work(struct outcome *outcome, void *context)
{
    struct worker *worker = context;
    struct node_fixture *fixture = outcome->fixture;

    assert_int_equal(outcome->jobs, 1);
    if (*worker->left > 0) {
        (*worker->left)--;
        node_fixture_fetch(fixture, &worker->fetching, "mail", LONG_MS);
        worker->fetching.outcome->then = work;
        worker->fetching.outcome->context = worker;
    }
}

/* Workers that fetch again from the callback work off 2,000 jobs, each once. */
static void test_a_callback_may_fetch(void **state)
{
    struct node_fixture *fixture = *state;
    struct worker workers[10] = {0};
    uint32_t left = 1990;

    for (uint32_t i = 0; i < 2000; i++) {
        (void)node_fixture_enqueue(fixture, "mail");
    }
    for (uint32_t i = 0; i < 10; i++) {
        workers[i].left = &left;
        node_fixture_fetch(fixture, &workers[i].fetching, "mail", LONG_MS);
        workers[i].fetching.outcome->then = work;
        workers[i].fetching.outcome->context = &workers[i];
    }
    node_fixture_wait_all(fixture);
    assert_int_equal(left, 0);
    assert_int_equal(core_ready_count(node_core(fixture->node), slice_text("mail")), 0);
}

static void cancel_other(struct outcome *outcome, void *context)
{
    struct fetching *other = context;

    if (other->outcome->answers == 0 && node_fetch_cancel(outcome->fixture->node, other->waiter)) {
        outcome->fixture->answers++;
        other->outcome->then = NULL;
        other->waiter = NULL;
    }
}

static void ignore_drained(void *context)
{
    (void)context;
}

/* All waiters are answered, and the callbacks cancel their neighbours, older and younger: each is
 * answered or cancelled, none twice. */
static void test_a_callback_may_cancel_others(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching fetching[30] = {0};

    for (uint32_t i = 0; i < 30; i++) {
        node_fixture_fetch(fixture, &fetching[i], "mail", LONG_MS);
    }
    for (uint32_t i = 0; i < 30; i++) {
        fetching[i].outcome->then = cancel_other;
        fetching[i].outcome->context = &fetching[i % 3 ? i - 1 : (i + 2) % 30];
    }
    node_drain(fixture->node, ignore_drained, NULL);
    assert_int_equal(waiting(fixture), 0);
    for (uint32_t i = 0; i < 30; i++) {
        assert_int_equal(fetching[i].outcome->answers + (fetching[i].waiter == NULL), 1);
        assert_int_equal(fetching[i].outcome->jobs, 0);
    }
    assert_int_equal(fixture->node->waiters.queue_count, 0);
}

/* Draining answers those who wait with nothing, and those whose claim is in flight with the job. */
static void test_draining_with_waiters(void **state)
{
    struct node_fixture *fixture = *state;
    struct fetching claimed = {0}, idle = {0};

    node_fixture_wait(fixture, node_fixture_enqueue(fixture, "mail"));
    node_fixture_allow_syncs(fixture, 0);
    node_fixture_fetch(fixture, &claimed, "mail", LONG_MS);
    node_fixture_fetch(fixture, &idle, "mail", LONG_MS);
    node_drain(fixture->node, ignore_drained, NULL);
    assert_int_equal(idle.outcome->answers, 1);
    assert_int_equal(idle.outcome->jobs, 0);
    assert_int_equal(claimed.outcome->answers, 0);
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_fixture_wait(fixture, claimed.outcome);
    assert_int_equal(claimed.outcome->jobs, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, node_fixture_setup, node_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_fetch_is_no_entry),
        TEST(test_a_ready_job_is_claimed),
        TEST(test_a_waiter_is_woken),
        TEST(test_a_waiter_gives_up),
        TEST(test_time_runs_out_in_flight),
        TEST(test_waiting_writes_nothing),
        TEST(test_other_queues_wake_nobody),
        TEST(test_first_come_first_served),
        TEST(test_an_empty_claim_keeps_the_place),
        TEST(test_an_empty_claim_overtakes_nobody),
        TEST(test_a_newcomer_does_not_overtake),
        TEST(test_several_queues),
        TEST(test_a_fetch_of_many),
        TEST(test_a_paused_queue),
        TEST(test_claims_in_flight_are_bounded),
        TEST(test_one_job_wakes_one),
        TEST(test_ten_thousand_waiters),
        TEST(test_many_queues),
        TEST(test_a_refused_claim_is_tried_again),
        TEST(test_a_refused_waiter_is_cancelled),
        TEST(test_cancelling_a_waiter),
        TEST(test_cancelling_a_claim_in_flight),
        TEST(test_a_cancelled_claim_comes_back_empty),
        TEST(test_a_callback_may_fetch),
        TEST(test_a_callback_may_cancel_others),
        TEST(test_draining_with_waiters),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
