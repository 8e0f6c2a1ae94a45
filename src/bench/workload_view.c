/* view: what the view costs and gives. b2 with it and without, how far it is behind at a steady
 * rate, and pages of a search over many jobs while b2 runs. */
#include "bench/backlog.h"
#include "bench/call.h"
#include "bench/clock.h"
#include "bench/lifecycle.h"
#include "bench/scan.h"
#include "bench/server_process.h"
#include "bench/workloads.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define PACED_RATE 10000
#define PACED_PRODUCERS 32
#define PACED_WORKERS 64
#define LAG_INTERVAL_NS (20 * NS_PER_MS)
#define PAGE_INTERVAL_NS (10 * NS_PER_MS)
#define COUNT_DEFAULT 1000000
#define SETTLE_NS (120 * NS_PER_SECOND)
#define PAGES 3

/* What is asked beside the lives, and what came of it. */
struct aside {
    struct load *load;
    struct buf requests[PAGES];
    uint32_t request_count;
    uint64_t lag_ms_max;
    struct hist latency;
    bool counts_lag; /* Replies are of /cluster/status, else of searches. */
};

static struct slice next_request(void *context, uint64_t number)
{
    struct aside *aside = context;

    return buf_slice(&aside->requests[number % aside->request_count]);
}

static void on_answer(void *context, const struct client_reply *reply)
{
    struct aside *aside = context;
    uint64_t lag_ms;

    if (!load_accept(aside->load, reply) || reply->received_ns < aside->load->from_ns ||
        reply->received_ns >= aside->load->until_ns) {
        return;
    }
    hist_add(&aside->latency, reply->received_ns - reply->sent_ns);
    if (!aside->counts_lag) {
        return;
    }
    if (!scan_number(reply->body, "\"view_lag_ms\":", &lag_ms)) {
        load_wrong(aside->load, "the status tells no view_lag_ms");
        return;
    }
    aside->lag_ms_max = lag_ms > aside->lag_ms_max ? lag_ms : aside->lag_ms_max;
}

static void aside_done(struct aside *aside)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        buf_done(&aside->requests[i]);
    }
    free(aside);
}

static struct aside *aside_create(bool counts_lag, struct err *err)
{
    struct aside *aside = calloc(1, sizeof(*aside));

    if (!aside) {
        (void)err_set(err, ERR_NOMEM, "no memory for view");
        return NULL;
    }
    aside->counts_lag = counts_lag;
    for (uint32_t i = 0; i < PAGES; i++) {
        buf_init(&aside->requests[i], REQUEST_SIZE_MAX);
    }
    return aside;
}

/* --- One run of lives ----------------------------------------------------------------------------
 */

/* Runs lives, with something asked beside them or not; *ret_lives is their rate. */
static enum err_code run_lives(struct bench *bench, struct lifecycle_options *options,
                               struct aside *aside, double *ret_lives, struct err *err)
{
    struct lifecycle *life = calloc(1, sizeof(*life));
    char queue[RUN_QUEUE_MAX];
    enum err_code code;

    if (!life) {
        return err_set(err, ERR_NOMEM, "no memory for view");
    }
    run_queue_name(bench, queue);
    options->name = "view";
    options->queue = queue;
    if (aside) {
        aside->load = &life->load;
        options->aside_next = next_request;
        options->aside_reply = on_answer;
        options->aside_context = aside;
    }
    code = lifecycle_init(life, bench, options, err);
    if (code == ERR_NONE) {
        code = lifecycle_run(life, err);
    }
    if (code == ERR_NONE) {
        *ret_lives = load_rate(&life->load);
    }
    if (code == ERR_NONE && aside) {
        load_report_latency(&life->load, aside->counts_lag ? "status." : "page.", &aside->latency);
    }
    lifecycle_done(life);
    free(life);
    return code;
}

static enum err_code run_b2(struct bench *bench, const char *figure, struct aside *aside,
                            double *ret_lives, struct err *err)
{
    struct lifecycle_options options = workload_b2_options(bench);
    enum err_code code;

    options.aside_interval_ns = PAGE_INTERVAL_NS;
    code = run_lives(bench, &options, aside, ret_lives, err);
    if (code == ERR_NONE) {
        results_add(bench->results, "view", figure, UNIT_RATE, *ret_lives);
    }
    return code;
}

/* --- On a server ---------------------------------------------------------------------------------
 */

typedef enum err_code (*on_server_fn)(struct bench *bench, double *ret_lives, struct err *err);

/* Starts a server of its own, with the view or without, and has `run` measure it. */
static enum err_code on_server(struct bench *bench, bool with_view, on_server_fn run,
                               double *ret_lives, struct err *err)
{
    struct bench at_own = *bench;
    struct server_process server;
    enum err_code code = server_process_make(bench->home, &server, err);

    if (code != ERR_NONE) {
        return code;
    }
    server.no_view = !with_view;
    code = server_process_start(&server, !bench->options->no_sync, err);
    if (code == ERR_NONE) {
        at_own.address = server.address;
        at_own.pid = server.pid;
        code = run(&at_own, ret_lives, err);
    }
    server_process_remove(&server);
    bench->queue_count = at_own.queue_count;
    return code;
}

static enum err_code without_view(struct bench *bench, double *ret_lives, struct err *err)
{
    return run_b2(bench, "off.lives", NULL, ret_lives, err);
}

/* How far the view is behind while lives come at a steady rate. */
static enum err_code measure_lag(struct bench *bench, struct err *err)
{
    struct aside *aside = aside_create(true, err);
    double rate = bench->options->rate > 0 ? bench->options->rate : PACED_RATE;
    struct lifecycle_options options = {
        .producer_count = PACED_PRODUCERS,
        .worker_count = PACED_WORKERS,
        .interval_ns = (uint64_t)(1e9 / rate),
        .aside_interval_ns = LAG_INTERVAL_NS,
    };
    double lives = 0;
    enum err_code code;

    if (!aside) {
        return err->code;
    }
    request_build(&aside->requests[0], bench, "/api/v1/cluster/status", slice_of(NULL, 0));
    aside->request_count = 1;
    code = run_lives(bench, &options, aside, &lives, err);
    if (code == ERR_NONE) {
        results_add(bench->results, "view", "paced.lives", UNIT_RATE, lives);
        results_add(bench->results, "view", "paced.lag", "ms", (double)aside->lag_ms_max);
    }
    aside_done(aside);
    return code;
}

/* Waits until the view has all of what was enqueued; the figure is how long that took. */
static enum err_code settle(struct bench *bench, struct err *err)
{
    uint64_t from_ns = clock_mono_ns();
    struct timespec step = {.tv_nsec = 20 * 1000 * 1000};
    uint64_t lag_ms = 1;
    enum err_code code = ERR_NONE;

    while (code == ERR_NONE && lag_ms > 0 && !run_interrupted()) {
        struct call call = {.limit_ns = 10 * NS_PER_SECOND};
        struct buf request;

        (void)nanosleep(&step, NULL);
        buf_init(&request, REQUEST_SIZE_MAX);
        request_build(&request, bench, "/api/v1/cluster/status", slice_of(NULL, 0));
        code = call_server(bench, &request, &call, err);
        if (code == ERR_NONE && !scan_number(buf_slice(&call.body), "\"view_lag_ms\":", &lag_ms)) {
            code = err_set(err, ERR_STATE, "the status tells no view_lag_ms");
        }
        if (code == ERR_NONE && clock_mono_ns() - from_ns > SETTLE_NS) {
            code = err_set(err, ERR_TIMEOUT, "the view does not catch up");
        }
        buf_done(&request);
        call_done(&call);
    }
    results_add(bench->results, "view", "behind", "s", (double)(clock_mono_ns() - from_ns) / 1e9);
    return code;
}

static void add_page(struct aside *aside, const struct bench *bench, const char *before,
                     const char *queue, const char *behind)
{
    char body[RUN_QUEUE_MAX + 80];
    int size = snprintf(body, sizeof(body), "{%s%s%s}", before, queue, behind);

    request_build(&aside->requests[aside->request_count++], bench, "/api/v1/jobs/search",
                  slice_of(body, (size_t)size));
}

/* Pages of what equality filters find among many jobs, and of the last ends. */
static void add_pages(struct aside *aside, const struct bench *bench, const char *queue)
{
    add_page(aside, bench, "\"queue\":\"", queue, "\"");
    add_page(aside, bench, "\"queue\":\"", queue, "\",\"state\":[\"pending\"],\"order\":\"asc\"");
    add_page(aside, bench, "\"state\":[\"completed\"],", "", "\"sort\":\"completed_at\"");
}

static enum err_code measure_pages(struct bench *bench, struct err *err)
{
    char queue[RUN_QUEUE_MAX];
    struct backlog_fill fill = {
        .name = "view",
        .queue = queue,
        .count = bench->options->count ? bench->options->count : COUNT_DEFAULT,
    };
    struct aside *aside = aside_create(false, err);
    double lives = 0;
    enum err_code code;

    if (!aside) {
        return err->code;
    }
    run_queue_name(bench, queue);
    code = backlog_fill(bench, &fill, err);
    if (code == ERR_NONE) {
        code = settle(bench, err);
    }
    if (code == ERR_NONE) {
        add_pages(aside, bench, queue);
        code = run_b2(bench, "page.lives", aside, &lives, err);
    }
    aside_done(aside);
    return run_interrupted() ? ERR_NONE : code;
}

static enum err_code with_view(struct bench *bench, double *ret_lives, struct err *err)
{
    enum err_code code = run_b2(bench, "on.lives", NULL, ret_lives, err);

    if (code == ERR_NONE && !run_interrupted()) {
        code = measure_lag(bench, err);
    }
    if (code == ERR_NONE && !run_interrupted()) {
        code = measure_pages(bench, err);
    }
    return code;
}

enum err_code workload_view(struct bench *bench, struct err *err)
{
    double on = 0;
    double off = 0;

    if (on_server(bench, false, without_view, &off, err) != ERR_NONE ||
        on_server(bench, true, with_view, &on, err) != ERR_NONE) {
        return err->code;
    }
    if (off > 0 && !run_interrupted()) {
        results_add(bench->results, "view", "b2_per_off", UNIT_RATIO, on / off);
    }
    return ERR_NONE;
}
