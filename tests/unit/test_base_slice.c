/* Slices: empty ones with and without a pointer, order, ends. */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Method: the same nothing in three forms; all are equal, and no pointer is followed. */
static void test_empty(void **state)
{
    struct slice nothing[] = {slice_of(NULL, 0), slice_text(NULL), slice_text(""),
                              slice_of("junk", 0)};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(nothing[i].size, 0);
        assert_true(slice_is(nothing[i], ""));
        assert_false(slice_is(nothing[i], "x"));
        for (size_t j = 0; j < 4; j++) {
            assert_true(slice_equal(nothing[i], nothing[j]));
            assert_int_equal(slice_compare(nothing[i], nothing[j]), 0);
        }
    }
}

/* Method: texts in ascending order, each with each: bytes are unsigned, a prefix comes first. */
static void test_order(void **state)
{
    static const char *const texts[] = {"", "a", "a\x01", "ab", "b", "\x7f", "\x80", "\xff"};
    const int count = sizeof(texts) / sizeof(texts[0]);

    (void)state;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            int order = slice_compare(slice_text(texts[i]), slice_text(texts[j]));

            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(slice_equal(slice_text(texts[i]), slice_text(texts[j])), i == j);
        }
    }
}

/* Method: bytes with a NUL in them; they are no text's. */
static void test_nul(void **state)
{
    struct slice bytes = slice_of("a\0b", 3);

    (void)state;
    assert_false(slice_is(bytes, "a"));
    assert_false(slice_equal(bytes, slice_text("a")));
    assert_true(slice_equal(bytes, slice_of("a\0b", 3)));
}

/* Method: rests from every place, also behind the end. */
static void test_from(void **state)
{
    struct slice text = slice_text("abc");

    (void)state;
    assert_true(slice_is(slice_from(text, 0), "abc"));
    assert_true(slice_is(slice_from(text, 2), "c"));
    assert_int_equal(slice_from(text, 3).size, 0);
    assert_int_equal(slice_from(text, 4).size, 0);
    assert_int_equal(slice_from(text, SIZE_MAX).size, 0);
    assert_int_equal(slice_from(slice_of(NULL, 0), 1).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_from),
    };

    return cmocka_run_group_tests_name("base_slice", tests, NULL, NULL);
}
