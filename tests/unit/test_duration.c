/* Durations: Go's syntax with d and w, rounding, bounds, and the way back. */
#include "base/limits.h"
#include "tests/unit/wire_rules.h"
#include "wire/duration.h"

#include <stdlib.h>

/* Method: texts and the milliseconds that Go (or, for d and w, a calendar) gives, rounded up. */
static void test_parse(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"0", 0},
        {"+0", 0},
        {"0s", 0},
        {"1s", 1000},
        {"+1s", 1000},
        {"1h30m", 5400000},
        {"1h1h", 7200000},
        {"1.5s", 1500},
        {"1.s", 1000},
        {".5s", 500},
        {"0.1s", 100},
        {"1.0000000000000000000000s", 1000},
        {"100us", 1},
        {"1\xc2\xb5s", 1},
        {"1\xce\xbcs", 1},
        {"1ns", 1},
        {"999999ns1ns", 1},
        {"1000000ns", 1},
        {"1000001ns", 2},
        {"1ms0.0000001ms", 2},
        {"1.0000000000000001ms", 2},
        {"7d", 604800000},
        {"2w", 1209600000},
        {"0.5d", 43200000},
        {"1w2d3h4m5s6ms", 788645006},
        {"0.333333333333h", 1200000},
        {"87840h", DURATION_MS_MAX},
        {"3660d", DURATION_MS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct err err;
        uint64_t ms;

        print_message("%s\n", rows[i].text);
        assert_int_equal(json_parse_duration(slice_text(rows[i].text), &ms, &err), ERR_NONE);
        assert_int_equal(ms, rows[i].ms);
    }
}

/* Method: texts that are no durations, or over the bound by the least that shows. */
static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "-1s",
        "-0",
        "1",
        "1 s",
        "s",
        ".s",
        ".",
        "+",
        "1x",
        "1S",
        "1.5",
        "1..5s",
        "1.5.5s",
        "1h-1m",
        "1e3s",
        "3660d1ns",
        "87840h0.001ms",
        "1ss",
        "99999999999999999999s",
        "9223372036854775807h",
        "1y",
        "10000w",
        "\xc2s",
        "0x1s",
        "1s ",
        "00",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct err err = {.code = ERR_NONE};
        uint64_t ms = 7;

        print_message("%s\n", texts[i]);
        assert_int_equal(json_parse_duration(slice_text(texts[i]), &ms, &err), ERR_INVALID);
        assert_int_equal(err.reply, REPLY_VALIDATION_ERROR);
        assert_int_equal(ms, 7);
    }
}

/* Method: Go's spelling, and that each is read back as it was. */
static void test_format(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1ms"},
        {999, "999ms"},
        {1000, "1s"},
        {1001, "1.001s"},
        {1500, "1.5s"},
        {1010, "1.01s"},
        {60000, "1m0s"},
        {90500, "1m30.5s"},
        {3600000, "1h0m0s"},
        {604800000, "168h0m0s"},
        {DURATION_MS_MAX, "87840h0m0s"},
    };
    char text[DURATION_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint64_t ms;

        assert_int_equal(duration_format(rows[i].ms, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
        assert_int_equal(json_parse_duration(slice_text(text), &ms, NULL), ERR_NONE);
        assert_int_equal(ms, rows[i].ms);
    }
    assert_int_equal(duration_format(UINT64_MAX, text), strlen("5124095576030h25m51.615s"));
    assert_string_equal(text, "5124095576030h25m51.615s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
