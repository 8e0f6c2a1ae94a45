/* Figures for Prometheus: what is counted for each route, and the table of families. */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "api/api_internal.h"

#define HTTP_BUCKETS 12

struct writer;

struct metric_family {
    const char *name;
    const char *type;
    const char *help;
    void (*write)(struct writer *writer, const struct metric_family *family);
    uint32_t offset; /* Of a figure. */
    bool micro;      /* The figure is in millionths. */
};

/* What happened to a route. */
struct route_count {
    uint64_t requests;
    uint64_t errors; /* Status 400 and above. */
    uint64_t sum_us;
    uint64_t buckets[HTTP_BUCKETS + 1]; /* Each alone; the last is above all bounds. */
};

/* All families, for the reference page. Any thread. */
const struct metric_family *metric_families(uint32_t *ret_count);

/* Counts an answer to the call's route. */
void metrics_count(struct call *call, uint16_t status);

#endif
