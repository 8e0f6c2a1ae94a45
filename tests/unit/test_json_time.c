/* Times as RFC 3339, against the C library's calendar and a table of traps. */
#include "base/common.h"
#include "tests/unit/wire_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY_NS (86400 * NS_PER_SECOND)

static void check_time(const char *text, uint64_t want_ns)
{
    uint64_t ns = 0;

    print_message("%s\n", text);
    assert_true(json_parse_time(slice_text(text), &ns));
    assert_int_equal(ns, want_ns);
}

/* Method: instants known from elsewhere, with offsets, fractions and both cases of the letters. */
static void test_parse(void **state)
{
    (void)state;
    check_time("1970-01-01T00:00:00Z", 0);
    check_time("1970-01-01T00:00:00.000000001Z", 1);
    check_time("2000-02-29T23:59:59Z", 951868799 * NS_PER_SECOND);
    check_time("2026-11-23T20:25:41.251283333Z", UINT64_C(1795465541251283333));
    check_time("2026-11-23T20:25:41.2512833339999Z", UINT64_C(1795465541251283333));
    check_time("2026-11-23t20:25:41z", 1795465541 * NS_PER_SECOND);
    check_time("2026-11-23T21:25:41+01:00", 1795465541 * NS_PER_SECOND);
    check_time("2026-11-23T14:40:41-05:45", 1795465541 * NS_PER_SECOND);
    check_time("1969-12-31T23:00:00-01:00", 0);
    check_time("2554-07-21T23:34:33.709551615Z", UINT64_MAX);
}

/* Method: texts that are near to a time. */
static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026-11-23",
        "2026-11-23T20:25:41",
        "2026-11-23 20:25:41Z",
        "2026-11-23T20:25Z",
        "2026-11-23T20:25:41Z ",
        " 2026-11-23T20:25:41Z",
        "2026-11-23T20:25:41.Z",
        "2026-11-23T20:25:41,5Z",
        "2026-11-23T20:25:41+0100",
        "2026-11-23T20:25:41+1:00",
        "2026-11-23T20:25:41+24:00",
        "2026-11-23T20:25:41+01:60",
        "2026-11-23T24:00:00Z",
        "2026-11-23T20:60:00Z",
        "2026-11-23T20:25:60Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "2554-07-21T23:34:33.709551616Z",
        "9999-12-31T23:59:59Z",
        "-2026-11-23T20:25:41Z",
        "2026-1a-23T20:25:41Z",
        "12026-11-23T20:25:41Z",
        "20261123T202541Z",
    };
    uint64_t ns = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        print_message("%s\n", texts[i]);
        assert_false(json_parse_time(slice_text(texts[i]), &ns));
    }
    assert_int_equal(ns, 7);
}

/* Method: every day from 1970 to 2554 as written here, by the C library, and read again. */
static void test_every_day(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 64);
    for (uint64_t day = 0; day < UINT64_MAX / DAY_NS; day++) {
        uint64_t ns = day * DAY_NS + day % 86400 * NS_PER_SECOND;
        time_t seconds = (time_t)(ns / NS_PER_SECOND);
        char want[64];
        struct tm parts;
        uint64_t again;

        assert_non_null(gmtime_r(&seconds, &parts));
        assert_true(strftime(want, sizeof(want), "\"%Y-%m-%dT%H:%M:%SZ\"", &parts) > 0);
        buf_clear(&buf);
        json_write_time(&buf, ns);
        assert_true(slice_is(buf_slice(&buf), want));
        assert_true(json_parse_time(slice_of(buf.data + 1, buf.size - 2), &again));
        assert_int_equal(again, ns);
    }
    buf_done(&buf);
}

/* Method: fractions of each length, without the zeros at their end. */
static void test_fractions(void **state)
{
    uint64_t scale = 1;
    struct buf buf;

    (void)state;
    buf_init(&buf, 64);
    for (int digits = 9; digits >= 1; digits--, scale *= 10) {
        char want[64];

        (void)snprintf(want, sizeof(want), "\"1970-01-01T00:00:01.%0*" PRIu64 "Z\"", digits,
                       UINT64_C(7));
        buf_clear(&buf);
        json_write_time(&buf, NS_PER_SECOND + 7 * scale);
        assert_true(slice_is(buf_slice(&buf), want));
    }
    buf_clear(&buf);
    json_write_time(&buf, UINT64_MAX);
    assert_true(slice_is(buf_slice(&buf), "\"2554-07-21T23:34:33.709551615Z\""));
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_fractions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
