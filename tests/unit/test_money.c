/* Money: digits to nano-dollars and back, without floats. */
#include "base/common.h"
#include "tests/unit/wire_rules.h"
#include "wire/money.h"

#include <math.h>
#include <stdlib.h>

/* Method: spellings of numbers, halves and their neighbours, both ends of the range, exponents of
 * any size. */
static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t nano;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"0.000", 0},
        {"0e999999999999999999999", 0},
        {"1", 1000000000},
        {"-1.5", -1500000000},
        {"0.1", 100000000},
        {"1e-9", 1},
        {"1E3", 1000000000000},
        {"1e+2", 100000000000},
        {"1.5e-9", 2},
        {"1.4e-9", 1},
        {"-1.5e-9", -2},
        {"0.0000000005", 1},
        {"0.00000000049999999999", 0},
        {"-0.0000000005", -1},
        {"0.5e-9", 1},
        {"5e-10", 1},
        {"9e-11", 0},
        {"5e-99999999999999999999999", 0},
        {"123.4567890125", 123456789013},
        {"0.00000123e6", 1230000000},
        {"12300e-4", 1230000000},
        {"9223372036.854775807", INT64_MAX},
        {"9223372036.8547758074", INT64_MAX},
        {"-9223372036.854775808", INT64_MIN},
        {"-9223372036.8547758084", INT64_MIN},
        {"0.000000000000000000000000000000001e33", 1000000000},
        {"100000000000000000000000000000000e-32", 1000000000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int64_t nano;

        print_message("%s\n", rows[i].text);
        assert_true(money_parse(slice_text(rows[i].text), &nano));
        assert_int_equal(nano, rows[i].nano);
    }
}

/* Method: the first amounts that do not fit, by digits, rounding and exponent. */
static void test_out_of_range(void **state)
{
    static const char *const texts[] = {
        "9223372036.854775808",
        "9223372036.8547758075",
        "-9223372036.854775809",
        "-9223372036.8547758085",
        "1e10",
        "99999999999",
        "1e999999999999999999999999",
        "-1e400",
    };
    int64_t nano = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        print_message("%s\n", texts[i]);
        assert_false(money_parse(slice_text(texts[i]), &nano));
    }
    assert_int_equal(nano, 7);
}

/* Method: the shortest spelling, read back as it was. */
static void test_format(void **state)
{
    static const struct {
        int64_t nano;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "0.000000001"},
        {-1, "-0.000000001"},
        {1000000000, "1"},
        {10000000000, "10"},
        {-2500000000, "-2.5"},
        {1000000010, "1.00000001"},
        {INT64_MAX, "9223372036.854775807"},
        {INT64_MIN, "-9223372036.854775808"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t text[MONEY_TEXT_MAX];
        size_t size = money_format(rows[i].nano, text);
        int64_t again;

        assert_true(slice_is(slice_of(text, size), rows[i].text));
        assert_true(money_parse(slice_of(text, size), &again));
        assert_int_equal(again, rows[i].nano);
    }
}

/* Method: doubles and what they are in nano-dollars: halves, both ends of the range, no numbers. */
static void test_doubles(void **state)
{
    static const struct {
        double dollars;
        bool fits;
        int64_t nano;
    } rows[] = {
        {0.0, true, 0},
        {-0.0, true, 0},
        {0.1, true, 100000000},
        {-2.5, true, -2500000000},
        {1e-9, true, 1},
        {0.5e-9, true, 1}, /* The double is a little more than the half. */
        {4.9e-10, true, 0},
        {0x1p-30, true, 1}, /* 0.93 nano-dollars. */
        {0x1p-31, true, 0},
        {-0x1p-30, true, -1},
        {5e-324, true, 0},
        {4456462.5, true, INT64_C(4456462500000000)},
        {9223372036.0, true, INT64_C(9223372036000000000)},
        {9223372036.854775, true, INT64_C(9223372036854774475)},
        {9223372036.854776, true, INT64_MAX},
        {-9223372036.854776, true, INT64_MIN},
        {9223372036.854778, false, 0},
        {-9223372036.854778, false, 0},
        {1e300, false, 0},
        {HUGE_VAL, false, 0},
        {-HUGE_VAL, false, 0},
        {NAN, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int64_t nano = 7;

        print_message("%.17g\n", rows[i].dollars);
        assert_int_equal(money_from_double(rows[i].dollars, &nano), rows[i].fits);
        assert_int_equal(nano, rows[i].fits ? rows[i].nano : 7);
    }
}

/* Method: amounts of every size, chosen by a generator. The double is the one that strtod finds in
 * the decimal text; what was a double once stays it; small amounts come back as they were. */
static void test_doubles_come_round(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[MONEY_TEXT_MAX + 1];
        int64_t nano, again;
        double dollars;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        nano = (int64_t)random >> (random >> 33) % 63;
        text[money_format(nano, (uint8_t *)text)] = '\0';
        dollars = money_to_double(nano);
        assert_true(dollars == strtod(text, NULL));
        assert_true(money_from_double(dollars, &again));
        assert_true(money_to_double(again) == dollars);
        if (llabs(nano) < INT64_C(4000000000000000)) {
            assert_int_equal(again, nano);
        }
    }
    assert_true(money_to_double(INT64_MAX) == strtod("9223372036.854775807", NULL));
    assert_true(money_to_double(INT64_MIN) == strtod("-9223372036.854775808", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_doubles_come_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
