/* Figures, their statistics, ratios to the yardsticks of the same round, failures, gates. */
#include "bench/gates.h"
#include "bench/results.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static struct results *make(void)
{
    struct results *results = calloc(1, sizeof(*results));

    assert_non_null(results);
    return results;
}

static bool near(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

/* Method: known quartiles of odd, even and single counts, added out of order. */
static void statistics_are_right(void **state)
{
    struct results *results = make();
    static const double odd[] = {5, 1, 4, 2, 3};
    static const double even[] = {40, 10, 20, 30};
    struct summary summary;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
        results_add(results, "a", "odd", "us", odd[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(even); i++) {
        results_add(results, "a", "even", "us", even[i]);
    }
    results_add(results, "a", "one", "us", 7);
    summary = figure_summary(results_find(results, "a", "odd"));
    assert_true(near(summary.median, 3) && near(summary.min, 1) && near(summary.max, 5));
    assert_true(near(summary.p25, 2) && near(summary.p75, 4));
    summary = figure_summary(results_find(results, "a", "even"));
    assert_true(near(summary.median, 25) && near(summary.p25, 17.5) && near(summary.p75, 32.5));
    summary = figure_summary(results_find(results, "a", "one"));
    assert_true(near(summary.median, 7) && near(summary.p25, 7) && near(summary.max, 7));
    assert_int_equal(summary.count, 1);
    assert_null(results_find(results, "a", "two"));
    free(results);
}

/* Method: two rounds whose yardstick doubles; a latency and the yardsticks themselves get no ratio.
 */
static void rates_are_set_against_their_own_round(void **state)
{
    struct results *results = make();
    const struct figure *ratio;

    (void)state;
    results_add(results, "sync", "rate", UNIT_RATE, 50);
    results_add(results, "h1", "rate", UNIT_RATE, 100);
    results_add(results, "b2", "lives", UNIT_RATE, 30);
    results_add(results, "b2", "p99", "us", 5);
    results_close_round(results);
    results_add(results, "h1", "rate", UNIT_RATE, 200);
    results_add(results, "b2", "lives", UNIT_RATE, 40);
    results_close_round(results);
    ratio = results_find(results, "b2", "lives_per_h1");
    assert_non_null(ratio);
    assert_int_equal(ratio->count, 2);
    assert_true(near(ratio->values[0], 0.3) && near(ratio->values[1], 0.2));
    assert_string_equal(ratio->unit, UNIT_RATIO);
    ratio = results_find(results, "b2", "lives_per_sync");
    assert_non_null(ratio);
    assert_int_equal(ratio->count, 1); /* No sync in the second round: no stale ratio. */
    assert_null(results_find(results, "b2", "p99_per_h1"));
    assert_null(results_find(results, "h1", "rate_per_sync"));
    free(results);
}

/* Method: a workload that is left out of a round gets no ratio for it. */
static void a_round_without_the_workload_adds_nothing(void **state)
{
    struct results *results = make();

    (void)state;
    results_add(results, "h1", "rate", UNIT_RATE, 100);
    results_add(results, "b2", "lives", UNIT_RATE, 30);
    results_close_round(results);
    results_add(results, "h1", "rate", UNIT_RATE, 10);
    results_close_round(results);
    assert_int_equal(results_find(results, "b2", "lives_per_h1")->count, 1);
    free(results);
}

/* Method: statuses, a lost connection, one out of range; only the first text is kept. */
static void failures_are_counted_by_status(void **state)
{
    struct results *results = make();
    const struct failures *failures;

    (void)state;
    assert_null(results_failures(results, "b1"));
    results_fail(results, "b1", 429, slice_text("busy"));
    results_fail(results, "b1", 429, slice_text("still busy"));
    results_fail(results, "b1", STATUS_LOST, slice_of(NULL, 0));
    results_fail(results, "b1", 999, slice_of(NULL, 0));
    failures = results_failures(results, "b1");
    assert_non_null(failures);
    assert_int_equal(failures->total, 4);
    assert_int_equal(failures->by_status[429], 2);
    assert_int_equal(failures->by_status[STATUS_LOST], 1);
    assert_int_equal(failures->by_status[STATUS_WRONG], 1);
    assert_string_equal(failures->first, "busy");
    free(results);
}

/* Method: more values than fit. */
static void values_over_the_bound_are_dropped(void **state)
{
    struct results *results = make();

    (void)state;
    for (uint32_t i = 0; i < RESULTS_RUNS_MAX + 5; i++) {
        results_add(results, "a", "b", "us", i);
    }
    assert_int_equal(results_find(results, "a", "b")->count, RESULTS_RUNS_MAX);
    free(results);
}

/* Method: one gate of each direction, at, below and above its limit; a figure without one. */
static void gates_have_a_direction(void **state)
{
    const struct gate *least = gate_find("b1.c64", "rate_per_h1");
    const struct gate *most = gate_find("wake", "p99");
    struct results *results = make();

    (void)state;
    assert_non_null(least);
    assert_non_null(most);
    assert_null(gate_find("b1.c10", "rate"));
    assert_true(gate_holds(least, 0.25) && gate_holds(least, 0.3) && !gate_holds(least, 0.2));
    assert_true(gate_holds(most, 5000) && gate_holds(most, 10) && !gate_holds(most, 5001));
    results_add(results, "wake", "p99", "us", 4000);
    assert_int_equal(gates_failed(results), 0);
    results_add(results, "b1.c64", "rate_per_h1", UNIT_RATIO, 0.1);
    assert_int_equal(gates_failed(results), 1);
    free(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_are_right),
        cmocka_unit_test(rates_are_set_against_their_own_round),
        cmocka_unit_test(a_round_without_the_workload_adds_nothing),
        cmocka_unit_test(failures_are_counted_by_status),
        cmocka_unit_test(values_over_the_bound_are_dropped),
        cmocka_unit_test(gates_have_a_direction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
