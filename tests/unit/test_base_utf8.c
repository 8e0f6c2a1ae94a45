/* UTF-8: every code point, and every kind of broken sequence. */
#include "base/common.h"
#include "base/utf8.h"
#include "tests/unit/wire_rules.h"

#include <stdlib.h>

/* Method: each code point written, recognised whole, and refused one byte short. */
static void test_every_point(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        uint8_t bytes[4];
        size_t size;

        if (point >= 0xd800 && point <= 0xdfff) {
            continue;
        }
        size = utf8_put(bytes, point);
        assert_int_equal(size, point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_sequence(bytes, sizeof(bytes)), size);
        assert_int_equal(utf8_sequence(bytes, size - 1), 0);
    }
}

/* Method: counts all four-byte strings' well-formed starts: as many as there are code points of
 * each length. */
static void test_nothing_else(void **state)
{
    uint32_t counts[5] = {0};

    (void)state;
    for (uint32_t i = 0; i < 1 << 24; i++) {
        uint8_t bytes[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0x80};
        size_t size = utf8_sequence(bytes, 4);

        assert_true(size <= 4);
        counts[size]++;
    }
    assert_int_equal(counts[1], 0x80 << 16);
    assert_int_equal(counts[2], (0x800 - 0x80) << 8);
    assert_int_equal(counts[3], 0x10000 - 0x800 - 0x800);
    assert_int_equal(counts[4], (0x110000 - 0x10000) / 64);
}

/* Method: texts that end in the middle of a character, and the classic traps. */
static void test_texts(void **state)
{
    static const char *const broken[] = {
        "\x80",
        "\xc3",
        "a\xc3(",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc0\xaf",
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
    };

    (void)state;
    assert_true(utf8_valid(slice_text("")));
    assert_true(utf8_valid(slice_text("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        assert_false(utf8_valid(slice_text(broken[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_point),
        cmocka_unit_test(test_nothing_else),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
