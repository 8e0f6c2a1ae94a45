/* Soft figures of queues: windows that slide, percentiles, bounds. */
#include "base/limits.h"
#include "node/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* After the headers it needs. */
#include <cmocka.h>

#define START_NS (UINT64_C(1767225600) * NS_PER_SECOND)
#define MINUTE_NS (60 * NS_PER_SECOND)

static int setup(void **state)
{
    static struct pace pace;

    pace_init(&pace, START_NS);
    *state = &pace;
    return 0;
}

static int teardown(void **state)
{
    pace_done(*state);
    return 0;
}

static void complete(struct pace *pace, uint64_t at_ns, uint32_t queue, uint64_t count)
{
    struct core_grown grown = {.queue = queue, .completed = count};

    pace_grown(pace, at_ns, &grown, 1);
}

/* One job a second: the figure rises to about 60 and stays, and is 0 a minute after the last. */
static void test_throughput_is_of_the_last_minute(void **state)
{
    struct pace *pace = *state;
    uint64_t now_ns = START_NS;

    for (uint32_t i = 0; i < 600; i++, now_ns += NS_PER_SECOND) {
        uint64_t figure;

        complete(pace, now_ns, 3, 1);
        figure = pace_of(pace, now_ns, 3).completed_1m;
        assert_true(i < 55 ? figure == i + 1 : figure >= 55 && figure <= 60);
    }
    assert_true(pace_of(pace, now_ns + MINUTE_NS, 3).completed_1m == 0);
    complete(pace, now_ns + 10 * MINUTE_NS, 3, 7);
    assert_true(pace_of(pace, now_ns + 10 * MINUTE_NS, 3).completed_1m == 7);
    assert_true(pace_of(pace, now_ns, 4).completed_1m == 0);
}

/* Each wait alone is its own percentile, but for the width of its bucket. */
static void test_waits_are_rounded_to_an_eighth(void **state)
{
    for (uint64_t ms = 0; ms < UINT64_C(1) << 34; ms = ms * 5 / 4 + 1) {
        struct pace *pace = *state;
        struct pace_figures figures;

        pace_done(pace);
        pace_init(pace, START_NS);
        assert_false(pace_of(pace, START_NS, 1).has_waits);
        pace_started(pace, START_NS, 1, ms * NS_PER_MS);
        figures = pace_of(pace, START_NS, 1);
        assert_true(figures.has_waits);
        assert_true(figures.wait_p50_ms == figures.wait_p99_ms);
        assert_true(figures.wait_p50_ms + ms / 8 >= ms && figures.wait_p50_ms <= ms + ms / 8);
    }
}

/* 98 short and two long ones: the median is short, the 99th percentile long; five minutes later
 * they are over. */
static void test_percentiles(void **state)
{
    struct pace *pace = *state;
    struct pace_figures figures;

    for (uint32_t i = 0; i < 100; i++) {
        pace_started(pace, START_NS, 1, i < 98 ? 3 * NS_PER_MS : 1000 * NS_PER_MS);
    }
    figures = pace_of(pace, START_NS, 1);
    assert_true(figures.wait_p50_ms == 3);
    assert_true(figures.wait_p99_ms >= 875 && figures.wait_p99_ms <= 1125);
    assert_true(pace_of(pace, START_NS + 150 * NS_PER_SECOND, 1).has_waits);
    assert_false(pace_of(pace, START_NS + 5 * MINUTE_NS, 1).has_waits);
    pace_started(pace, START_NS + 60 * MINUTE_NS, 1, 5 * NS_PER_MS);
    figures = pace_of(pace, START_NS + 60 * MINUTE_NS, 1);
    assert_true(figures.wait_p50_ms == 5 && figures.wait_p99_ms == 5);
}

/* Each wait is counted once, under the first bound that is not below it, for as long as it runs. */
static void test_all_waits(void **state)
{
    struct pace *pace = *state;
    struct pace_waits waits = {0};

    for (uint32_t i = 0; i < PACE_BOUNDS; i++) {
        pace_started(pace, START_NS, 1, pace_bounds_ms[i] * NS_PER_MS);
        pace_started(pace, START_NS + 60 * MINUTE_NS, 2, pace_bounds_ms[i] * NS_PER_MS + 1);
    }
    pace_add_waits(pace, 1, &waits);
    assert_int_equal(waits.count, PACE_BOUNDS);
    for (uint32_t i = 0; i < PACE_BOUNDS; i++) {
        assert_int_equal(waits.counts[i], 1);
    }
    assert_int_equal(waits.counts[PACE_BOUNDS], 0);
    pace_add_waits(pace, 2, &waits);
    pace_add_waits(pace, 3, &waits);
    assert_int_equal(waits.count, 2 * PACE_BOUNDS);
    assert_int_equal(waits.counts[0], 1);
    assert_int_equal(waits.counts[1], 2);
    assert_int_equal(waits.counts[PACE_BOUNDS], 1);
}

/* Two starts a second, from the first minute on; none a while after they stopped. */
static void test_starts_follow_the_last_five_minutes(void **state)
{
    struct pace *pace = *state;
    uint64_t now_ns = START_NS;

    for (uint32_t i = 0; i < 1200; i++, now_ns += NS_PER_SECOND / 2) {
        pace_started(pace, now_ns, 1, 0);
        if (i >= 120) {
            uint64_t rate = pace_of(pace, now_ns, 1).starts_1000s;

            assert_true(rate >= 1900 && rate <= 2100);
        }
    }
    assert_true(pace_of(pace, now_ns + 150 * NS_PER_SECOND, 1).starts_1000s < 1200);
    assert_true(pace_of(pace, now_ns + 300 * NS_PER_SECOND, 1).starts_1000s == 0);
}

/* Sixty minutes, oldest first; what happened before them is over. */
static void test_minutes(void **state)
{
    struct pace *pace = *state;
    struct pace_minute minutes[PACE_MINUTES];
    struct core_grown grown = {.queue = 1, .enqueued = 2, .failed = 1};

    for (uint32_t i = 0; i < 90; i++) {
        pace_grown(pace, START_NS + i * MINUTE_NS, &grown, 1);
    }
    pace_minutes(pace, START_NS + 91 * MINUTE_NS, minutes);
    for (uint32_t i = 0; i < PACE_MINUTES; i++) {
        uint64_t minute = START_NS / MINUTE_NS + 32 + i;
        bool counted = minute < START_NS / MINUTE_NS + 90;

        assert_true(minutes[i].minute == minute);
        assert_true(minutes[i].enqueued == (counted ? 2 : 0));
        assert_true(minutes[i].failed == (counted ? 1 : 0));
        assert_true(minutes[i].completed == 0);
    }
}

/* More queues than are counted: the others go without, and the whole is counted all the same. */
static void test_queues_are_bounded(void **state)
{
    struct pace *pace = *state;
    struct pace_minute minutes[PACE_MINUTES];

    for (uint32_t i = 1; i <= PACE_QUEUES_MAX + 10; i++) {
        complete(pace, START_NS, i, 1);
        pace_asked(pace, START_NS, i);
    }
    assert_int_equal(pace->count, PACE_QUEUES_MAX);
    assert_true(pace_of(pace, START_NS, PACE_QUEUES_MAX).completed_1m == 1);
    assert_true(pace_of(pace, START_NS, PACE_QUEUES_MAX).asked_at_ns == START_NS);
    assert_true(pace_of(pace, START_NS, PACE_QUEUES_MAX + 1).completed_1m == 0);
    pace_minutes(pace, START_NS, minutes);
    assert_true(minutes[PACE_MINUTES - 1].completed == PACE_QUEUES_MAX + 10);
    pace_asked(pace, START_NS, 0); /* No such queue. */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_throughput_is_of_the_last_minute),
        TEST(test_waits_are_rounded_to_an_eighth),
        TEST(test_percentiles),
        TEST(test_all_waits),
        TEST(test_starts_follow_the_last_five_minutes),
        TEST(test_minutes),
        TEST(test_queues_are_bounded),
    };

    return cmocka_run_group_tests_name("node_pace", tests, NULL, NULL);
}
