/* The due heap: random changes against a plain array, the order among equals, places. */
#include "core/heap.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define ITEMS 512
#define STEPS 100000

struct items {
    uint64_t due[ITEMS];
    bool in[ITEMS];
    uint32_t place[ITEMS];
};

static void moved(void *context, uint32_t id, uint32_t place)
{
    ((struct items *)context)->place[id] = place;
}

static uint32_t least(const struct items *items)
{
    uint32_t best = ITEMS;

    for (uint32_t i = 0; i < ITEMS; i++) {
        if (items->in[i] && (best == ITEMS || items->due[i] < items->due[best])) {
            best = i;
        }
    }
    return best;
}

/* Random adds, removals and pops with many equal instants; the top is what a search of the array
 * finds. */
static void test_against_array(void **state)
{
    static struct items items;
    uint64_t random = 9;
    struct heap heap;

    (void)state;
    heap_init(&heap, moved, &items);
    assert_null(heap_top(&heap));
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t id;
        const struct heap_entry *top = heap_top(&heap);
        uint32_t want = least(&items);

        assert_int_equal(top ? top->id : ITEMS, want);
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        id = (uint32_t)(random >> 40) % ITEMS;
        if ((random >> 60) == 0 && want != ITEMS) {
            id = want;
        }
        if (items.in[id]) {
            assert_int_equal(heap.entries[items.place[id] - 1].id, id);
            heap_remove(&heap, items.place[id]);
            assert_int_equal(items.place[id], 0);
        } else {
            items.due[id] = (random >> 34) % 40;
            assert_true(heap_add(&heap, (struct heap_entry){items.due[id], id, id}));
        }
        items.in[id] = !items.in[id];
    }
    assert_true(heap_is_ordered(&heap));
    heap_done(&heap);
}

/* The check of order sees a planted disorder. */
static void test_disorder_is_seen(void **state)
{
    static struct items items;
    struct heap heap;

    (void)state;
    heap_init(&heap, moved, &items);
    for (uint32_t id = 0; id < 30; id++) {
        assert_true(heap_add(&heap, (struct heap_entry){id * 7 % 11, id, id}));
    }
    assert_true(heap_is_ordered(&heap));
    heap.entries[29].due_ns = 0;
    heap.entries[7].due_ns = 99;
    assert_false(heap_is_ordered(&heap));
    heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_array),
        cmocka_unit_test(test_disorder_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
