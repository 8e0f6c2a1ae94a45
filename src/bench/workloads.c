/* The rows of the workloads. */
#include "bench/workloads.h"

#include "bench/workload_enqueue.h"

static const struct workload rows[] = {
    {"b1", "unary enqueue, at each count of connections", false, workload_b1},
    {"b2", "unary lifecycle: enqueue, fetch and ack by separate connections", false, workload_b2},
    {"b4", "batch enqueue, 1,000 jobs a request", false, workload_b4},
    {"wake", "latency from enqueue to a waiting worker at a fixed rate", false, workload_wake},
    {"due", "lateness of scheduled jobs, one by one and all at one instant", false, workload_due},
    {"drain", "a deep queue, filled and worked off by batches of 64", false, workload_drain},
    {"restart", "kill -9 and restart with a deep queue (needs --start)", true, workload_restart},
    {"view", "what the view costs and gives (needs --start)", true, workload_view},
    {"b10", "memory, CPU and writes of a server with idle workers", false, workload_b10},
};

static_assert(ARRAY_COUNT(rows) <= WORKLOADS_MAX, "the plan of a call holds all workloads");

const struct workload *workloads(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(rows);
    return rows;
}
