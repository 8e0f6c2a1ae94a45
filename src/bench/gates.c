/* The rows of the gates. Units are those of the figures. */
#include "bench/gates.h"

static const struct gate rows[] = {
    {"b1.c64", "rate_per_h1", true, 0.25}, /* 64 connections against a server that does nothing */
    {"b1.c1", "rate_per_sync", true, 0.5}, /* one connection against the disk */
    {"b2", "lives_per_h1", true, 0.06},    /* a life is three requests and two syncs */
    {"wake", "p99", false, 5000},          /* us from enqueue to a waiting worker */
    {"due", "alone.p99", false, 5000},     /* us late, one job at an instant */
    {"due", "burst.all", false, 2},        /* s until all jobs of one instant were delivered */
    {"due", "probe.max", false, 20000},    /* us that another request waited meanwhile */
    {"view", "b2_per_off", true, 0.8},     /* lives with the view on against off */
    {"view", "paced.lag", false, 1000},    /* ms at 10,000 lives/s, the worst */
    {"view", "page.p99", false, 50000},    /* us for a page at a million jobs while b2 runs */
    {"b10", "rss_anon", false, 20},        /* MB with 100 waiting workers */
    {"b10", "written", false, 0},          /* bytes written while nothing happens */
    {"restart", "ready", false, 3},        /* s from exec to the first job, one million pending */
    {"restart", "bytes_per_job", false, 300},
    {"drain", "bytes_per_job", false, 450}, /* ten seconds after the burst */
    {"drain", "lives", true, 30000},
};

const struct gate *gate_find(const char *workload, const char *figure)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].workload, workload) == 0 && strcmp(rows[i].figure, figure) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

bool gate_holds(const struct gate *gate, double median)
{
    return gate->at_least ? median >= gate->limit : median <= gate->limit;
}

uint32_t gates_failed(const struct results *results)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < results->figure_count; i++) {
        const struct figure *figure = &results->figures[i];
        const struct gate *gate = gate_find(figure->workload, figure->name);

        if (gate && !gate_holds(gate, figure_summary(figure).median)) {
            count++;
        }
    }
    return count;
}
