/* Base64: RFC 4648's own examples, both alphabets, and texts that are neither. */
#include "base/common.h"
#include "tests/unit/wire_rules.h"
#include "wire/base64.h"

#include <stdlib.h>

#define SIZE_MAX_TESTED 64

/* Method: the vectors of RFC 4648, section 10, both ways, with and without padding. */
static void test_vectors(void **state)
{
    static const struct {
        const char *bytes;
        const char *text;
        const char *bare;
    } rows[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
    };
    struct buf buf;

    (void)state;
    buf_init(&buf, SIZE_MAX_TESTED);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t bytes[SIZE_MAX_TESTED];
        size_t size;

        buf_clear(&buf);
        base64_write(&buf, slice_text(rows[i].bytes));
        assert_true(slice_is(buf_slice(&buf), rows[i].text));
        assert_true(base64_read(slice_text(rows[i].text), bytes, &size));
        assert_true(slice_is(slice_of(bytes, size), rows[i].bytes));
        assert_true(base64_read(slice_text(rows[i].bare), bytes, &size));
        assert_true(slice_is(slice_of(bytes, size), rows[i].bytes));
    }
    buf_done(&buf);
}

/* Method: wrong lengths, padding in the wrong place, other bytes. */
static void test_refused(void **state)
{
    static const char *const texts[] = {
        "A", "AAAAA", "=", "==", "A===", "AA=", "AA=A", "A=AA", "AAAA=", "AA A", "AA\n", "AA.A"};
    uint8_t bytes[SIZE_MAX_TESTED];
    size_t size;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        print_message("%s\n", texts[i]);
        assert_false(base64_read(slice_text(texts[i]), bytes, &size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
