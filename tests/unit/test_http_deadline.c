/* Deadlines on a real loop: order, moving, clearing, and how often the timer fires. */
#include "http/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After the headers it needs. */
#include <cmocka.h>

#define ITEMS 5

struct item {
    struct http_deadline deadline;
    size_t passed;
    uint64_t at_ms;
    bool again;          /* Sets itself again, once. */
    struct item *clears; /* Another that it clears. */
};

static uv_loop_t loop;
static struct http_deadlines all;
static struct item items[ITEMS];
static size_t order[2 * ITEMS];
static size_t order_count;

static void on_passed(void *owner, enum http_deadline_kind kind)
{
    struct item *item = owner;

    assert_int_equal(kind, item->deadline.kind);
    assert_null(item->deadline.next);
    item->passed++;
    item->at_ms = uv_now(&loop);
    assert_true(order_count < ARRAY_COUNT(order));
    order[order_count] = (size_t)(item - items);
    order_count++;
    if (item->clears) {
        http_deadline_set(&all, &item->clears->deadline, HTTP_DEADLINE_NONE);
    }
    if (item->again) {
        item->again = false;
        http_deadline_set(&all, &item->deadline, kind);
    }
}

static int begin(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    http_deadlines_init(&all, &loop, on_passed);
    all.lasts_ms[HTTP_DEADLINE_IDLE] = 30;
    all.lasts_ms[HTTP_DEADLINE_REQUEST] = 10;
    order_count = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = (struct item){.deadline.owner = &items[i]};
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&all.timer, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

/* Method: the shorter kind passes first though it was set last; the loop ends when none is left. */
static void test_order(void **state)
{
    uint64_t start_ms = uv_now(&loop);

    (void)state;
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_IDLE);
    http_deadline_set(&all, &items[1].deadline, HTTP_DEADLINE_IDLE);
    http_deadline_set(&all, &items[2].deadline, HTTP_DEADLINE_REQUEST);
    http_deadline_set(&all, &items[3].deadline, HTTP_DEADLINE_NOW);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(order_count, 4);
    assert_int_equal(order[0], 3);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
    assert_int_equal(order[3], 1);
    assert_true(items[2].at_ms >= start_ms + 10);
    assert_true(items[0].at_ms >= start_ms + 30);
}

/* Method: moving a deadline to a longer kind, and clearing one. */
static void test_move_and_clear(void **state)
{
    uint64_t start_ms = uv_now(&loop);

    (void)state;
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_REQUEST);
    http_deadline_set(&all, &items[1].deadline, HTTP_DEADLINE_REQUEST);
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_IDLE);
    http_deadline_set(&all, &items[1].deadline, HTTP_DEADLINE_NONE);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(order_count, 1);
    assert_int_equal(items[0].passed, 1);
    assert_true(items[0].at_ms >= start_ms + 30);
}

/* Method: one that sets itself to NOW again waits for the next turn instead of spinning in this. */
static void test_again(void **state)
{
    (void)state;
    items[0].again = true;
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_NOW);
    http_deadline_set(&all, &items[1].deadline, HTTP_DEADLINE_NOW);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(items[0].passed, 1);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(items[0].passed, 2);
    assert_int_equal(items[1].passed, 1);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 0);
}

/* Method: the same when the last one of the turn, which would have ended it, is cleared. */
static void test_again_without_the_last(void **state)
{
    (void)state;
    items[0].again = true;
    items[0].clears = &items[1];
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_NOW);
    http_deadline_set(&all, &items[1].deadline, HTTP_DEADLINE_NOW);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(items[0].passed, 1);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(items[0].passed, 2);
    assert_int_equal(items[1].passed, 0);
}

/* Method: a turn of the loop that lasts 30 ms, in which its time stands still: a client's time to
 * take its reply begins at the end of it. */
static void test_write_begins_now(void **state)
{
    uint64_t before_ms = uv_now(&loop);
    uint64_t now_ms;

    (void)state;
    all.lasts_ms[HTTP_DEADLINE_WRITE] = 10;
    do {
        now_ms = uv_hrtime() / NS_PER_MS;
    } while (now_ms < before_ms + 30);
    assert_int_equal(uv_now(&loop), before_ms);
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_WRITE);
    assert_true(items[0].deadline.due_ms >= now_ms + 10);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(items[0].passed, 1);
}

/* Method: moving a deadline along, as each request does, does not touch the timer. */
static void test_cheap(void **state)
{
    uint64_t armed_ms;

    (void)state;
    http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_IDLE);
    armed_ms = all.armed_ms;
    for (int i = 0; i < 100000; i++) {
        uv_update_time(&loop);
        http_deadline_set(&all, &items[0].deadline, HTTP_DEADLINE_IDLE);
        assert_int_equal(all.armed_ms, armed_ms);
    }
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(items[0].passed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, begin, end),
        cmocka_unit_test_setup_teardown(test_move_and_clear, begin, end),
        cmocka_unit_test_setup_teardown(test_again, begin, end),
        cmocka_unit_test_setup_teardown(test_again_without_the_last, begin, end),
        cmocka_unit_test_setup_teardown(test_write_begins_now, begin, end),
        cmocka_unit_test_setup_teardown(test_cheap, begin, end),
    };

    return cmocka_run_group_tests_name("http_deadline", tests, NULL, NULL);
}
