/* JSON merge patch. */
#include "base/common.h"
#include "base/limits.h"
#include "tests/unit/wire_rules.h"

#include <stdio.h>

#define MEMORY_MAX ((size_t)1 << 20)

struct row {
    const char *target;
    const char *patch;
    const char *want;
};

static void check_rows(const struct row *rows, size_t count)
{
    struct arena arena;
    struct buf buf;
    struct err err = {0};

    arena_init(&arena, MEMORY_MAX);
    buf_init(&buf, MEMORY_MAX);
    for (size_t i = 0; i < count; i++) {
        arena_clear(&arena);
        buf_clear(&buf);
        assert_int_equal(json_merge_patch(slice_text(rows[i].target), slice_text(rows[i].patch),
                                          &arena, &buf, &err),
                         ERR_NONE);
        if (!slice_is(buf_slice(&buf), rows[i].want)) {
            fail_msg("%s with %s: %.*s, not %s", rows[i].target, rows[i].patch, (int)buf.size,
                     (const char *)buf.data, rows[i].want);
        }
    }
    buf_done(&buf);
    arena_done(&arena);
}

/* Method: the table of RFC 7396, appendix A, and the example of its section 3. */
static void test_rfc_7396(void **state)
{
    static const struct row rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},"
         "\"tags\":[\"example\",\"sample\"],\"content\":\"This will be unchanged\"}",
         "{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":"
         "null},"
         "\"tags\":[\"example\"]}",
         "{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":[\"example\"],"
         "\"content\":\"This will be unchanged\",\"phoneNumber\":\"+01-123-456-7890\"}"},
    };

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
}

/* Method: what the patch does not name keeps spelling, inner white space and order; names are equal
 * when they decode to the same text; of equal names the last counts; an absent target. */
static void test_bytes(void **state)
{
    static const struct row rows[] = {
        {"{ \"n\" : 1.50e+3 ,\n\"a\":1, \"deep\": { \"x\":  [1, 2 ]} }", "{\"a\":2}",
         "{\"n\" : 1.50e+3,\"a\":2,\"deep\": { \"x\":  [1, 2 ]}}"},
        {"{\"big\":12345678901234567890,\"t\":\"\\u00e4\\/\"}", " {\"x\": 1} ",
         "{\"big\":12345678901234567890,\"t\":\"\\u00e4\\/\",\"x\":1}"},
        {"{\"\\u0061\":1}", "{\"a\":null}", "{}"},
        {"{\"a\":1}", "{\"\\u0061\":2}", "{\"\\u0061\":2}"},
        {"{\"a\":1,\"b\":0,\"a\":{\"k\":1}}", "{\"a\":{\"l\":2}}",
         "{\"b\":0,\"a\":{\"k\":1,\"l\":2}}"},
        {"{\"a\":1,\"a\":2,\"b\":3,\"b\":4}", "{\"a\":null}", "{\"b\":3,\"b\":4}"},
        {"{}", "{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}"},
        {"{\"a\":0}", "{\"a\":1,\"a\":null}", "{}"},
        {"", "{\"a\":{\"b\":null,\"c\":[null]}}", "{\"a\":{\"c\":[null]}}"},
        {"null", "{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":{\"b\":{\"c\":1,\"d\":2}},\"e\":3}", "{\"a\":{\"b\":{\"c\":null}},\"f\":{}}",
         "{\"a\":{\"b\":{\"d\":2}},\"e\":3,\"f\":{}}"},
        {"{\"a\":1}", "{}", "{\"a\":1}"},
    };

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
}

/* Method: objects nested to the bound, and one more. */
static void test_depth(void **state)
{
    char patch[8 * JSON_DEPTH_MAX];
    struct arena arena;
    struct buf buf;
    struct err err;

    (void)state;
    arena_init(&arena, MEMORY_MAX);
    buf_init(&buf, MEMORY_MAX);
    for (uint32_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        size_t size = 0;

        for (uint32_t i = 1; i < depth; i++) {
            size += (size_t)snprintf(patch + size, sizeof(patch) - size, "{\"a\":");
        }
        size += (size_t)snprintf(patch + size, sizeof(patch) - size, "{}");
        memset(patch + size, '}', depth - 1);
        size += depth - 1;
        buf_clear(&buf);
        assert_int_equal(
            json_merge_patch(slice_text("{\"b\":1}"), slice_of(patch, size), &arena, &buf, &err),
            depth <= JSON_DEPTH_MAX ? ERR_NONE : ERR_INVALID);
    }
    assert_int_equal(err.reply, REPLY_PARSE_ERROR);
    buf_done(&buf);
    arena_done(&arena);
}

/* Method: many equal names in the target must not make the patch be walked for each of them: the
 * arena that the contract names suffices, and so does a buffer of both sizes. */
static void test_costs(void **state)
{
    enum { NAMES = 8000 };
    struct arena arena;
    struct buf target;
    struct buf patch;
    struct buf buf;
    struct err err;

    (void)state;
    buf_init(&target, MEMORY_MAX);
    buf_init(&patch, MEMORY_MAX);
    for (uint32_t i = 0; i < NAMES; i++) {
        (void)buf_add_text(&target, i ? ",\"\\u0061\":{}" : "{\"\\u0061\":{}");
        (void)buf_add_text(&patch, i ? ",\"\":1" : "{\"a\":{\"\":1");
    }
    (void)buf_add_text(&target, "}");
    (void)buf_add_text(&patch, "}}");
    arena_init(&arena, 2 * target.size + 16 * patch.size);
    buf_init(&buf, target.size + patch.size);
    assert_int_equal(json_merge_patch(buf_slice(&target), buf_slice(&patch), &arena, &buf, &err),
                     ERR_NONE);
    assert_true(slice_is(buf_slice(&buf), "{\"a\":{\"\":1}}"));
    buf_done(&buf);
    buf_done(&patch);
    buf_done(&target);
    arena_done(&arena);
}

/* Fault twin: an arena and a buffer that are too small by anything are an error, not a cut text. */
static void test_no_memory(void **state)
{
    struct slice target = slice_text("{\"\\u0061\":{\"b\":1},\"c\":2}");
    struct slice patch = slice_text("{\"\\u0061\":{\"d\":{\"\\u0065\":null}}}");
    uint32_t refused = 0;
    struct arena arena;
    struct buf buf;
    struct err err;

    (void)state;
    for (size_t room = 0;; room++) {
        enum err_code code;

        arena_init(&arena, room);
        buf_init(&buf, MEMORY_MAX);
        code = json_merge_patch(target, patch, &arena, &buf, &err);
        arena_done(&arena);
        if (code == ERR_NONE) {
            break;
        }
        assert_int_equal(code, ERR_NOMEM);
        refused++;
        buf_done(&buf);
    }
    assert_true(refused > 0);
    assert_true(slice_is(buf_slice(&buf), "{\"\\u0061\":{\"b\":1,\"d\":{}},\"c\":2}"));
    for (size_t room = 0; room < buf.size; room++) {
        struct buf small;

        arena_init(&arena, MEMORY_MAX);
        buf_init(&small, room);
        assert_int_equal(json_merge_patch(target, patch, &arena, &small, &err), ERR_NONE);
        assert_true(small.failed);
        buf_done(&small);
        arena_done(&arena);
    }
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_7396),  cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_costs),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
