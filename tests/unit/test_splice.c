/* Byte ranges of JSON: compacting, types, members. */
#include "base/common.h"
#include "base/limits.h"
#include "tests/unit/wire_rules.h"

#include <stdlib.h>

#define MEMORY_MAX ((size_t)1 << 20)

/* Method: white space of each kind between and inside strings; what is not white space stays as
 * spelled. */
static void test_compact(void **state)
{
    static const struct {
        const char *json;
        const char *want;
    } rows[] = {
        {"{}", "{}"},
        {" \t\r\n[ 1 ,\n2 ] ", "[1,2]"},
        {"{ \"a b\" : \" \\\" \\\\\" , \"c\" : null }", "{\"a b\":\" \\\" \\\\\",\"c\":null}"},
        {"1.500e+3", "1.500e+3"},
        {"\"\\u00e4 \xc3\xa4 <>&\"", "\"\\u00e4 \xc3\xa4 <>&\""},
        {"", ""},
        {"  ", ""},
    };
    struct buf buf;

    (void)state;
    buf_init(&buf, MEMORY_MAX);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        buf_clear(&buf);
        json_write_compact(&buf, slice_text(rows[i].json));
        assert_true(slice_is(buf_slice(&buf), rows[i].want));
    }
    buf_done(&buf);
}

/* Method: bytes that are no JSON at all end, and nothing behind their end is read. */
static void test_compact_of_rubbish(void **state)
{
    static const char *const texts[] = {"\"", "\"\\", "{\"a", "\x01\x02", "\\", "[[\"]]"};
    struct buf buf;

    (void)state;
    buf_init(&buf, MEMORY_MAX);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        size_t size = strlen(texts[i]);
        uint8_t *copy = malloc(size);

        assert_non_null(copy);
        memcpy(copy, texts[i], size);
        buf_clear(&buf);
        json_write_compact(&buf, slice_of(copy, size));
        assert_true(slice_is(buf_slice(&buf), texts[i]));
        free(copy);
    }
    buf_done(&buf);
}

/* Method: one of each type, and what is not exactly one value; nesting at and over the bound. */
static void test_types(void **state)
{
    static const struct {
        const char *json;
        enum json_type type;
    } rows[] = {
        {"null", JSON_NULL},     {" true ", JSON_BOOL}, {"false", JSON_BOOL},
        {"-0.5e1", JSON_NUMBER}, {"\"\"", JSON_STRING}, {"[]", JSON_ARRAY},
        {"{}", JSON_OBJECT},     {"", JSON_BAD},        {"nul", JSON_BAD},
        {"1 2", JSON_BAD},       {"{\"a\"}", JSON_BAD}, {"\"\xff\"", JSON_BAD},
        {"[1e999]", JSON_ARRAY},
    };
    char nested[2 * JSON_DEPTH_MAX + 3];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(json_type_of(slice_text(rows[i].json)), rows[i].type);
    }
    memset(nested, '[', JSON_DEPTH_MAX + 1);
    memset(nested + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_type_of(slice_of(nested + 1, (size_t)JSON_DEPTH_MAX * 2)), JSON_ARRAY);
    assert_int_equal(json_type_of(slice_of(nested, (size_t)JSON_DEPTH_MAX * 2 + 2)), JSON_BAD);
}

static enum err_code list_member(void *context, struct slice key, struct slice raw_value,
                                 struct err *err)
{
    struct buf *buf = context;

    if (slice_is(key, "stop")) {
        return err_set(err, ERR_BUSY, "stopped");
    }
    (void)buf_add_slice(buf, key);
    (void)buf_add_byte(buf, '=');
    (void)buf_add_slice(buf, raw_value);
    (void)buf_add_byte(buf, ';');
    return ERR_NONE;
}

/* Method: members in order with decoded keys, duplicates too; the callback's error ends the walk.
 */
static void test_each_member(void **state)
{
    struct arena arena;
    struct err err;
    struct buf buf;

    (void)state;
    arena_init(&arena, MEMORY_MAX);
    buf_init(&buf, MEMORY_MAX);
    assert_int_equal(json_each_member(slice_text(" { \"a\" : [1, 2] ,\"\\u0062\":\"x\",\"a\":{}}"),
                                      &arena, list_member, &buf, &err),
                     ERR_NONE);
    assert_true(slice_is(buf_slice(&buf), "a=[1, 2];b=\"x\";a={};"));
    buf_clear(&buf);
    assert_int_equal(json_each_member(slice_text("{\"a\":1,\"stop\":2,\"b\":3}"), &arena,
                                      list_member, &buf, &err),
                     ERR_BUSY);
    assert_true(slice_is(buf_slice(&buf), "a=1;"));
    assert_int_equal(json_each_member(slice_text("[]"), &arena, list_member, &buf, &err),
                     ERR_INVALID);
    assert_int_equal(json_each_member(slice_text("{"), &arena, list_member, &buf, &err),
                     ERR_INVALID);
    buf_clear(&buf);
    (void)buf_add_text(&buf, "{\"a\":");
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        (void)buf_add_byte(&buf, '[');
    }
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        (void)buf_add_byte(&buf, ']');
    }
    (void)buf_add_byte(&buf, '}');
    assert_int_equal(json_each_member(buf_slice(&buf), &arena, list_member, NULL, &err),
                     ERR_INVALID);
    assert_string_equal(err.text, "JSON nests deeper than 64");
    arena_done(&arena);
    arena_init(&arena, 0);
    assert_int_equal(json_each_member(slice_text("{\"\\n\":1}"), &arena, list_member, &buf, &err),
                     ERR_NOMEM);
    buf_done(&buf);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_compact_of_rubbish),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_each_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
