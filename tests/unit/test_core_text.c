/* Cutting texts at each length around a character of one to four bytes. */
#include "core/text.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* The cut text is within the bound, ends with an ellipsis behind whole characters, and is the start
 * of the text. */
static void test_cut_at_boundaries(void **state)
{
    const struct slice text =
        slice_text("ab\xc3\xa9zz\xe2\x82\xac\xf0\x9f\x98\x80xyz\xc3\xa9\xc3\xa9");
    struct tx tx = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 16);
    tx.arena = &arena;
    for (size_t max = 4; max < text.size; max++) {
        struct slice cut = text_bounded(&tx, text, max);
        size_t kept = cut.size - 3;

        assert_true(cut.size <= max && cut.size + 4 > max);
        assert_memory_equal(cut.data + kept, "\xe2\x80\xa6", 3);
        assert_memory_equal(cut.data, text.data, kept);
        assert_true(kept == text.size || (text.data[kept] & 0xc0) != 0x80);
    }
    assert_ptr_equal(text_bounded(&tx, text, text.size).data, text.data);
    arena_done(&arena);
}

/* A full arena fails the transaction. */
static void test_no_memory(void **state)
{
    struct tx tx = {0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 2);
    tx.arena = &arena;
    assert_null(text_bounded(&tx, slice_text("0123456789"), 8).data);
    assert_true(tx_failed(&tx));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_boundaries),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
