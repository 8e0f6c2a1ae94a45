/* The cluster's clock, driven by a fake environment whose two clocks the tests turn by hand. */
#include "base/common.h"
#include "node/clock.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t wall_ns, monotonic_ns;

static uint64_t fake_wall(void *self)
{
    (void)self;
    return wall_ns;
}

static uint64_t fake_monotonic(void *self)
{
    (void)self;
    return monotonic_ns;
}

static const struct env fake = {.wall_ns = fake_wall, .monotonic_ns = fake_monotonic};

static struct node_clock start(uint64_t wall, uint64_t last_entry)
{
    struct node_clock clock;

    wall_ns = wall;
    monotonic_ns = 5000;
    node_clock_init(&clock, &fake, last_entry);
    return clock;
}

static void pass(int64_t wall, uint64_t monotonic)
{
    wall_ns += (uint64_t)wall;
    monotonic_ns += monotonic;
}

/* Both clocks advance alike: so does the time given. */
static void test_follows_the_wall_clock(void **state)
{
    struct node_clock clock = start(1000000, 0);

    (void)state;
    pass(700, 700);
    assert_int_equal(node_clock_now(&clock), 1000700);
    assert_int_equal(node_clock_offset(&clock), 0);
}

/* The log is ahead of the wall clock after a restart: time goes on from the log, at half speed. */
static void test_never_goes_back_behind_the_log(void **state)
{
    struct node_clock clock = start(1000000, 2000000);

    (void)state;
    assert_int_equal(node_clock_now(&clock), 2000000);
    pass(1000, 1000);
    assert_int_equal(node_clock_now(&clock), 2000500);
    assert_true(node_clock_offset(&clock) < 0);
}

/* The wall clock jumps ahead by an hour: the time given runs at twice real speed until it is there,
 * and no faster. */
static void test_slews_a_jump_ahead(void **state)
{
    struct node_clock clock = start(1000000, 0);
    const uint64_t jump = 10000;

    (void)state;
    pass((int64_t)jump, 0);
    assert_int_equal(node_clock_now(&clock), 1000000);
    for (uint64_t i = 1; i <= 10; i++) {
        pass(1000, 1000);
        assert_int_equal(node_clock_now(&clock), 1000000 + i * 2000);
    }
    pass(1000, 1000);
    assert_int_equal(node_clock_now(&clock), wall_ns);
}

/* The wall clock jumps back: the time given still grows, at half speed, until the wall clock has
 * caught up. */
static void test_slews_a_jump_back(void **state)
{
    struct node_clock clock = start(1000000, 0);
    uint64_t before = node_clock_now(&clock);

    (void)state;
    pass(-2000, 0);
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t now;

        pass(1000, 1000);
        now = node_clock_now(&clock);
        assert_true(now >= before + 500 && now <= before + 1000);
        before = now;
    }
    assert_int_equal(before, wall_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follows_the_wall_clock),
        cmocka_unit_test(test_never_goes_back_behind_the_log),
        cmocka_unit_test(test_slews_a_jump_ahead),
        cmocka_unit_test(test_slews_a_jump_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
