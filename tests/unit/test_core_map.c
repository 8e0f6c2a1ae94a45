/* The map over slab items: random additions and removals against a plain array, and growth without
 * pauses. */
#include "core/map.h"

#include <stdlib.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define KEYS 20000
#define STEPS 200000

struct item {
    uint64_t key;
    uint32_t link;
};

static uint64_t item_hash(const void *item)
{
    return map_mix(((const struct item *)item)->key);
}

static uint32_t *item_link(void *item)
{
    return &((struct item *)item)->link;
}

static const struct map_item map_row = {item_hash, item_link};

static uint32_t find(const struct map *map, uint64_t key)
{
    uint32_t id = map_first(map, map_mix(key));

    while (id && ((struct item *)slab_at(map->items, id))->key != key) {
        id = map_next(map, id);
    }
    return id;
}

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

/* Random adds and removes; membership of every key is compared with an array now and then. */
static void test_against_array(void **state)
{
    uint32_t *ids = calloc(KEYS, sizeof(*ids));
    uint64_t random = 1;
    struct slab slab;
    struct map map;

    (void)state;
    assert_non_null(ids);
    slab_init(&slab, sizeof(struct item));
    map_init(&map, &slab, &map_row);
    assert_int_equal(find(&map, 1), 0);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t key = (uint32_t)(next_random(&random) % KEYS);

        if (ids[key]) {
            map_remove(&map, ids[key]);
            slab_give(&slab, ids[key]);
            ids[key] = 0;
        } else {
            ids[key] = slab_take(&slab);
            ((struct item *)slab_at(&slab, ids[key]))->key = key;
            assert_true(map_add(&map, ids[key]));
        }
        if (step % 20000 == 0) {
            for (uint32_t i = 0; i < KEYS; i++) {
                assert_int_equal(find(&map, i), ids[i]);
            }
        }
    }
    map_done(&map);
    slab_done(&slab);
    free(ids);
}

/* A million dense keys: the longest chain stays short, so the buckets keep up and are even. */
static void test_chains_stay_short(void **state)
{
    uint32_t longest = 0;
    struct slab slab;
    struct map map;

    (void)state;
    slab_init(&slab, sizeof(struct item));
    map_init(&map, &slab, &map_row);
    for (uint64_t key = 1; key <= 1000000; key++) {
        uint32_t id = slab_take(&slab);

        ((struct item *)slab_at(&slab, id))->key = key;
        assert_true(map_add(&map, id));
    }
    for (uint64_t key = 1; key <= 1000000; key += 97) {
        uint32_t length = 0;

        for (uint32_t id = map_first(&map, map_mix(key)); id; id = map_next(&map, id)) {
            length++;
        }
        longest = length > longest ? length : longest;
        assert_int_not_equal(find(&map, key), 0);
    }
    assert_true(longest <= 12);
    assert_int_equal(map.count, 1000000);
    map_done(&map);
    slab_done(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_array),
        cmocka_unit_test(test_chains_stay_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
