/* The hash is XXH3-64 with seed 0: it is in names and must be the same everywhere. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Method: the number that the algorithm's authors give for nothing, with and without a pointer. */
static void test_nothing(void **state)
{
    (void)state;
    assert_true(hash_bytes(slice_of(NULL, 0)) == UINT64_C(0x2d06800538d394c2));
    assert_true(hash_bytes(slice_text("")) == UINT64_C(0x2d06800538d394c2));
}

/* Method: each bit of a text changed, each length of it; no two hashes are equal. */
static void test_differs(void **state)
{
    uint8_t bytes[32] = "the queue of all queues, named";
    uint64_t hashes[sizeof(bytes) * 9];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            hashes[count++] = hash_bytes(slice_of(bytes, sizeof(bytes)));
            bytes[i] ^= (uint8_t)(1 << bit);
        }
        hashes[count++] = hash_bytes(slice_of(bytes, i));
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(hashes[i] != hashes[j]);
        }
    }
    assert_true(hash_bytes(slice_of(bytes, 7)) == hash_bytes(slice_text("the que")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_differs),
    };

    return cmocka_run_group_tests_name("base_hash", tests, NULL, NULL);
}
