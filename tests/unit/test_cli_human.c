/* Times, durations and sizes as people say them. */
#include "base/common.h"
#include "cli/human.h"

#include <setjmp.h>
#include <stdarg.h>

/* After the headers it needs. */
#include <cmocka.h>

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NOW (UINT64_C(1764107107) * NS_PER_SECOND)

/* Method: a table with both sides of each change of units. */
static void durations_have_two_units(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1ms"},
        {999, "999ms"},
        {SECOND, "1s"},
        {1500, "1.5s"},
        {9999, "9.9s"},
        {10 * SECOND + 900, "10s"},
        {MINUTE - 1, "59s"},
        {MINUTE, "1m"},
        {5 * MINUTE + 12 * SECOND, "5m12s"},
        {HOUR - 1, "59m59s"},
        {HOUR, "1h"},
        {3 * HOUR + 5 * MINUTE + 59 * SECOND, "3h5m"},
        {DAY, "1d"},
        {2 * DAY + 4 * HOUR, "2d4h"},
        {10 * DAY + 5 * HOUR, "10d"},
        {400 * DAY, "400d"},
    };
    char text[HUMAN_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_string_equal(human_duration(rows[i].ms, text), rows[i].text);
    }
}

/* Method: past, future, and within half a second of now. */
static void ages_say_their_direction(void **state)
{
    char text[HUMAN_TEXT_MAX];

    (void)state;
    assert_string_equal(human_age(NOW - 3 * MINUTE * NS_PER_MS, NOW, text), "3m ago");
    assert_string_equal(human_age(NOW + 90 * SECOND * NS_PER_MS, NOW, text), "in 1m30s");
    assert_string_equal(human_age(NOW, NOW, text), "now");
    assert_string_equal(human_age(NOW - 400 * NS_PER_MS, NOW, text), "now");
    assert_string_equal(human_age(NOW - 600 * NS_PER_MS, NOW, text), "1s ago");
    assert_string_equal(human_age(0, UINT64_MAX, text), "213503d ago");
}

/* Method: a time with a fraction, which is left out. */
static void times_are_utc_to_the_second(void **state)
{
    char text[HUMAN_TEXT_MAX];

    (void)state;
    assert_string_equal(human_time(NOW + 123456789, text), "2025-11-25 21:45:07Z");
    assert_string_equal(human_when(NOW, NOW + NS_PER_SECOND * 60, text),
                        "2025-11-25 21:45:07Z (1m ago)");
}

/* Method: both sides of a change of units, and the largest there is. */
static void sizes_have_one_unit(void **state)
{
    char text[HUMAN_TEXT_MAX];

    (void)state;
    assert_string_equal(human_size(0, text), "0 B");
    assert_string_equal(human_size(1023, text), "1023 B");
    assert_string_equal(human_size(1024, text), "1.0 KiB");
    assert_string_equal(human_size(1536, text), "1.5 KiB");
    assert_string_equal(human_size(12 * 1024 * 1024, text), "12 MiB");
    assert_string_equal(human_size(UINT64_MAX, text), "15 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_two_units),
        cmocka_unit_test(ages_say_their_direction),
        cmocka_unit_test(times_are_utc_to_the_second),
        cmocka_unit_test(sizes_have_one_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
