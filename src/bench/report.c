/* The table and the rows. The rows' fields are read again in result_file.c. */
#include "bench/report.h"

#include "base/buf.h"
#include "base/version.h"
#include "bench/clock.h"
#include "bench/gates.h"
#include "bench/machine.h"
#include "wire/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define ROWS_SIZE_MAX ((size_t)1 << 20)

static const char *commit(void)
{
    const char *given = getenv("BUILD_COMMIT");

    return given && *given ? given : VERSION_COMMIT;
}

/* Six digits at most, none behind the point when the number is large. */
static void print_value(FILE *file, double value)
{
    double size = value < 0 ? -value : value;
    int digits = 3;

    if (size >= 1000) {
        digits = 0;
    } else if (size >= 10) {
        digits = 1;
    }
    (void)fprintf(file, " %11.*f", digits, value);
}

static void print_figure(FILE *file, const struct results *results, const struct figure *figure)
{
    struct summary summary = figure_summary(figure);
    const struct gate *gate = gate_find(figure->workload, figure->name);
    bool failed = results_failures(results, figure->workload) != NULL;

    (void)fprintf(file, "%-10s%c%-16s %-5s", figure->workload, failed ? '!' : ' ', figure->name,
                  figure->unit);
    print_value(file, summary.median);
    print_value(file, summary.min);
    print_value(file, summary.max);
    (void)fprintf(file, " %5u", summary.count);
    if (gate) {
        (void)fprintf(file, "  %s %s %g", gate_holds(gate, summary.median) ? "ok" : "FAILS",
                      gate->at_least ? ">=" : "<=", gate->limit);
    }
    (void)fputc('\n', file);
}

static void print_failures(FILE *file, const struct failures *failures)
{
    (void)fprintf(file, "! %s: %" PRIu64 " failures:", failures->workload, failures->total);
    for (uint32_t status = 0; status < RESULTS_STATUS_MAX; status++) {
        if (failures->by_status[status] == 0) {
            continue;
        }
        if (status == STATUS_LOST) {
            (void)fprintf(file, " lost");
        } else if (status == STATUS_WRONG) {
            (void)fprintf(file, " wrong");
        } else {
            (void)fprintf(file, " %u", status);
        }
        (void)fprintf(file, " x %" PRIu64, failures->by_status[status]);
    }
    (void)fprintf(file, "\n  first: %s\n", failures->first);
}

/* Whether no earlier figure is of the same workload: ratios were added behind all others. */
static bool is_first(const struct results *results, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(results->figures[i].workload, results->figures[index].workload) == 0) {
            return false;
        }
    }
    return true;
}

static void print_workload(FILE *file, const struct results *results, const char *workload)
{
    for (uint32_t i = 0; i < results->figure_count; i++) {
        if (strcmp(results->figures[i].workload, workload) == 0) {
            print_figure(file, results, &results->figures[i]);
        }
    }
}

void report_table(FILE *file, const struct results *results)
{
    (void)fprintf(file, "%-11s%-16s %-5s %11s %11s %11s %5s  %s\n", "workload", "figure", "unit",
                  "median", "min", "max", "runs", "gate");
    for (uint32_t i = 0; i < results->figure_count; i++) {
        if (is_first(results, i)) {
            print_workload(file, results, results->figures[i].workload);
        }
    }
    for (uint32_t i = 0; i < results->failures_count; i++) {
        print_failures(file, &results->failures[i]);
    }
    if (results->interrupted) {
        (void)fprintf(file, "! interrupted: what was measured until then\n");
    }
}

static void add_text(struct buf *buf, const char *key, const char *text)
{
    (void)buf_printf(buf, "\"%s\":", key);
    json_write_text(buf, slice_text(text));
    (void)buf_add_byte(buf, ',');
}

static void add_settings(struct buf *buf, const struct bench_options *options)
{
    (void)buf_add_text(buf, "\"settings\":{\"connections\":[");
    for (uint32_t i = 0; i < options->connections.count; i++) {
        (void)buf_printf(buf, "%s%u", i ? "," : "", options->connections.values[i]);
    }
    (void)buf_printf(buf,
                     "],\"depth\":%u,\"duration_ms\":%" PRIu64 ",\"warmup_ms\":%" PRIu64
                     ",\"payload_size\":%u,\"count\":%u,\"rate\":%u,\"workers\":%u,"
                     "\"own_server\":%s,\"sync\":%s}",
                     options->depth, options->duration_ms, options->warmup_ms,
                     options->payload_size, options->count, options->rate, options->workers,
                     options->start ? "true" : "false", options->no_sync ? "false" : "true");
}

static void add_row(struct buf *buf, const struct results *results, const struct figure *figure)
{
    struct summary summary = figure_summary(figure);
    const struct failures *failures = results_failures(results, figure->workload);

    (void)buf_add_byte(buf, '{');
    add_text(buf, "workload", figure->workload);
    add_text(buf, "figure", figure->name);
    add_text(buf, "unit", figure->unit);
    (void)buf_printf(buf,
                     "\"median\":%.9g,\"min\":%.9g,\"max\":%.9g,\"p25\":%.9g,\"p75\":%.9g,"
                     "\"runs\":%u,\"errors\":%" PRIu64 ",\"interrupted\":%s,",
                     summary.median, summary.min, summary.max, summary.p25, summary.p75,
                     summary.count, failures ? failures->total : 0,
                     results->interrupted ? "true" : "false");
}

/* What is the same in each row of a file. */
static void add_place(struct buf *buf, const struct bench_options *options)
{
    struct machine machine;

    machine_read(&machine);
    (void)buf_add_text(buf, "\"at\":");
    json_write_time(buf, clock_wall_ns() / NS_PER_SECOND * NS_PER_SECOND);
    (void)buf_add_byte(buf, ',');
    add_text(buf, "commit", commit());
    add_text(buf, "cpu", machine.cpu);
    (void)buf_printf(buf, "\"cores\":%u,", machine.core_count);
    add_text(buf, "kernel", machine.kernel);
    add_settings(buf, options);
    (void)buf_add_text(buf, "}\n");
}

static enum err_code write_file(const char *path, struct slice bytes, struct err *err)
{
    FILE *file = path ? fopen(path, "we") : stdout;
    size_t written;

    path = path ? path : "standard output";
    if (!file) {
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    written = fwrite(bytes.data, 1, bytes.size, file);
    if ((file == stdout ? fflush(file) : fclose(file)) != 0 || written != bytes.size) {
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    return ERR_NONE;
}

enum err_code report_json(const char *path, const struct results *results,
                          const struct bench_options *options, struct err *err)
{
    struct buf rows;
    struct buf place;
    enum err_code code;

    buf_init(&rows, ROWS_SIZE_MAX);
    buf_init(&place, ROWS_SIZE_MAX);
    add_place(&place, options);
    for (uint32_t i = 0; i < results->figure_count; i++) {
        add_row(&rows, results, &results->figures[i]);
        (void)buf_add_slice(&rows, buf_slice(&place));
    }
    if (rows.failed || place.failed) {
        code = err_set(err, ERR_NOMEM, "no memory for the rows");
    } else {
        code = write_file(path, buf_slice(&rows), err);
    }
    buf_done(&rows);
    buf_done(&place);
    return code;
}

void report_save_path(char *ret_path, size_t size)
{
    time_t seconds = (time_t)(clock_wall_ns() / NS_PER_SECOND);
    char text[32] = "unknown";
    struct tm parts;

    if (gmtime_r(&seconds, &parts)) {
        (void)strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts);
    }
    (void)snprintf(ret_path, size, "bench/%s-%.40s.jsonl", text, commit());
}
