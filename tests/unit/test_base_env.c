/* The real clocks and randomness, as far as they can be known. */
#include "base/common.h"
#include "base/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Method: the wall clock between two readings of the system's. */
static void test_wall(void **state)
{
    const struct env *env = env_system();
    struct timespec before;
    struct timespec after;
    uint64_t wall_ns;

    (void)state;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
    wall_ns = env->wall_ns(env->self);
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &after), 0);
    assert_true(wall_ns >= (uint64_t)before.tv_sec * NS_PER_SECOND + (uint64_t)before.tv_nsec);
    assert_true(wall_ns <= (uint64_t)after.tv_sec * NS_PER_SECOND + (uint64_t)after.tv_nsec);
}

/* Method: many readings; none is before the last, and the clock does not stand. */
static void test_monotonic(void **state)
{
    const struct env *env = env_system();
    uint64_t first_ns = env->monotonic_ns(env->self);
    uint64_t last_ns = first_ns;

    (void)state;
    while (last_ns < first_ns + NS_PER_MS) {
        uint64_t now_ns = env->monotonic_ns(env->self);

        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
}

/* Method: two draws of each size; all bytes are drawn, none behind them is touched, and from eight
 * bytes on two draws are not equal. */
static void test_random(void **state)
{
    static uint8_t one[5000];
    static uint8_t two[5000];
    const struct env *env = env_system();
    static const size_t sizes[] = {0, 1, 8, 16, 255, 256, 257, 4999};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        memset(one, 0xa5, sizeof(one));
        memset(two, 0xa5, sizeof(two));
        env->random(env->self, one, sizes[i]);
        env->random(env->self, two, sizes[i]);
        assert_int_equal(one[sizes[i]], 0xa5);
        if (sizes[i] >= 8) {
            assert_memory_not_equal(one, two, sizes[i]);
            assert_memory_not_equal(one + sizes[i] - 8, two + sizes[i] - 8, 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall),
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("base_env", tests, NULL, NULL);
}
