/* The table of job moves against reference 2.3, and who is terminal. */
#include "core/job_move.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* Only a retry leads out of a terminal state, nothing leads to "no job" or nowhere, and every state
 * has a way out. */
static void test_ends(void **state)
{
    (void)state;
    for (uint32_t from = JOB_NONE; from < JOB_STATE_COUNT; from++) {
        bool ended = job_state_is_terminal((enum job_state)from);
        uint32_t ways = 0;

        for (uint32_t to = JOB_NONE; to < JOB_STATE_COUNT; to++) {
            ways += job_may_become((enum job_state)from, (enum job_state)to) ? 1 : 0;
        }
        assert_true(ended ? ways == 1 : ways > 1);
        assert_int_equal(job_may_become((enum job_state)from, JOB_PENDING),
                         ended || (from != JOB_PENDING));
        assert_false(job_may_become((enum job_state)from, JOB_NONE));
        assert_false(job_may_become((enum job_state)from, (enum job_state)from));
    }
}

/* Moves that a wrong table would allow. */
static void test_refused(void **state)
{
    (void)state;
    assert_false(job_may_become(JOB_NONE, JOB_ACTIVE));
    assert_false(job_may_become(JOB_PENDING, JOB_COMPLETED));
    assert_false(job_may_become(JOB_SCHEDULED, JOB_ACTIVE));
    assert_false(job_may_become(JOB_RETRYING, JOB_ACTIVE));
    assert_false(job_may_become(JOB_PENDING, JOB_RETRYING));
    assert_false(job_may_become(JOB_HELD, JOB_ACTIVE));
    assert_false(job_may_become(JOB_NONE, JOB_HELD));
    assert_false(job_may_become(JOB_COMPLETED, JOB_HELD));
}

/* Names are the contract's words. */
static void test_names(void **state)
{
    (void)state;
    assert_string_equal(job_state_name(JOB_NONE), "none");
    assert_string_equal(job_state_name(JOB_RETRYING), "retrying");
    assert_string_equal(job_state_name((enum job_state)99), "none");
    for (uint32_t i = JOB_PENDING; i < JOB_STATE_COUNT; i++) {
        assert_non_null(job_state_words.names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
