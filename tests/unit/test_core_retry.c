/* Retry delays: a table of strategies, attempts and caps, and the ends of the number range. */
#include "base/limits.h"
#include "core/retry.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

struct row {
    enum job_backoff backoff;
    uint64_t base;
    uint64_t cap;
    uint32_t attempt;
    uint64_t want;
};

static void test_table(void **state)
{
    const struct row rows[] = {
        {JOB_BACKOFF_NONE, 5000, 600000, 7, 0},
        {JOB_BACKOFF_FIXED, 5000, 600000, 7, 5000},
        {JOB_BACKOFF_LINEAR, 5000, 600000, 7, 35000},
        {JOB_BACKOFF_EXPONENTIAL, 5000, 600000, 1, 5000},
        {JOB_BACKOFF_EXPONENTIAL, 5000, 600000, 7, 320000},
        {JOB_BACKOFF_EXPONENTIAL, 5000, 600000, 8, 600000},
        {JOB_BACKOFF_EXPONENTIAL, 5000, 600000, 64, 600000},
        {JOB_BACKOFF_EXPONENTIAL, 5000, 600000, 65, 600000},
        {JOB_BACKOFF_EXPONENTIAL, 5000, 600000, UINT32_MAX, 600000},
        {JOB_BACKOFF_EXPONENTIAL, 0, 600000, UINT32_MAX, 0},
        {JOB_BACKOFF_EXPONENTIAL, 1, 0, 20, 524288},
        {JOB_BACKOFF_EXPONENTIAL, 1, 0, 64, DURATION_MS_MAX},
        {JOB_BACKOFF_EXPONENTIAL, 2, 0, 64, DURATION_MS_MAX},
        {JOB_BACKOFF_LINEAR, UINT64_MAX, 0, UINT32_MAX, DURATION_MS_MAX},
        {JOB_BACKOFF_LINEAR, UINT64_MAX, UINT64_MAX, 2, DURATION_MS_MAX},
        {JOB_BACKOFF_FIXED, 5000, 100, 1, 100},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *row = &rows[i];

        assert_true(retry_delay_ms(row->backoff, row->base, row->cap, row->attempt) == row->want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
