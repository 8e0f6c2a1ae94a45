/* The window of a rate limit: random claims against a plain list, from both ends, and memory. */
#include "core/window.h"

#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define CLAIMS_MAX 4000

static uint64_t random_state = 11;

static uint32_t draw(uint32_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % bound;
}

/* Claims one by one, oldest first. */
struct plain {
    uint64_t at_ns[CLAIMS_MAX];
    uint32_t count;
};

static uint64_t plain_used(const struct plain *plain, uint64_t width_ns, uint64_t now_ns)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < plain->count; i++) {
        used += plain->at_ns[i] + width_ns > now_ns;
    }
    return used;
}

/* What is used, when it opens and when it is over is what a list of single claims says, for widths
 * and rates that change and items that are taken off the front. */
static void test_against_a_plain_list(void **state)
{
    static struct plain plain;
    struct window window = {0};
    uint64_t now_ns = 1000;
    uint64_t width_ns = 50;

    (void)state;
    while (plain.count + 5 < CLAIMS_MAX) {
        uint64_t rate = 1 + draw(60);
        uint32_t count = 1 + draw(4);

        now_ns += draw(6);
        assert_true(window_add(&window, now_ns, count));
        while (count-- > 0) {
            plain.at_ns[plain.count++] = now_ns;
        }
        if (draw(20) == 0) {
            width_ns = 1 + draw(100);
            window_rewind(&window);
        }
        assert_true(window_used(&window, width_ns, now_ns) == plain_used(&plain, width_ns, now_ns));
        assert_true(window.total == plain.count);
        assert_true(window_opens_ns(&window, width_ns, rate) ==
                    (rate > plain.count ? 0 : plain.at_ns[plain.count - rate] + width_ns));
        assert_true(window_empty_ns(&window, width_ns) == now_ns + width_ns);
        while (window.past > 0 && draw(3)) {
            uint64_t gone = window_at(&window, 0).count;

            window_pop(&window);
            memmove(plain.at_ns, plain.at_ns + gone, (plain.count - gone) * sizeof(plain.at_ns[0]));
            plain.count -= (uint32_t)gone;
        }
        if (draw(2000) == 0) {
            break;
        }
    }
    window_done(&window);
    assert_int_equal(window.count, 0);
}

/* A claim counts at its own instant and up to, not at, the instant that is one width later. */
static void test_edges(void **state)
{
    struct window window = {0};

    (void)state;
    assert_true(window_opens_ns(&window, 10, 1) == 0);
    assert_true(window_empty_ns(&window, 10) == 0);
    assert_true(window_add(&window, 100, 2));
    assert_true(window_used(&window, 10, 100) == 2);
    assert_true(window_used(&window, 10, 109) == 2);
    assert_true(window_used(&window, 10, 110) == 0);
    window_rewind(&window);
    assert_true(window_opens_ns(&window, 10, 3) == 0);
    assert_true(window_opens_ns(&window, 10, 2) == 110);
    assert_true(window_opens_ns(&window, 10, 1) == 110);
    assert_true(window_add(&window, 100, 1));
    assert_int_equal(window.count, 1);
    assert_true(window_used(&window, UINT64_MAX - 50, UINT64_MAX - 2) == 3);
    window_done(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_plain_list),
        cmocka_unit_test(test_edges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
