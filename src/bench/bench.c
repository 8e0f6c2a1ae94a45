/* The verb: options, rounds of yardsticks and workloads, results. */
#include "bench/bench.h"

#include "base/suggest.h"
#include "bench/call.h"
#include "bench/compare.h"
#include "bench/gates.h"
#include "bench/machine.h"
#include "bench/report.h"
#include "bench/server_process.h"
#include "bench/workloads.h"
#include "bench/yardstick.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define CHOSEN_MAX WORKLOADS_MAX
#define NO_SERVER 7         /* The exit status of every command that finds none. */
#define TIMER_SLACK_NS 1000 /* The open loops must not be 50 us late by default. */

/* The workloads of one call, in the order they were named. */
struct plan {
    const struct workload *chosen[CHOSEN_MAX];
    uint32_t count;
};

static void help(void)
{
    uint32_t count;
    const struct workload *rows = workloads(&count);

    bench_options_help(stdout);
    (void)printf("\nWorkloads\n");
    for (uint32_t i = 0; i < count; i++) {
        (void)printf("  %-10s %s\n", rows[i].name, rows[i].help);
    }
}

static const struct workload *workload_find(const char *name, size_t size)
{
    uint32_t count;
    const struct workload *rows = workloads(&count);

    for (uint32_t i = 0; i < count; i++) {
        if (strlen(rows[i].name) == size && memcmp(rows[i].name, name, size) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static enum err_code unknown_workload(const char *name, size_t size, struct err *err)
{
    const char *names[CHOSEN_MAX];
    const char *nearest;
    char copy[32];
    uint32_t count;
    const struct workload *rows = workloads(&count);

    for (uint32_t i = 0; i < count; i++) {
        names[i] = rows[i].name;
    }
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)(size < 30 ? size : 30), name);
    nearest = suggest_name(copy, names, count);
    return err_set(err, ERR_INVALID, "unknown workload '%s': did you mean %s?", copy,
                   nearest ? nearest : "one of --help");
}

static void choose_all(const struct bench_options *options, struct plan *plan)
{
    uint32_t count;
    const struct workload *rows = workloads(&count);

    for (uint32_t i = 0; i < count; i++) {
        if (options->start || !rows[i].own_server) {
            plan->chosen[plan->count++] = &rows[i];
        }
    }
}

static enum err_code choose(const struct bench_options *options, struct plan *plan, struct err *err)
{
    const char *text = options->workloads;

    if (strcmp(text, "all") == 0) {
        choose_all(options, plan);
        return ERR_NONE;
    }
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        const struct workload *workload = workload_find(text, size);

        if (!workload) {
            return unknown_workload(text, size, err);
        }
        if (workload->own_server && !options->start) {
            return err_set(err, ERR_INVALID, "%s kills its server: it needs --start",
                           workload->name);
        }
        if (plan->count == CHOSEN_MAX) {
            return err_set(err, ERR_INVALID, "more than %d workloads", CHOSEN_MAX);
        }
        plan->chosen[plan->count++] = workload;
        text += size + (text[size] == ',');
    }
    return ERR_NONE;
}

static void set_places(struct bench *bench)
{
    const char *data_dir = bench->options->data_dir;

    (void)snprintf(bench->home, sizeof(bench->home), "%.500s", data_dir ? data_dir : "/var/tmp");
    (void)snprintf(bench->data_dir, sizeof(bench->data_dir), "%.500s", data_dir ? data_dir : "");
    bench->pid = (pid_t)bench->options->server_pid;
}

static enum err_code run_on_own_server(struct bench *bench, const struct workload *workload,
                                       struct err *err)
{
    struct bench at_own = *bench;
    struct server_process server;
    enum err_code code = server_process_make(bench->home, &server, err);

    if (code != ERR_NONE) {
        return code;
    }
    code = server_process_start(&server, !bench->options->no_sync, err);
    if (code == ERR_NONE) {
        at_own.address = server.address;
        at_own.pid = server.pid;
        (void)snprintf(at_own.data_dir, sizeof(at_own.data_dir), "%.500s/data", server.dir);
        code = workload->run(&at_own, err);
    }
    server_process_remove(&server);
    bench->queue_count = at_own.queue_count;
    return code;
}

static enum err_code run_workload(struct bench *bench, const struct workload *workload,
                                  struct err *err)
{
    enum err_code code;

    if (bench->options->start && !workload->own_server) {
        code = run_on_own_server(bench, workload, err);
    } else {
        code = workload->run(bench, err);
    }
    return code == ERR_NONE ? code : err_prefix(err, "%s", workload->name);
}

static enum err_code run_round(struct bench *bench, const struct plan *plan, struct err *err)
{
    enum err_code code = ERR_NONE;

    if (!bench->options->no_yardsticks) {
        code = yardstick_sync(bench, err);
        if (code == ERR_NONE && !run_interrupted()) {
            code = yardstick_h1(bench, err);
        }
    }
    for (uint32_t i = 0; i < plan->count && code == ERR_NONE && !run_interrupted(); i++) {
        code = run_workload(bench, plan->chosen[i], err);
    }
    results_close_round(bench->results);
    return code;
}

static enum err_code run_all(struct bench *bench, const struct plan *plan, struct err *err)
{
    enum err_code code = ERR_NONE;

    for (uint32_t i = 0; i < bench->options->runs && code == ERR_NONE; i++) {
        if (run_interrupted()) {
            break;
        }
        (void)fprintf(stderr, "round %u of %u\n", i + 1, bench->options->runs);
        code = run_round(bench, plan, err);
    }
    bench->results->interrupted = run_interrupted();
    return code;
}

/* What was asked for, on standard output. */
static enum err_code show(const struct results *results, const struct bench_options *options,
                          struct err *err)
{
    if (strcmp(options->output, "json") == 0) {
        return report_json(NULL, results, options, err);
    }
    report_table(stdout, results);
    return ERR_NONE;
}

static enum err_code write_rows(const struct results *results, const struct bench_options *options,
                                struct err *err)
{
    char path[128];
    enum err_code code = ERR_NONE;

    if (options->json_path) {
        code = report_json(options->json_path, results, options, err);
    }
    if (code == ERR_NONE && options->save) {
        report_save_path(path, sizeof(path));
        code = report_json(path, results, options, err);
        (void)fprintf(stderr, "saved to %s\n", path);
    }
    return code;
}

/* Says what went wrong, in the one place that does. */
static int complain(const struct err *err, int status)
{
    (void)fprintf(stderr, "corvo bench: %s\n", err->text);
    return status;
}

static int misuse(const struct err *err)
{
    (void)complain(err, 2);
    (void)fprintf(stderr, "See 'corvo bench --help'.\n");
    return 2;
}

/* Before minutes of yardsticks: is there a server at all? */
static enum err_code look(struct bench *bench, const struct plan *plan, struct err *err)
{
    pid_t pid = 0;
    enum err_code code;

    if (bench->options->start || plan->count == 0) {
        return ERR_NONE;
    }
    code = call_info(bench, &pid, err);
    if (code != ERR_NONE) {
        return err_prefix(err, "no server to measure (--start makes one)");
    }
    bench->pid = bench->pid ? bench->pid : pid;
    return ERR_NONE;
}

static int measure(const struct bench_options *options, const struct plan *plan,
                   struct results *results)
{
    struct bench bench = {.options = options, .results = results, .patience_ns = RUN_PATIENCE_NS};
    struct err err;
    struct err write_err;
    enum err_code code = client_address_parse(options->server, &bench.address, &err);

    if (code != ERR_NONE) {
        return misuse(&err);
    }
    set_places(&bench);
    run_watch_signals();
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    if (look(&bench, plan, &err) != ERR_NONE) {
        return complain(&err, NO_SERVER);
    }
    code = run_all(&bench, plan, &err);
    if (results->figure_count > 0) {
        if (show(results, options, &write_err) != ERR_NONE ||
            write_rows(results, options, &write_err) != ERR_NONE) {
            return complain(&write_err, 1);
        }
    }
    if (run_interrupted()) {
        return 130;
    }
    if (code != ERR_NONE) {
        return complain(&err, 1);
    }
    return options->gates && gates_failed(results) > 0 ? 1 : 0;
}

int bench_main(int argc, char **argv)
{
    struct bench_options options;
    struct plan plan = {0};
    struct results *results;
    struct err err;
    int status;

    if (bench_options_parse(argc, argv, &options, &err) != ERR_NONE) {
        return misuse(&err);
    }
    if (options.help) {
        help();
        return 0;
    }
    if (options.compare[0]) {
        return compare_files(stdout, options.compare[0], options.compare[1], &err) == ERR_NONE
                   ? 0
                   : complain(&err, 1);
    }
    if (choose(&options, &plan, &err) != ERR_NONE) {
        return misuse(&err);
    }
    results = calloc(1, sizeof(*results));
    if (!results) {
        (void)err_set(&err, ERR_NOMEM, "no memory for results");
        return complain(&err, 1);
    }
    status = measure(&options, &plan, results);
    free(results);
    return status;
}
