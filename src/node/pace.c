/* Soft figures of queues: see pace.h. */
#include "node/pace.h"

#include "base/limits.h"

#include <stdlib.h>

#define MINUTE_NS (60 * NS_PER_SECOND)

/* Completed jobs are counted by 5 seconds, started ones by 10. */
#define DONE_SLOTS 12
#define DONE_SLOT_NS (5 * NS_PER_SECOND)
#define START_SLOTS 30
#define START_SLOT_NS (10 * NS_PER_SECOND)
#define START_WINDOW_NS (START_SLOTS * START_SLOT_NS)

/* Waits below 8 ms each have a bucket, longer ones four to each power of two, up to 2^36 ms. */
#define WAIT_EXACT 8
#define WAIT_BUCKETS (WAIT_EXACT + 33 * 4)

/* Waits are kept in two generations: the present one and the one before it. */
#define WAIT_GENERATION_NS (150 * NS_PER_SECOND)

/* Counts by time: slot s is at s % the number of slots; those older than that are over. */
struct ring {
    uint64_t last; /* The newest slot that counts. */
};

struct queue_pace {
    uint64_t asked_at_ns;
    struct ring done_ring, start_ring;
    uint32_t done[DONE_SLOTS];
    uint32_t starts[START_SLOTS];
    struct pace_waits all_waits;
    uint64_t generation; /* Of waits[generation % 2]. */
    uint32_t waits[2][WAIT_BUCKETS];
};

const uint64_t pace_bounds_ms[PACE_BOUNDS] = {1,    5,    10,    50,    100,    500,
                                              1000, 5000, 30000, 60000, 600000, 3600000};

void pace_init(struct pace *pace, uint64_t now_ns)
{
    *pace = (struct pace){.since_ns = now_ns};
}

void pace_done(struct pace *pace)
{
    for (uint32_t i = 0; i < pace->room; i++) {
        free(pace->queues[i]);
    }
    free(pace->queues);
    *pace = (struct pace){0};
}

static const struct queue_pace *find(const struct pace *pace, uint32_t queue)
{
    return queue < pace->room ? pace->queues[queue] : NULL;
}

static bool make_room(struct pace *pace, uint32_t queue)
{
    uint32_t room = pace->room ? pace->room : 64;
    struct queue_pace **queues;

    while (room <= queue) {
        room *= 2;
    }
    queues = realloc(pace->queues, room * sizeof(struct queue_pace *));
    if (!queues) {
        return false;
    }
    memset(queues + pace->room, 0, (room - pace->room) * sizeof(struct queue_pace *));
    pace->queues = queues;
    pace->room = room;
    return true;
}

/* The queue's figures, made when they are missing; NULL: not counted. */
static struct queue_pace *need(struct pace *pace, uint32_t queue)
{
    if (find(pace, queue)) {
        return pace->queues[queue];
    }
    if (queue == 0 || pace->count >= PACE_QUEUES_MAX ||
        (queue >= pace->room && !make_room(pace, queue))) {
        return NULL;
    }
    pace->queues[queue] = calloc(1, sizeof(struct queue_pace));
    pace->count += pace->queues[queue] != NULL;
    return pace->queues[queue];
}

/* Moves the ring on to `slot`, forgetting what is over. */
static void advance(struct ring *ring, uint32_t *counts, uint32_t slots, uint64_t slot)
{
    uint64_t steps = slot > ring->last ? slot - ring->last : 0;

    for (uint64_t i = 1; i <= steps && i <= slots; i++) {
        counts[(ring->last + i) % slots] = 0;
    }
    ring->last = slot > ring->last ? slot : ring->last;
}

static uint64_t sum(const struct ring *ring, const uint32_t *counts, uint32_t slots, uint64_t slot)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < slots && i <= ring->last; i++) {
        if (ring->last - i + slots > slot) {
            total += counts[(ring->last - i) % slots];
        }
    }
    return total;
}

static void count_minute(struct pace *pace, uint64_t now_ns, const struct core_grown *grown)
{
    uint64_t minute = now_ns / MINUTE_NS;
    struct pace_minute *at = &pace->minutes[minute % PACE_MINUTES];

    if (at->minute != minute) {
        *at = (struct pace_minute){.minute = minute};
    }
    at->enqueued += grown->enqueued;
    at->completed += grown->completed;
    at->failed += grown->failed;
    pace->total.enqueued += grown->enqueued;
    pace->total.completed += grown->completed;
    pace->total.failed += grown->failed;
}

void pace_grown(struct pace *pace, uint64_t now_ns, const struct core_grown *grown, uint32_t count)
{
    uint64_t slot = now_ns / DONE_SLOT_NS;

    for (uint32_t i = 0; i < count; i++) {
        struct queue_pace *queue = need(pace, grown[i].queue);

        count_minute(pace, now_ns, &grown[i]);
        if (queue) {
            advance(&queue->done_ring, queue->done, DONE_SLOTS, slot);
            queue->done[slot % DONE_SLOTS] += (uint32_t)grown[i].completed;
        }
    }
}

static uint32_t wait_bucket(uint64_t ms)
{
    uint32_t log2;
    uint32_t bucket;

    if (ms < WAIT_EXACT) {
        return (uint32_t)ms;
    }
    log2 = 63 - (uint32_t)__builtin_clzll(ms);
    bucket = WAIT_EXACT + (log2 - 3) * 4 + (uint32_t)((ms >> (log2 - 2)) & 3);
    return bucket < WAIT_BUCKETS ? bucket : WAIT_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t bucket_ms(uint32_t bucket)
{
    uint32_t log2 = 3 + (bucket - WAIT_EXACT) / 4;
    uint64_t quarter;

    if (bucket < WAIT_EXACT) {
        return bucket;
    }
    quarter = UINT64_C(1) << (log2 - 2);
    return (4 + (bucket - WAIT_EXACT) % 4) * quarter + quarter / 2;
}

/* The generation of waits at `now_ns` is the present one, and no older one is mistaken for it. */
static void turn_generation(struct queue_pace *queue, uint64_t generation)
{
    if (generation <= queue->generation) {
        return;
    }
    memset(queue->waits[generation % 2], 0, sizeof(queue->waits[0]));
    if (generation > queue->generation + 1) {
        memset(queue->waits[(generation + 1) % 2], 0, sizeof(queue->waits[0]));
    }
    queue->generation = generation;
}

static void count_wait(struct pace_waits *waits, uint64_t wait_ns)
{
    uint32_t bucket = 0;

    while (bucket < PACE_BOUNDS && wait_ns > pace_bounds_ms[bucket] * NS_PER_MS) {
        bucket++;
    }
    waits->counts[bucket]++;
    waits->count++;
    waits->sum_ms += wait_ns / NS_PER_MS;
}

void pace_started(struct pace *pace, uint64_t now_ns, uint32_t number, uint64_t wait_ns)
{
    struct queue_pace *queue = need(pace, number);
    uint64_t slot = now_ns / START_SLOT_NS;

    if (!queue) {
        return;
    }
    advance(&queue->start_ring, queue->starts, START_SLOTS, slot);
    queue->starts[slot % START_SLOTS]++;
    turn_generation(queue, now_ns / WAIT_GENERATION_NS);
    queue->waits[queue->generation % 2][wait_bucket(wait_ns / NS_PER_MS)]++;
    count_wait(&queue->all_waits, wait_ns);
}

void pace_add_waits(const struct pace *pace, uint32_t number, struct pace_waits *waits)
{
    const struct queue_pace *queue = find(pace, number);

    for (uint32_t i = 0; queue && i <= PACE_BOUNDS; i++) {
        waits->counts[i] += queue->all_waits.counts[i];
    }
    waits->count += queue ? queue->all_waits.count : 0;
    waits->sum_ms += queue ? queue->all_waits.sum_ms : 0;
}

void pace_asked(struct pace *pace, uint64_t now_ns, uint32_t number)
{
    struct queue_pace *queue = need(pace, number);

    if (queue) {
        queue->asked_at_ns = now_ns;
    }
}

/* How many waits bucket b holds at `now_ns`: those of generations that are over do not count. */
static uint64_t waits_in(const struct queue_pace *queue, uint64_t now_ns, uint32_t bucket)
{
    uint64_t generation = now_ns / WAIT_GENERATION_NS;
    uint64_t present = queue->waits[queue->generation % 2][bucket];
    uint64_t before = queue->waits[(queue->generation + 1) % 2][bucket];

    if (generation > queue->generation + 1) {
        return 0;
    }
    return generation == queue->generation + 1 ? present : present + before;
}

/* The wait that `part` of 100 do not exceed. */
static uint64_t percentile(const struct queue_pace *queue, uint64_t now_ns, uint64_t total,
                           uint64_t part)
{
    uint64_t rank = (total * part + 99) / 100;
    uint64_t seen = 0;

    for (uint32_t i = 0; i < WAIT_BUCKETS; i++) {
        seen += waits_in(queue, now_ns, i);
        if (seen >= rank) {
            return bucket_ms(i);
        }
    }
    return bucket_ms(WAIT_BUCKETS - 1);
}

static uint64_t starts_in_1000s(const struct pace *pace, const struct queue_pace *queue,
                                uint64_t now_ns)
{
    uint64_t window_ns = now_ns > pace->since_ns ? now_ns - pace->since_ns : 0;

    window_ns = window_ns < START_SLOT_NS     ? START_SLOT_NS
                : window_ns > START_WINDOW_NS ? START_WINDOW_NS
                                              : window_ns;
    return sum(&queue->start_ring, queue->starts, START_SLOTS, now_ns / START_SLOT_NS) * 1000 /
           (window_ns / NS_PER_SECOND);
}

struct pace_figures pace_of(const struct pace *pace, uint64_t now_ns, uint32_t number)
{
    const struct queue_pace *queue = find(pace, number);
    struct pace_figures figures = {0};
    uint64_t waits = 0;

    if (!queue) {
        return figures;
    }
    figures.completed_1m = sum(&queue->done_ring, queue->done, DONE_SLOTS, now_ns / DONE_SLOT_NS);
    figures.starts_1000s = starts_in_1000s(pace, queue, now_ns);
    figures.asked_at_ns = queue->asked_at_ns;
    for (uint32_t i = 0; i < WAIT_BUCKETS; i++) {
        waits += waits_in(queue, now_ns, i);
    }
    figures.has_waits = waits > 0;
    if (waits > 0) {
        figures.wait_p50_ms = percentile(queue, now_ns, waits, 50);
        figures.wait_p99_ms = percentile(queue, now_ns, waits, 99);
    }
    return figures;
}

void pace_minutes(const struct pace *pace, uint64_t now_ns,
                  struct pace_minute ret_minutes[PACE_MINUTES])
{
    uint64_t last = now_ns / MINUTE_NS;

    for (uint32_t i = 0; i < PACE_MINUTES; i++) {
        uint64_t minute = last + 1 + i - PACE_MINUTES;
        const struct pace_minute *at = &pace->minutes[minute % PACE_MINUTES];

        ret_minutes[i] = at->minute == minute ? *at : (struct pace_minute){.minute = minute};
    }
}
