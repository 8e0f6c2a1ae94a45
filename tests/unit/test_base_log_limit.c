/* Repeated messages, with a clock of the test's own. */
#include "base/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static uint32_t take(struct log_limit *limit, const char *key, uint64_t now_ns, uint32_t times)
{
    uint32_t written = 0;

    for (uint32_t i = 0; i < times; i++) {
        written += log_limit_take(limit, key, now_ns);
    }
    return written;
}

/* Method: the bound in one window, then in the next, when nothing and when something was missed. */
static void test_window(void **state)
{
    struct log_limit limit = {0};
    uint32_t count = 0;

    (void)state;
    assert_int_equal(take(&limit, "a", 1, LOG_REPEAT_MAX), LOG_REPEAT_MAX);
    assert_null(log_limit_missed(&limit, 1, true, &count));
    assert_int_equal(take(&limit, "a", 1 + LOG_WINDOW_NS, LOG_REPEAT_MAX + 3), LOG_REPEAT_MAX);
    assert_null(log_limit_missed(&limit, LOG_WINDOW_NS + 2, false, &count));
    assert_string_equal(log_limit_missed(&limit, 2 * LOG_WINDOW_NS + 1, false, &count), "a");
    assert_int_equal(count, 3);
    assert_null(log_limit_missed(&limit, 2 * LOG_WINDOW_NS + 1, true, &count));
    assert_int_equal(take(&limit, "a", 2 * LOG_WINDOW_NS + 1, 5), 5);
}

/* Method: more keys than are watched; each is written, and one that floods is still held back by
 * its own slot. */
static void test_many_keys(void **state)
{
    static const char names[3 * LOG_KEYS_MAX];
    struct log_limit limit = {0};
    uint32_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < sizeof(names); i++) {
        assert_int_equal(take(&limit, &names[i], i, 1), 1);
    }
    assert_int_equal(take(&limit, "flood", 1000, 100), LOG_REPEAT_MAX);
    for (uint32_t i = 0; i < LOG_KEYS_MAX - 1; i++) {
        assert_int_equal(take(&limit, &names[i], 2000 + i, 1), 1);
    }
    assert_int_equal(take(&limit, "flood", 3000, 10), 0);
    assert_string_equal(log_limit_missed(&limit, 3000, true, &count), "flood");
    assert_int_equal(count, 100 - LOG_REPEAT_MAX + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_many_keys),
    };

    return cmocka_run_group_tests_name("base_log_limit", tests, NULL, NULL);
}
