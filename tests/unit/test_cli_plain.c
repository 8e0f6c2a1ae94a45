/* Hostile text becomes harmless; columns are counted as terminals count them. */
#include "base/common.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "cli/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static void expect(const char *text, size_t size, const char *want)
{
    struct buf buf;

    buf_init(&buf, 4 * KIB);
    plain_add(&buf, slice_of(text, size));
    (void)buf_add_byte(&buf, 0);
    assert_string_equal((const char *)buf.data, want);
    buf_done(&buf);
}

/* Method: one of each kind of harm, and what stands beside it. */
static void what_could_do_harm_is_shown(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"plain", "plain"},
        {"\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"},
        {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
        {"\x7f", "\\u007f"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m"}, /* CSI as one character. */
        {"\xe2\x80\xae"
         "cod.exe",
         "\\u202ecod.exe"}, /* Right-to-left override. */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u2066x\\u2069"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xef\xbb\xbfx", "\\ufeffx"},
        {"\xe2\x80\x8b", "\\u200b"},
        {"\xf3\xa0\x81\x81", "\\udb40\\udc41"}, /* A tag character. */
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\x9b", "\xef\xbf\xbd\xef\xbf\xbd"}, /* Overlong: not taken for an escape. */
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, /* Cut. */
        {"gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
         "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac "
         "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7"},
        {"back\\slash \"quote\"", "back\\slash \"quote\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        expect(rows[i].text, strlen(rows[i].text), rows[i].want);
    }
    expect("a\0b", 3, "a\\u0000b");
}

/* Method: every code point there is; what comes out has no control in it, by another rule. */
static void no_control_ever_passes(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, KIB);
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        uint8_t bytes[4];

        if (point >= 0xd800 && point <= 0xdfff) {
            continue;
        }
        buf_clear(&buf);
        plain_add(&buf, slice_of(bytes, utf8_put(bytes, point)));
        assert_true(buf.size > 0);
        for (size_t i = 0; i < buf.size; i++) {
            assert_true(buf.data[i] >= 0x20 && buf.data[i] != 0x7f);
            assert_false(buf.data[i] == 0xc2 && i + 1 < buf.size && buf.data[i + 1] < 0xa0);
        }
        assert_int_equal(plain_is_safe(point), buf.data[0] != '\\' || point == '\\');
    }
    buf_done(&buf);
}

/* Method: narrow, wide, combining and joined characters. */
static void columns_are_those_of_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(plain_width(slice_text("abc")), 3);
    assert_int_equal(plain_width(slice_text("gr\xc3\xbc\xc3\x9f")), 4);
    assert_int_equal(plain_width(slice_text("\xe6\x97\xa5\xe6\x9c\xac")), 4);
    assert_int_equal(plain_width(slice_text("e\xcc\x81")), 1);
    assert_int_equal(plain_width(slice_text("\xf0\x9f\x98\x80")), 2);
    assert_int_equal(plain_width(slice_text("")), 0);
}

/* Method: cuts before, at and inside of a wide character. */
static void text_is_cut_at_whole_characters(void **state)
{
    struct slice text = slice_text("a\xe6\x97\xa5z");

    (void)state;
    assert_int_equal(plain_fit(text, 0).size, 0);
    assert_int_equal(plain_fit(text, 1).size, 1);
    assert_int_equal(plain_fit(text, 2).size, 1);
    assert_int_equal(plain_fit(text, 3).size, 4);
    assert_int_equal(plain_fit(text, 4).size, 5);
    assert_int_equal(plain_fit(text, 99).size, 5);
}

/* Method: line ends of both kinds, an empty line, a last line without an end. */
static void lines_are_taken_one_by_one(void **state)
{
    struct slice rest = slice_text("one\r\n\ntwo\rb\nthree");
    struct slice line;

    (void)state;
    assert_true(plain_next_line(&rest, &line) && slice_is(line, "one"));
    assert_true(plain_next_line(&rest, &line) && slice_is(line, ""));
    assert_true(plain_next_line(&rest, &line) && slice_is(line, "two\rb"));
    assert_true(plain_next_line(&rest, &line) && slice_is(line, "three"));
    assert_false(plain_next_line(&rest, &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_do_harm_is_shown),
        cmocka_unit_test(no_control_ever_passes),
        cmocka_unit_test(columns_are_those_of_a_terminal),
        cmocka_unit_test(text_is_cut_at_whole_characters),
        cmocka_unit_test(lines_are_taken_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
