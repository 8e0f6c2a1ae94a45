/* Slabs: numbers, zeroed items that never move, last given back is taken first. */
#include "core/slab.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* Many items over several segments keep their addresses and values while the slab grows. */
static void test_items_stay(void **state)
{
    struct slab slab;
    uint64_t *first;

    (void)state;
    slab_init(&slab, sizeof(uint64_t));
    first = slab_at(&slab, slab_take(&slab));
    *first = 42;
    for (uint32_t id = 2; id <= 20000; id++) {
        assert_int_equal(slab_take(&slab), id);
        *(uint64_t *)slab_at(&slab, id) = id;
    }
    assert_ptr_equal(first, slab_at(&slab, 1));
    assert_int_equal(*first, 42);
    for (uint32_t id = 2; id <= 20000; id++) {
        assert_int_equal(*(uint64_t *)slab_at(&slab, id), id);
    }
    slab_done(&slab);
}

/* Given back in reverse order, items come again under their old numbers, zeroed: roll-backs rely on
 * it. */
static void test_last_in_first_out(void **state)
{
    struct slab slab;

    (void)state;
    slab_init(&slab, sizeof(uint64_t));
    for (uint32_t i = 0; i < 5; i++) {
        *(uint64_t *)slab_at(&slab, slab_take(&slab)) = UINT64_MAX;
    }
    slab_give(&slab, 5);
    slab_give(&slab, 4);
    slab_give(&slab, 3);
    for (uint32_t id = 3; id <= 5; id++) {
        assert_int_equal(slab_take(&slab), id);
        assert_int_equal(*(uint64_t *)slab_at(&slab, id), 0);
    }
    assert_int_equal(slab_take(&slab), 6);
    slab_done(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_stay),
        cmocka_unit_test(test_last_in_first_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
