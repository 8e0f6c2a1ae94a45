/* Arenas: alignment, the limit, reuse, absurd sizes, and no memory. */
#include "base/arena.h"
#include "base/common.h"
#include "tests/unit/alloc_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

/* After the headers it needs. */
#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Method: many sizes mixed with odd ones; each is zeroed, aligned, and keeps what is written to it
 * while others are made. */
static void test_alloc(void **state)
{
    struct {
        uint8_t *bytes;
        size_t size;
    } parts[400];
    struct arena arena;

    (void)state;
    arena_init(&arena, 64 * MIB);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        parts[i].size = i * i % 9973;
        parts[i].bytes = arena_alloc(&arena, parts[i].size);
        assert_non_null(parts[i].bytes);
        assert_int_equal((uintptr_t)parts[i].bytes % 16, 0);
        assert_true(is_zero(parts[i].bytes, parts[i].size));
        memset(parts[i].bytes, (int)(i % 255 + 1), parts[i].size);
        assert_non_null(arena_bytes(&arena, i % 7));
    }
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        for (size_t at = 0; at < parts[i].size; at++) {
            assert_int_equal(parts[i].bytes[at], i % 255 + 1);
        }
    }
    arena_done(&arena);
}

/* Method: takes all but one byte, one more, and one too many; what does not fit costs nothing, and
 * smaller wishes still come true. */
static void test_limit(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 10000);
    assert_null(arena_alloc(&arena, 10001));
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 9999));
    assert_null(arena_bytes(&arena, 2));
    assert_int_equal(arena.used, 9999);
    assert_non_null(arena_bytes(&arena, 1));
    assert_int_equal(arena.used, 10000);
    assert_null(arena_bytes(&arena, 1));
    assert_non_null(arena_bytes(&arena, 0));
    arena_clear(&arena);
    assert_non_null(arena_alloc(&arena, 10000));
    arena_done(&arena);
}

/* Method: counts whose product is over what a number holds, and one that is only over the limit. */
static void test_array(void **state)
{
    struct arena arena;
    uint64_t *numbers;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_array(&arena, SIZE_MAX, 2));
    assert_null(arena_array(&arena, SIZE_MAX / 8 + 1, 8));
    assert_null(arena_array(&arena, (size_t)1 << 32, (size_t)1 << 32));
    assert_int_equal(arena.used, 0);
    arena_done(&arena);
    arena_init(&arena, 800);
    numbers = arena_array(&arena, 100, sizeof(*numbers));
    assert_non_null(numbers);
    assert_true(is_zero((const uint8_t *)numbers, 800));
    assert_null(arena_array(&arena, 1, 1));
    assert_non_null(arena_array(&arena, 0, 1000));
    arena_done(&arena);
}

/* Method: sizes so near to what a number holds that headers and rounding do not fit behind them. */
static void test_absurd(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    for (size_t less = 0; less < 100; less++) {
        assert_null(arena_alloc(&arena, SIZE_MAX - less));
        assert_null(arena_bytes(&arena, SIZE_MAX - less));
    }
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 100));
    assert_null(arena_alloc(&arena, SIZE_MAX - 100));
    arena_done(&arena);
}

/* Method: fills, clears and fills again; old bytes do not shine through, and of small use one block
 * is kept, of large use none. */
static void test_clear(void **state)
{
    struct arena arena;
    uint8_t *bytes;

    (void)state;
    arena_init(&arena, 8 * MIB);
    arena_clear(&arena);
    bytes = arena_alloc(&arena, 1000);
    assert_non_null(bytes);
    memset(bytes, 0xff, 1000);
    arena_clear(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena.blocks);
    assert_ptr_equal(arena_alloc(&arena, 1000), bytes);
    assert_true(is_zero(bytes, 1000));
    assert_non_null(arena_alloc(&arena, 4 * MIB));
    arena_clear(&arena);
    assert_null(arena.blocks);
    assert_non_null(arena_alloc(&arena, 1000));
    arena_done(&arena);
    assert_null(arena.blocks);
    assert_non_null(arena_alloc(&arena, 10));
    arena_done(&arena);
}

/* Method: copies and prints, also nothing, then both over the limit. */
static void test_texts(void **state)
{
    struct arena arena;
    char text[] = "mail";
    struct slice copy = {0};

    (void)state;
    arena_init(&arena, 12);
    assert_true(arena_copy(&arena, slice_text(text), &copy));
    text[0] = 'x';
    assert_true(slice_is(copy, "mail"));
    assert_true(arena_copy(&arena, slice_of(NULL, 0), &copy));
    assert_int_equal(copy.size, 0);
    assert_string_equal(arena_printf(&arena, "%s-%d", "job", 7), "job-7");
    copy = slice_text("left alone");
    assert_false(arena_copy(&arena, slice_text("abc"), &copy));
    assert_true(slice_is(copy, "left alone"));
    assert_null(arena_printf(&arena, "%d", 12));
    assert_string_equal(arena_printf(&arena, "%d", 1), "1");
    arena_done(&arena);
}

#ifdef __SANITIZE_ADDRESS__
/* Method: asks the sanitizer about the bytes around what was handed out, and about all of it after
 * a clear. */
static void test_guarded(void **state)
{
    static const size_t sizes[] = {1, 7, 8, 16, 100, 5000, 2 * MIB};
    struct arena arena;

    (void)state;
    arena_init(&arena, 64 * MIB);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint8_t *one = arena_bytes(&arena, sizes[i]);
        uint8_t *other = arena_alloc(&arena, sizes[i]);

        assert_null(__asan_region_is_poisoned(one, sizes[i]));
        assert_null(__asan_region_is_poisoned(other, sizes[i]));
        assert_true(__asan_address_is_poisoned(one + sizes[i]));
        assert_true(__asan_address_is_poisoned(other + sizes[i]));
    }
    arena_clear(&arena);
    arena_done(&arena);
    arena_init(&arena, 1000);
    memset(arena_bytes(&arena, 100), 1, 100);
    arena_clear(&arena);
    assert_true(__asan_address_is_poisoned((uint8_t *)(arena.blocks) + 64));
    arena_done(&arena);
}
#endif

/* Method: the first, second, ... block can not be had; the arena is as it was and goes on after. */
static void test_no_memory(void **state)
{
    static const char large[2 * MIB];

    (void)state;
    for (size_t at = 1; at <= 4 && alloc_faults_work; at++) {
        struct arena arena;
        struct slice copy;
        size_t used;

        arena_init(&arena, 64 * MIB);
        alloc_fail_at = at;
        while (arena_alloc(&arena, 3000)) {
        }
        assert_int_equal(alloc_fail_at, 0);
        used = arena.used;
        assert_int_equal(used % 3000, 0);
        alloc_fail_at = 1;
        assert_null(arena_array(&arena, 1000, 2000));
        alloc_fail_at = 1;
        assert_null(arena_printf(&arena, "%200000d", 1));
        alloc_fail_at = 1;
        assert_false(arena_copy(&arena, slice_of(large, sizeof(large)), &copy));
        assert_int_equal(arena.used, used);
        alloc_fail_at = 0;
        assert_non_null(arena_alloc(&arena, 3000));
        assert_int_equal(arena.used, used + 3000);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),     cmocka_unit_test(test_limit),
        cmocka_unit_test(test_array),     cmocka_unit_test(test_absurd),
        cmocka_unit_test(test_clear),     cmocka_unit_test(test_texts),
        cmocka_unit_test(test_no_memory),
#ifdef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_guarded),
#endif
    };

    return cmocka_run_group_tests_name("base_arena", tests, NULL, NULL);
}
