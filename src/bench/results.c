/* The store of figures and their statistics. */
#include "bench/results.h"

#include <stdio.h>
#include <stdlib.h>

static void copy_name(char *to, const char *name)
{
    (void)snprintf(to, RESULTS_NAME_MAX, "%s", name);
}

/* The index of the figure, figure_count when there is none. */
static uint32_t figure_index(const struct results *results, const char *workload, const char *name)
{
    uint32_t i = 0;

    while (i < results->figure_count && (strcmp(results->figures[i].workload, workload) != 0 ||
                                         strcmp(results->figures[i].name, name) != 0)) {
        i++;
    }
    return i;
}

/* The index of the workload's failures, failures_count when it had none. */
static uint32_t failures_index(const struct results *results, const char *workload)
{
    uint32_t i = 0;

    while (i < results->failures_count && strcmp(results->failures[i].workload, workload) != 0) {
        i++;
    }
    return i;
}

void results_add(struct results *results, const char *workload, const char *name, const char *unit,
                 double value)
{
    uint32_t index = figure_index(results, workload, name);
    struct figure *figure = &results->figures[index];

    assert(index < RESULTS_FIGURES_MAX);
    if (index == results->figure_count) {
        results->figure_count++;
        copy_name(figure->workload, workload);
        copy_name(figure->name, name);
        figure->unit = unit;
    }
    if (figure->count < RESULTS_RUNS_MAX) {
        figure->values[figure->count++] = value;
    }
}

void results_fail(struct results *results, const char *workload, uint16_t status, struct slice text)
{
    uint32_t index = failures_index(results, workload);
    struct failures *failures = &results->failures[index];

    assert(index < RESULTS_WORKLOADS_MAX);
    if (index == results->failures_count) {
        results->failures_count++;
        copy_name(failures->workload, workload);
        (void)snprintf(failures->first, sizeof(failures->first), "%.*s",
                       (int)(text.size < 150 ? text.size : 150), (const char *)text.data);
    }
    failures->total++;
    failures->by_status[status < RESULTS_STATUS_MAX ? status : STATUS_WRONG]++;
}

static bool is_yardstick(const struct figure *figure)
{
    return strcmp(figure->workload, "h1") == 0 || strcmp(figure->workload, "sync") == 0;
}

/* Rates that the server reached, not those that were offered or came with the way. */
static bool wants_ratio(const struct figure *figure)
{
    bool is_reached = strcmp(figure->name, "rate") == 0 || strcmp(figure->name, "lives") == 0;

    return is_reached && strcmp(figure->unit, UNIT_RATE) == 0 && !is_yardstick(figure);
}

static void add_ratio(struct results *results, uint32_t index, const char *yardstick)
{
    const struct figure *base = results_find(results, yardstick, "rate");
    struct figure *figure = &results->figures[index];
    double value = figure->values[figure->count - 1];
    char name[RESULTS_NAME_MAX];

    if (!base || base->count == base->closed_count || base->values[base->count - 1] <= 0) {
        return;
    }
    (void)snprintf(name, sizeof(name), "%.10s_per_%.8s", figure->name, yardstick);
    results_add(results, figure->workload, name, UNIT_RATIO, value / base->values[base->count - 1]);
}

void results_close_round(struct results *results)
{
    uint32_t count = results->figure_count; /* Ratios are added behind. */

    for (uint32_t i = 0; i < count; i++) {
        struct figure *figure = &results->figures[i];
        bool is_new = figure->count > figure->closed_count;

        if (is_new && wants_ratio(figure)) {
            add_ratio(results, i, "h1");
            add_ratio(results, i, "sync");
        }
    }
    for (uint32_t i = 0; i < results->figure_count; i++) {
        results->figures[i].closed_count = results->figures[i].count;
    }
}

const struct figure *results_find(const struct results *results, const char *workload,
                                  const char *name)
{
    uint32_t index = figure_index(results, workload, name);

    return index < results->figure_count ? &results->figures[index] : NULL;
}

const struct failures *results_failures(const struct results *results, const char *workload)
{
    uint32_t index = failures_index(results, workload);

    return index < results->failures_count ? &results->failures[index] : NULL;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Between the two nearest ranks, so that the median of an even count is the mean of its middle. */
static double quantile(const double *sorted, uint32_t count, double fraction)
{
    double rank = fraction * (double)(count - 1);
    uint32_t below = (uint32_t)rank;
    uint32_t above = below + 1 < count ? below + 1 : below;

    return sorted[below] + (sorted[above] - sorted[below]) * (rank - (double)below);
}

struct summary figure_summary(const struct figure *figure)
{
    double sorted[RESULTS_RUNS_MAX];

    assert(figure->count > 0);
    memcpy(sorted, figure->values, figure->count * sizeof(sorted[0]));
    qsort(sorted, figure->count, sizeof(sorted[0]), by_value);
    return (struct summary){
        .median = quantile(sorted, figure->count, 0.5),
        .min = sorted[0],
        .max = sorted[figure->count - 1],
        .p25 = quantile(sorted, figure->count, 0.25),
        .p75 = quantile(sorted, figure->count, 0.75),
        .count = figure->count,
    };
}

bool unit_more_is_better(const char *unit)
{
    return strcmp(unit, UNIT_RATE) == 0 || strcmp(unit, UNIT_RATIO) == 0;
}
