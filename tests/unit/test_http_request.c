/* The pool of requests: what is kept, what is given back. */
#include "base/limits.h"
#include "http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After the headers it needs. */
#include <cmocka.h>

#define MANY 200

/* Method: the one given last is taken first, empty but with its memory. */
static void test_last_first(void **state)
{
    struct http_request_pool pool = {0};
    struct http_request *a = http_request_take(&pool);
    struct http_request *b = http_request_take(&pool);

    (void)state;
    assert_true(a && b && a != b);
    assert_non_null(arena_alloc(&a->arena, 100));
    assert_true(buf_add(&a->body, "body", 4));
    a->input.method = HTTP_POST;
    a->refusal_status = 400;
    http_request_give(&pool, b);
    http_request_give(&pool, a);
    assert_ptr_equal(http_request_take(&pool), a);
    assert_int_equal(a->refusal_status, 0);
    assert_int_equal(a->input.method, HTTP_GET);
    assert_ptr_equal(a->input.arena, &a->arena);
    assert_int_equal(a->body.size, 0);
    assert_true(a->body.capacity > 0);
    assert_non_null(a->arena.blocks);
    http_request_destroy(a);
    http_request_pool_done(&pool);
}

/* Method: more requests than the pool keeps, with bodies larger than it keeps. */
static void test_bounded(void **state)
{
    static struct http_request *taken[MANY];
    struct http_request_pool pool = {0};

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        taken[i] = http_request_take(&pool);
        assert_non_null(taken[i]);
        assert_true(buf_reserve(&taken[i]->body, 1 * MIB));
        assert_non_null(arena_alloc(&taken[i]->arena, 1 * MIB));
    }
    for (size_t i = 0; i < MANY; i++) {
        http_request_give(&pool, taken[i]);
    }
    assert_true(pool.count > 0 && pool.count < MANY);
    for (const struct http_request *request = pool.first; request; request = request->next) {
        assert_int_equal(request->body.capacity, 0);
        assert_null(request->arena.blocks);
    }
    http_request_pool_done(&pool);
    assert_null(pool.first);
    assert_int_equal(pool.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_first),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests_name("http_request", tests, NULL, NULL);
}
