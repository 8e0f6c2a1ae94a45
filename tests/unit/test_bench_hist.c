/* The histogram against exact quantiles of the same values. */
#include "bench/hist.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define VALUES_MAX 20000

/* Method: the value lies between two others, so that no exact extreme can answer for it. */
static void each_value_is_within_one_percent(void **state)
{
    static struct hist hist;

    (void)state;
    for (uint64_t ns = 1000; ns <= 60 * NS_PER_SECOND; ns += ns / 97 + 1) {
        double found;

        hist_clear(&hist);
        hist_add(&hist, 1);
        hist_add(&hist, ns);
        hist_add(&hist, 100 * NS_PER_SECOND);
        found = (double)hist_quantile_ns(&hist, 0.5);
        assert_true(found >= (double)ns * 0.99);
        assert_true(found <= (double)ns * 1.01);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Method: pseudo-random values over six decades, sorted, against the rank that each fraction names.
 */
static void quantiles_agree_with_sorted_values(void **state)
{
    static const double fractions[] = {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999};
    static struct hist hist;
    static uint64_t values[VALUES_MAX];
    uint64_t seed = 42;

    (void)state;
    hist_clear(&hist);
    for (uint32_t i = 0; i < VALUES_MAX; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = UINT64_C(1000) << (seed >> 59) % 20;
        values[i] += (seed >> 20) % values[i];
        hist_add(&hist, values[i]);
    }
    qsort(values, VALUES_MAX, sizeof(values[0]), by_value);
    for (size_t i = 0; i < ARRAY_COUNT(fractions); i++) {
        uint32_t rank = (uint32_t)(fractions[i] * VALUES_MAX + 0.999999);
        double exact = (double)values[rank == 0 ? 0 : rank - 1];
        double found = (double)hist_quantile_ns(&hist, fractions[i]);

        assert_true(found >= exact * 0.99);
        assert_true(found <= exact * 1.01);
    }
    assert_int_equal(hist.min_ns, values[0]);
    assert_int_equal(hist_quantile_ns(&hist, 1.0), values[VALUES_MAX - 1]);
}

/* Method: values outside the buckets on both sides; extremes stay exact. */
static void values_out_of_range_are_counted(void **state)
{
    static struct hist hist;

    (void)state;
    hist_clear(&hist);
    hist_add(&hist, 0);
    hist_add(&hist, UINT64_MAX);
    assert_int_equal(hist.count, 2);
    assert_int_equal(hist.min_ns, 0);
    assert_true(hist_quantile_ns(&hist, 0.5) < 1024);
    assert_true(hist_quantile_ns(&hist, 1.0) == UINT64_MAX);
}

/* Method: before the first value, and after clearing. */
static void an_empty_histogram_answers_zero(void **state)
{
    static struct hist hist;

    (void)state;
    assert_int_equal(hist_quantile_ns(&hist, 0.5), 0);
    hist_add(&hist, 5000);
    hist_clear(&hist);
    assert_int_equal(hist_quantile_ns(&hist, 0.99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_within_one_percent),
        cmocka_unit_test(quantiles_agree_with_sorted_values),
        cmocka_unit_test(values_out_of_range_are_counted),
        cmocka_unit_test(an_empty_histogram_answers_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
