/* json_write: what is left out, what is always there, both dialects' spelling. */
#include "tests/codec/sample.h"
#include "tests/unit/wire_rules.h"

#include <stdlib.h>

#define MEMORY_MAX ((size_t)1 << 20)

static void check_sample(const struct sample *sample, enum json_dialect dialect, const char *want)
{
    struct buf buf;

    buf_init(&buf, MEMORY_MAX);
    json_write(&sample_every, dialect, sample, &buf);
    (void)buf_add_byte(&buf, '\0');
    assert_false(buf.failed);
    assert_string_equal((const char *)buf.data, want);
    buf_done(&buf);
}

/* Method: an empty record in both dialects; then rows that REST always writes. */
static void test_what_is_left_out(void **state)
{
    static const char always[] = "{\"level\":\"low\",\"at\":null,\"extra\":null,\"item\":null,"
                                 "\"tags\":[],\"cost\":0}";
    struct sample sample = {.has = 0};
    struct rules_case test;

    (void)state;
    check_sample(&sample, JSON_REST, "{}");
    check_sample(&sample, JSON_RPC, "{}");
    rules_begin(&test);
    assert_true(slice_is(rules_write(&test, JSON_REST), always));
    assert_true(slice_is(rules_write(&test, JSON_RPC), "{}"));
    rules_end(&test);
}

/* Method: presence bits set over zero values, and values without their bit. */
static void test_presence(void **state)
{
    struct sample sample = {.has = UINT64_MAX};

    (void)state;
    check_sample(&sample, JSON_REST,
                 "{\"opt_flag\":false,\"opt_i32\":0,\"opt_u64\":0,"
                 "\"opt_timestamp\":\"1970-01-01T00:00:00Z\",\"opt_duration_text\":\"0s\","
                 "\"opt_money_double\":0,\"opt_word_text\":\"none\",\"opt_word_number\":0,"
                 "\"opt_text\":\"\",\"opt_bytes\":\"\"}");
    sample = (struct sample){.opt_i32 = 5, .opt_text = slice_text("x")};
    check_sample(&sample, JSON_REST, "{}");
}

/* Method: one value of each kind, with the differences between the dialects. */
static void test_dialects(void **state)
{
    struct sample_inner inner = {.name = slice_text("n")};
    struct sample_item item = {.key = slice_text("k\n"), .value = {.count = -1}};
    uint64_t numbers[] = {0, UINT64_MAX};
    struct sample sample = {
        .flag = true,
        .i32 = INT32_MIN,
        .i64 = INT64_MIN,
        .u32 = UINT32_MAX,
        .u64 = UINT64_MAX,
        .time = 1,
        .duration_text = 90500,
        .money = INT64_MIN,
        .word = 4,
        .word_number = 4,
        .bytes = slice_text("\xff"),
        .json = slice_text(" { \"a b\" : [ 1 , \"\\\"\" ] } "),
        .inner = &inner,
        .map = {&item, 1},
        .u64s = {numbers, 2},
    };

    (void)state;
    check_sample(&sample, JSON_REST,
                 "{\"flag\":true,\"i32\":-2147483648,\"i64\":-9223372036854775808,"
                 "\"u32\":4294967295,\"u64\":18446744073709551615,\"duration_text\":\"1m30.5s\","
                 "\"word_number\":4,\"bytes\":\"/w==\",\"json\":{\"a b\":[1,\"\\\"\"]},"
                 "\"inner\":{\"name\":\"n\"},\"map\":{\"k\\n\":{\"count\":-1}},"
                 "\"u64s\":[0,18446744073709551615],\"time\":\"1970-01-01T00:00:00.000000001Z\","
                 "\"money\":-9223372036.854775808,\"word\":\"very_high\"}");
    check_sample(&sample, JSON_RPC,
                 "{\"flag\":true,\"i32\":-2147483648,\"i64\":\"-9223372036854775808\","
                 "\"u32\":4294967295,\"u64\":\"18446744073709551615\","
                 "\"durationText\":\"1m30.5s\",\"wordNumber\":4,\"bytes\":\"/w==\","
                 "\"json\":\"{\\\"a b\\\":[1,\\\"\\\\\\\"\\\"]}\",\"inner\":{\"name\":\"n\"},"
                 "\"map\":{\"k\\n\":{\"count\":-1}},\"u64s\":[\"0\",\"18446744073709551615\"],"
                 "\"time\":\"1970-01-01T00:00:00.000000001Z\",\"money\":-9223372036.854775808,"
                 "\"word\":\"very_high\"}");
}

static void check_text(struct slice text, const char *want)
{
    struct buf buf;

    buf_init(&buf, MEMORY_MAX);
    json_write_text(&buf, text);
    (void)buf_add_byte(&buf, '\0');
    assert_string_equal((const char *)buf.data, want);
    buf_done(&buf);
}

/* Method: each byte below 0x20, the two that need a backslash, UTF-8 of each length, and none at
 * all. */
static void test_texts(void **state)
{
    (void)state;
    check_text(slice_of("\0\1\x1f\b\f\n\r\t", 8), "\"\\u0000\\u0001\\u001f\\b\\f\\n\\r\\t\"");
    check_text(slice_text("\"\\/<>&\x7f"), "\"\\\"\\\\/<>&\x7f\"");
    check_text(slice_text("\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80"),
               "\"\xc3\xa4\xe2\x80\xa8\xf0\x9f\x98\x80\"");
    check_text(slice_text("a\xff\xc3"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text(slice_text("\xed\xa0\x80z"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
    check_text(slice_of(NULL, 0), "\"\"");
}

/* Method: the buffer ends at each size in turn: it fails, keeps its bound, and is never more than a
 * prefix. */
static void test_buffer_runs_out(void **state)
{
    static const char want[] = "{\"text\":\"a\\nb\",\"json\":[1,2],\"opt_timestamp\":"
                               "\"1970-01-01T00:00:00Z\",\"opt_duration_text\":\"0s\"}";
    struct sample sample = {.has = UINT64_C(1) << 63 | 1 << 4,
                            .text = slice_text("a\nb"),
                            .json = slice_text("[1, 2]")};

    (void)state;
    for (size_t size = 0; size <= strlen(want); size++) {
        struct buf buf;

        buf_init(&buf, size);
        json_write(&sample_every, JSON_REST, &sample, &buf);
        assert_int_equal(buf.failed, size < strlen(want));
        assert_true(buf.size <= size);
        assert_memory_equal(buf.size ? buf.data : (const uint8_t *)want, want, buf.size);
        buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_left_out), cmocka_unit_test(test_presence),
        cmocka_unit_test(test_dialects),         cmocka_unit_test(test_texts),
        cmocka_unit_test(test_buffer_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
