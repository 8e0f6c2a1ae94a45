/* Reading events page by page: every number once, whatever the rows are that hold them. */
#include "base/limits.h"
#include "core/event.h"
#include "core/event_read.h"
#include "tests/unit/core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

/* After the headers it needs. */
#include <cmocka.h>

static int setup(void **state)
{
    struct core_fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    core_fixture_init(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    core_fixture_done(*state);
    free(*state);
    return 0;
}

/* An entry of so many events. */
static void add_events(struct core_fixture *fixture, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        core_fixture_add(fixture, "enqueue", 1, "{\"queue\":\"q\"}");
    }
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
}

static struct event_page page(struct core_fixture *fixture, uint64_t from, uint32_t limit,
                              struct arena *arena)
{
    struct event_page found;
    struct err err;

    arena_clear(arena);
    assert_int_equal(core_events_get(fixture->core, from, limit, arena, &found, &err), ERR_NONE);
    return found;
}

static void expect_run(const struct event_page *found, uint64_t from, uint64_t last, uint32_t limit)
{
    const struct event_object *events = found->events.items;
    uint64_t left = last + 1 - from;

    assert_true(found->events.count == (left < limit ? left : limit));
    for (uint32_t i = 0; i < found->events.count; i++) {
        assert_true(events[i].seq == from + i);
        assert_true(slice_is(events[i].queue, "q"));
        assert_int_equal(events[i].type, EVENT_ENQUEUED);
        assert_int_equal(events[i].job_id.size, 30);
    }
}

/* Rows of 1, 2, 70, 600 and 5,000 events, small ones between: from each place in some steps. */
static void test_every_number_is_found(void **state)
{
    static const uint32_t sizes[] = {1, 2, 70, 1, 1, 600, 3, 5000, 1, 1};
    struct core_fixture *fixture = *state;
    struct arena arena;
    uint64_t last = 0;

    arena_init(&arena, ENTRY_ARENA_MAX);
    for (uint32_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        add_events(fixture, sizes[i]);
        last += sizes[i];
    }
    for (uint64_t from = 1; from <= last; from += 1 + from / 50) {
        struct event_page found = page(fixture, from, 37, &arena);

        expect_run(&found, from, last, 37);
        assert_true(found.oldest_seq == 1 && found.last_seq == last);
    }
    assert_int_equal(page(fixture, last + 1, 10, &arena).events.count, 0);
    assert_int_equal(page(fixture, UINT64_MAX, 10, &arena).events.count, 0);
    for (uint64_t from = 1; from <= last;) {
        struct event_page found = page(fixture, from, 1000, &arena);

        expect_run(&found, from, last, 1000);
        from += found.events.count;
    }
    arena_done(&arena);
}

/* Old events are gone: a page begins at the oldest that is left. */
static void test_gone_events(void **state)
{
    struct core_fixture *fixture = *state;
    struct event_page found;
    struct arena arena;

    arena_init(&arena, ENTRY_ARENA_MAX);
    fixture->options.events_max = 10;
    core_fixture_reopen(fixture);
    for (uint32_t i = 0; i < 1500; i++) {
        add_events(fixture, 2);
    }
    while (core_next_due_ns(fixture->core) <= fixture->now_ns) {
        struct op_tick tick;

        core_tick(fixture->core, &tick);
        assert_true(entry_add(&fixture->entry, &op_tick_spec, NULL, &tick));
        assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    }
    found = page(fixture, 1, 100, &arena);
    assert_true(found.oldest_seq > 1 && found.last_seq == 3000);
    expect_run(&found, found.oldest_seq, 3000, 100);
    arena_done(&arena);
}

/* The n-th call of the store fails, for every n; so does a small arena. */
static void test_failures(void **state)
{
    struct core_fixture *fixture = *state;
    struct event_page found;
    enum err_code code;
    struct arena arena;
    struct err err;
    uint64_t n = 0;
    size_t size = 0;

    for (uint32_t i = 0; i < 3; i++) {
        add_events(fixture, 100);
    }
    arena_init(&arena, ENTRY_ARENA_MAX);
    do {
        fixture->fault.calls = 0;
        fixture->fault.fail_at = ++n;
        code = core_events_get(fixture->core, 150, 100, &arena, &found, &err);
        assert_true(code == ERR_NONE || code == ERR_IO);
    } while (code != ERR_NONE);
    assert_true(n > 2);
    fixture->fault.fail_at = 0;
    do {
        arena_done(&arena);
        arena_init(&arena, size += 400);
        code = core_events_get(fixture->core, 150, 100, &arena, &found, &err);
        assert_true(code == ERR_NONE || code == ERR_NOMEM);
    } while (code != ERR_NONE);
    assert_true(size > 4000);
    arena_done(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_number_is_found),
        TEST(test_gone_events),
        TEST(test_failures),
    };

    return cmocka_run_group_tests_name("core_event_read", tests, NULL, NULL);
}
