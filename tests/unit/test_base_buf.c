/* Bounded buffers: up to the limit, over it, and without memory. */
#include "base/buf.h"
#include "tests/unit/alloc_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static void expect(const struct buf *buf, const char *text)
{
    assert_true(slice_is(buf_slice(buf), text));
}

/* Method: appends by each function, growing several times; then takes away from the front. */
static void test_append(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 100000);
    assert_null(buf.data);
    assert_true(buf_add(&buf, "ab", 2));
    assert_true(buf_add_slice(&buf, slice_text("cd")));
    assert_true(buf_add_text(&buf, "ef"));
    assert_true(buf_add_byte(&buf, 'g'));
    assert_true(buf_printf(&buf, "%d%s", 12, "x"));
    assert_true(buf_add(&buf, NULL, 0));
    expect(&buf, "abcdefg12x");
    for (int i = 0; i < 20000; i++) {
        assert_true(buf_add_byte(&buf, (uint8_t)('0' + i % 10)));
    }
    assert_int_equal(buf.size, 20010);
    buf_consume(&buf, 20005);
    expect(&buf, "56789");
    buf_consume(&buf, 0);
    buf_consume(&buf, 5);
    expect(&buf, "");
    buf_done(&buf);
    assert_null(buf.data);
    assert_true(buf_add_text(&buf, "again"));
    buf_done(&buf);
}

/* Method: each limit up to some thousand; exactly so many bytes fit, then nothing does, and what
 * was there stays. */
static void test_limit(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 3000; limit += 1 + limit / 7) {
        struct buf buf;

        buf_init(&buf, limit);
        for (size_t i = 0; i < limit; i++) {
            assert_true(buf_add_byte(&buf, 'x'));
        }
        assert_false(buf.failed);
        assert_true(buf.capacity <= limit);
        assert_false(buf_add_byte(&buf, 'y'));
        assert_true(buf.failed);
        assert_int_equal(buf.size, limit);
        buf_done(&buf);
    }
}

/* Method: one append over the limit, then some that would fit; they fail too until it is cleared.
 */
static void test_failed_stays(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 8);
    assert_true(buf_add_text(&buf, "abc"));
    assert_false(buf_add_text(&buf, "defghi"));
    assert_false(buf_add_byte(&buf, 'd'));
    assert_false(buf_add(&buf, NULL, 0));
    assert_false(buf_printf(&buf, "d"));
    assert_false(buf_reserve(&buf, 0));
    expect(&buf, "abc");
    buf_clear(&buf);
    assert_false(buf.failed);
    assert_true(buf_add_text(&buf, "12345678"));
    expect(&buf, "12345678");
    buf_done(&buf);
}

/* Method: prints around the limit; one byte more than the text must fit, for the NUL. */
static void test_printf_limit(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 8);
    assert_true(buf_printf(&buf, "%s", "1234567"));
    expect(&buf, "1234567");
    buf_clear(&buf);
    assert_false(buf_printf(&buf, "%s", "12345678"));
    assert_int_equal(buf.size, 0);
    buf_done(&buf);
}

/* Method: asks for more than any number can hold, in a buffer without a limit. */
static void test_absurd(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, SIZE_MAX);
    assert_true(buf_add_text(&buf, "abc"));
    assert_false(buf_reserve(&buf, SIZE_MAX));
    buf_clear(&buf);
    assert_false(buf_reserve(&buf, SIZE_MAX / 2 + 2));
    buf_done(&buf);
}

/* Method: the first, second, ... growth fails; what was there stays, and it goes on after a clear.
 */
static void test_no_memory(void **state)
{
    static const char bytes[5000];

    (void)state;
    for (size_t at = 1; at <= 3 && alloc_faults_work; at++) {
        struct buf buf;
        size_t size = 0;

        buf_init(&buf, 100000);
        alloc_fail_at = at;
        while (buf_add(&buf, bytes, 200)) {
            size += 200;
        }
        assert_int_equal(alloc_fail_at, 0);
        assert_true(buf.failed);
        assert_int_equal(buf.size, size);
        assert_true(buf.capacity >= size);
        buf_clear(&buf);
        assert_true(buf_add(&buf, bytes, sizeof(bytes)));
        buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),       cmocka_unit_test(test_limit),
        cmocka_unit_test(test_failed_stays), cmocka_unit_test(test_printf_limit),
        cmocka_unit_test(test_absurd),       cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("base_buf", tests, NULL, NULL);
}
