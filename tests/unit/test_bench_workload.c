/* Whole workloads against a fake server: what they say they did is what it saw. */
#include "bench/backlog.h"
#include "bench/call.h"
#include "bench/lifecycle.h"
#include "bench/workload_enqueue.h"
#include "bench/workloads.h"
#include "bench/yardstick.h"
#include "tests/unit/bench_fake.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* A run of one workload on a fake server. */
struct rig {
    struct bench_options options;
    struct results *results;
    struct bench bench;
    struct bench_fake *fake;
};

static void rig_init(struct rig *rig, const struct bench_fake_mode *mode)
{
    *rig = (struct rig){
        .options = {.connections = {{4}, 1},
                    .depth = 1,
                    .duration_ms = 60,
                    .payload_size = 200,
                    .count = 2000,
                    .rate = 500,
                    .workers = 3,
                    .queue = "test"},
        .results = calloc(1, sizeof(*rig->results)),
        .fake = bench_fake_start(mode),
    };
    assert_non_null(rig->results);
    rig->bench = (struct bench){
        .options = &rig->options,
        .results = rig->results,
        .address = {.host = "127.0.0.1", .port = bench_fake_port(rig->fake)},
        .home = "/tmp",
        .patience_ns = 20 * NS_PER_SECOND,
    };
}

/* Ends the server, and tells what it counted. */
static struct bench_fake_counts rig_done(struct rig *rig)
{
    struct bench_fake_counts counts = bench_fake_stop(rig->fake);

    free(rig->results);
    return counts;
}

static double value_of(const struct rig *rig, const char *workload, const char *name)
{
    const struct figure *figure = results_find(rig->results, workload, name);

    assert_non_null(figure);
    return figure->values[figure->count - 1];
}

/* Method: two connection counts; the rate times the window is what the server enqueued, to a
 * request a connection. */
static void b1_counts_enqueues(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;
    double enqueued;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    rig.options.connections = (struct bench_counts){{1, 4}, 2};
    assert_int_equal(workload_b1(&rig.bench, &err), ERR_NONE);
    enqueued = (value_of(&rig, "b1.c1", "rate") + value_of(&rig, "b1.c4", "rate")) * 0.06;
    assert_true(value_of(&rig, "b1.c1", "p50") > 0);
    assert_true(value_of(&rig, "b1.c4", "max") >= value_of(&rig, "b1.c4", "p50"));
    assert_null(results_failures(rig.results, "b1.c1"));
    counts = rig_done(&rig);
    assert_true(enqueued > 0);
    assert_true(enqueued <= (double)counts.enqueued + 0.5);
    assert_true(enqueued >= (double)counts.enqueued - 6);
}

/* Method: a depth of four on one connection, replies in pieces. */
static void b1_takes_a_depth(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.splits = true});
    rig.options.depth = 4;
    assert_int_equal(workload_b1(&rig.bench, &err), ERR_NONE);
    assert_true(value_of(&rig, "b1.c4", "rate") > 0);
    assert_null(results_failures(rig.results, "b1.c4"));
    (void)rig_done(&rig);
}

/* Method: each third request is refused: the failures are those that the server refused and only
 * good ones count. */
static void refusals_do_not_count_as_work(void **state)
{
    const struct failures *failures;
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;
    double enqueued;
    uint64_t refused;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.refuse_every = 3});
    assert_int_equal(workload_b1(&rig.bench, &err), ERR_NONE);
    failures = results_failures(rig.results, "b1.c4");
    assert_non_null(failures);
    assert_int_equal(failures->total, failures->by_status[429]);
    assert_non_null(strstr(failures->first, "OVERLOADED"));
    enqueued = value_of(&rig, "b1.c4", "rate") * 0.06;
    refused = failures->total;
    counts = rig_done(&rig);
    assert_true(refused <= counts.refused && refused + 4 >= counts.refused);
    assert_true(enqueued <= (double)counts.enqueued + 0.5);
}

/* Method: every enqueued job is delivered and acked before the workload ends. */
static void b2_leaves_nothing_behind(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;
    double lives;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    rig.options.connections = (struct bench_counts){{9}, 1};
    assert_int_equal(workload_b2(&rig.bench, &err), ERR_NONE);
    lives = value_of(&rig, "b2", "lives") * 0.06;
    assert_null(results_failures(rig.results, "b2"));
    counts = rig_done(&rig);
    assert_true(counts.enqueued > 0);
    assert_int_equal(counts.enqueued, counts.delivered);
    assert_int_equal(counts.enqueued, counts.acked);
    assert_true(lives > 0 && lives <= (double)counts.acked + 0.5);
}

/* Method: refusals and closed connections in the middle; lives go on, failures show. */
static void b2_survives_refusals(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.refuse_every = 17, .close_every = 13});
    rig.bench.patience_ns = 20 * NS_PER_MS; /* A refused ack leaves a job behind. */
    assert_int_equal(workload_b2(&rig.bench, &err), ERR_NONE);
    assert_non_null(results_failures(rig.results, "b2"));
    assert_int_equal(results_failures(rig.results, "b2")->by_status[STATUS_LOST], 0);
    counts = rig_done(&rig);
    assert_true(counts.acked > 0);
    assert_true(counts.refused > 0);
}

/* Method: the server acknowledges and loses each fiftieth job. */
static void b2_notices_lost_jobs(void **state)
{
    const struct failures *failures;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.lose_every = 50});
    rig.bench.patience_ns = 20 * NS_PER_MS;
    rig.options.duration_ms = 200;
    assert_int_equal(workload_b2(&rig.bench, &err), ERR_NONE);
    failures = results_failures(rig.results, "b2");
    assert_non_null(failures);
    assert_true(failures->by_status[STATUS_WRONG] > 0);
    (void)rig_done(&rig);
}

/* Method: a delivery without a lease token is not a life. */
static void b2_notices_missing_tokens(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.no_tokens = true});
    rig.bench.patience_ns = 20 * NS_PER_MS;
    assert_int_equal(workload_b2(&rig.bench, &err), ERR_NONE);
    assert_non_null(results_failures(rig.results, "b2"));
    assert_true(value_of(&rig, "b2", "lives") < 1e-9);
    counts = rig_done(&rig);
    assert_int_equal(counts.acked, 0);
}

/* Method: the jobs offered are rate times window, all of them delivered. */
static void wake_offers_its_rate(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    rig.options.duration_ms = 200;
    assert_int_equal(workload_wake(&rig.bench, &err), ERR_NONE);
    assert_true(value_of(&rig, "wake", "p50") > 0);
    assert_true(value_of(&rig, "wake", "p99") <= value_of(&rig, "wake", "max"));
    assert_null(results_failures(rig.results, "wake"));
    counts = rig_done(&rig);
    /* 500 a second for 200 ms. A producer that is late sends at once, so the number is kept. */
    assert_true(counts.enqueued >= 50 && counts.enqueued <= 101);
    assert_int_equal(counts.acked, counts.enqueued);
}

/* Method: half of b2's rate is offered when none is given. */
static void wake_measures_b2_first(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    rig.options.rate = 0;
    assert_int_equal(workload_wake(&rig.bench, &err), ERR_NONE);
    assert_true(value_of(&rig, "wake", "offered") * 2 - value_of(&rig, "b2", "lives") < 1e-6);
    assert_true(value_of(&rig, "b2", "lives") - value_of(&rig, "wake", "offered") * 2 < 1e-6);
    (void)rig_done(&rig);
}

/* Method: the count is enqueued by thousands and acked by batches, to the last. */
static void drain_works_everything_off(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    assert_int_equal(workload_drain(&rig.bench, &err), ERR_NONE);
    assert_true(value_of(&rig, "drain", "fill") > 0);
    assert_true(value_of(&rig, "drain", "lives") > 0);
    assert_null(results_failures(rig.results, "drain"));
    counts = rig_done(&rig);
    assert_int_equal(counts.enqueued, 2000);
    assert_int_equal(counts.acked, 2000);
}

/* Method: a job is lost: the drain ends and says so. */
static void drain_notices_lost_jobs(void **state)
{
    const struct failures *failures;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.lose_every = 1500});
    rig.bench.patience_ns = 50 * NS_PER_MS;
    assert_int_equal(workload_drain(&rig.bench, &err), ERR_NONE);
    failures = results_failures(rig.results, "drain");
    assert_non_null(failures);
    assert_int_equal(failures->by_status[STATUS_WRONG], 1);
    (void)rig_done(&rig);
}

/* Method: a count that the batches do not fill. */
static void a_count_of_half_batches_is_refused(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    rig.options.count = 1500;
    assert_int_equal(workload_drain(&rig.bench, &err), ERR_INVALID);
    (void)rig_done(&rig);
}

/* Method: jobs due alone and at one instant, all delivered and acked. */
static void due_measures_lateness(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    assert_int_equal(workload_due(&rig.bench, &err), ERR_NONE);
    if (results_failures(rig.results, "due")) {
        fail_msg("%s", results_failures(rig.results, "due")->first);
    }
    assert_true(value_of(&rig, "due", "alone.max") > 0);
    assert_true(value_of(&rig, "due", "burst.all") > 0);
    assert_true(value_of(&rig, "due", "probe.max") > 0);
    counts = rig_done(&rig);
    assert_int_equal(counts.delivered, 500 + 2000);
    assert_int_equal(counts.acked, 500 + 2000);
}

/* Method: a server that does not wait for the time. */
static void due_notices_early_jobs(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){.early = true});
    assert_int_equal(workload_due(&rig.bench, &err), ERR_NONE);
    assert_non_null(results_failures(rig.results, "due"));
    assert_true(results_failures(rig.results, "due")->by_status[STATUS_WRONG] >= 2500);
    (void)rig_done(&rig);
}

/* Method: this process is the server that is watched; without a process there is nothing to say. */
static void b10_needs_a_process(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    rig.options.idle_ms = 30;
    assert_int_equal(workload_b10(&rig.bench, &err), ERR_UNSUPPORTED);
    assert_int_equal(call_info(&rig.bench, &rig.bench.pid, &err), ERR_NONE);
    assert_int_equal(rig.bench.pid, 4711);
    rig.bench.pid = getpid();
    assert_int_equal(workload_b10(&rig.bench, &err), ERR_NONE);
    assert_true(value_of(&rig, "b10", "rss_anon") > 0);
    assert_true(value_of(&rig, "b10", "cpu") >= 0);
    (void)rig_done(&rig);
}

/* Method: b4 counts jobs, not requests. */
static void b4_counts_jobs(void **state)
{
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;
    double jobs;

    (void)state;
    rig_init(&rig,
             &(struct bench_fake_mode){.lose_every = 1}); /* It keeps none of the many jobs. */
    rig.options.duration_ms = 500;
    assert_int_equal(workload_b4(&rig.bench, &err), ERR_NONE);
    jobs = value_of(&rig, "b4", "rate") * 0.5;
    assert_null(results_failures(rig.results, "b4"));
    counts = rig_done(&rig);
    assert_true(jobs >= 999);
    assert_true(jobs <= (double)counts.enqueued + 0.5);
    assert_true(counts.enqueued >= 1000 * counts.requests);
}

/* Method: nobody listens any more. */
static void a_server_that_is_gone_is_an_error(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    (void)bench_fake_stop(rig.fake);
    assert_int_equal(workload_b2(&rig.bench, &err), ERR_CLOSED);
    assert_int_equal(workload_due(&rig.bench, &err), ERR_CLOSED);
    free(rig.results);
}

/* Method: both yardsticks once; the h1 server answers real requests of the client. */
static void yardsticks_measure_something(void **state)
{
    struct err err;
    struct rig rig;

    (void)state;
    rig_init(&rig, &(struct bench_fake_mode){0});
    assert_int_equal(yardstick_h1(&rig.bench, &err), ERR_NONE);
    assert_int_equal(yardstick_sync(&rig.bench, &err), ERR_NONE);
    assert_true(value_of(&rig, "h1", "rate") > 1000);
    assert_true(value_of(&rig, "h1", "p50") > 0);
    assert_true(value_of(&rig, "sync", "rate") > 1);
    assert_null(results_failures(rig.results, "h1"));
    (void)snprintf(rig.bench.home, sizeof(rig.bench.home), "/nowhere/at/all");
    assert_int_equal(yardstick_sync(&rig.bench, &err), ERR_IO);
    (void)rig_done(&rig);
}

/* What is asked beside lives: how often, and what was answered. */
struct beside {
    struct buf request;
    uint64_t asked, answered;
};

static struct slice ask_beside(void *context, uint64_t number)
{
    struct beside *beside = context;

    assert_int_equal(number, beside->asked);
    beside->asked++;
    return buf_slice(&beside->request);
}

static void take_beside(void *context, const struct client_reply *reply)
{
    struct beside *beside = context;

    assert_int_equal(reply->status, 200);
    assert_true(reply->received_ns >= reply->sent_ns);
    beside->answered++;
}

/* Method: b2 with a question every ms on a connection of its own: it is asked one at a time, about
 * as often, and does not count as a life. */
static void lives_with_something_beside(void **state)
{
    struct lifecycle *life = calloc(1, sizeof(*life));
    struct lifecycle_options options;
    struct beside beside = {.asked = 0};
    struct bench_fake_counts counts;
    struct err err;
    struct rig rig;

    (void)state;
    assert_non_null(life);
    rig_init(&rig, &(struct bench_fake_mode){0});
    buf_init(&beside.request, REQUEST_SIZE_MAX);
    request_build(&beside.request, &rig.bench, "/healthz", slice_of(NULL, 0));
    options = workload_b2_options(&rig.bench);
    options.name = "beside";
    options.queue = "beside";
    options.aside_next = ask_beside;
    options.aside_reply = take_beside;
    options.aside_context = &beside;
    options.aside_interval_ns = NS_PER_MS;
    assert_int_equal(lifecycle_init(life, &rig.bench, &options, &err), ERR_NONE);
    assert_int_equal(lifecycle_run(life, &err), ERR_NONE);
    assert_true(beside.answered > 0);
    assert_true(beside.asked - beside.answered <= 1);
    assert_true(beside.asked <= 62);
    assert_null(results_failures(rig.results, "beside"));
    counts = rig_done(&rig);
    assert_int_equal(life->acked_count, counts.acked);
    lifecycle_done(life);
    buf_done(&beside.request);
    free(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b1_counts_enqueues),
        cmocka_unit_test(b1_takes_a_depth),
        cmocka_unit_test(refusals_do_not_count_as_work),
        cmocka_unit_test(b2_leaves_nothing_behind),
        cmocka_unit_test(b2_survives_refusals),
        cmocka_unit_test(b2_notices_lost_jobs),
        cmocka_unit_test(b2_notices_missing_tokens),
        cmocka_unit_test(wake_offers_its_rate),
        cmocka_unit_test(wake_measures_b2_first),
        cmocka_unit_test(drain_works_everything_off),
        cmocka_unit_test(drain_notices_lost_jobs),
        cmocka_unit_test(a_count_of_half_batches_is_refused),
        cmocka_unit_test(due_measures_lateness),
        cmocka_unit_test(due_notices_early_jobs),
        cmocka_unit_test(b10_needs_a_process),
        cmocka_unit_test(b4_counts_jobs),
        cmocka_unit_test(a_server_that_is_gone_is_an_error),
        cmocka_unit_test(yardsticks_measure_something),
        cmocka_unit_test(lives_with_something_beside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
