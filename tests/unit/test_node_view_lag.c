/* How long the view has been behind: exact for a few entries, near enough for many. */
#include "node/view_lag.h"

#include <setjmp.h>
#include <stdarg.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Method: entries at known times; the view passes them one after the other, and some at once. */
static void test_few(void **state)
{
    struct view_lag lag = {.count = 0};

    (void)state;
    assert_int_equal(view_lag_ms(&lag, 0, 50), 0);
    view_lag_note(&lag, 1, 100);
    view_lag_note(&lag, 1, 150); /* The same one again. */
    view_lag_note(&lag, 2, 200);
    view_lag_note(&lag, 5, 300);
    assert_int_equal(view_lag_ms(&lag, 0, 310), 210);
    assert_int_equal(view_lag_ms(&lag, 1, 310), 110);
    assert_int_equal(view_lag_ms(&lag, 4, 310), 10);
    assert_int_equal(view_lag_ms(&lag, 5, 310), 0);
    assert_int_equal(view_lag_ms(&lag, 5, 999), 0);
    view_lag_note(&lag, 6, 2000);
    assert_int_equal(view_lag_ms(&lag, 5, 2007), 7);
}

/* Method: entries that follow closely share the time of the first of them. */
static void test_close(void **state)
{
    struct view_lag lag = {.count = 0};

    (void)state;
    for (uint64_t i = 0; i < VIEW_LAG_SPACING_MS; i++) {
        view_lag_note(&lag, 1 + i, 100 + i);
    }
    assert_int_equal(view_lag_ms(&lag, 3, 150), 50);
    assert_int_equal(view_lag_ms(&lag, VIEW_LAG_SPACING_MS, 150), 0);
}

/* Method: a view that stands still for a very long time, then passes all but a part: what is told
 * is never less than the truth, and over it by no more than a spacing. */
static void test_many(void **state)
{
    struct view_lag lag = {.count = 0};
    uint64_t now_ms = 0;

    (void)state;
    for (uint64_t i = 1; i <= 100000; i++) {
        now_ms = i * 7;
        view_lag_note(&lag, i, now_ms);
        assert_true(lag.count <= VIEW_LAG_SAMPLES);
    }
    assert_int_equal(view_lag_ms(&lag, 0, now_ms), now_ms - 7);
    for (uint64_t reached = 10000; reached < 100000; reached += 10000) {
        uint64_t truth = now_ms - (reached + 1) * 7;
        uint64_t told = view_lag_ms(&lag, reached, now_ms);

        assert_true(told >= truth);
        assert_true(told - truth <= lag.spacing_ms);
    }
    assert_int_equal(view_lag_ms(&lag, 100000, now_ms), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
