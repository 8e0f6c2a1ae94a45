/* Looking into JSON by name: members, items, texts, numbers, and what is none of these. */
#include "base/common.h"
#include "base/limits.h"
#include "wire/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static struct slice look(const char *text)
{
    struct slice value;
    struct err err;

    assert_int_equal(json_look(slice_text(text), &value, &err), ERR_NONE);
    return value;
}

static void expect(struct slice got, const char *want)
{
    assert_int_equal(got.size, strlen(want));
    assert_memory_equal(got.data, want, got.size);
}

/* Method: white space around, then texts that are not one JSON value. */
static void one_value_is_accepted(void **state)
{
    static const char *const wrong[] = {"", " ", "{", "{\"a\":}", "1 2", "nul", "\"\xff\"", "[1,]"};
    struct slice value;
    struct err err;

    (void)state;
    expect(look(" \n{\"a\":1}\t"), "{\"a\":1}");
    expect(look("12"), "12");
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_not_equal(json_look(slice_text(wrong[i]), &value, &err), ERR_NONE);
    }
}

/* Method: members that are there, twice, null, missing, inside of others, in an array. */
static void members_are_found_by_name(void **state)
{
    struct slice object =
        look("{\"a\":1,\"b\":{\"a\":2,\"c\":[3]},\"n\":null,\"a\":4,\"t\":\"a\"}");

    (void)state;
    expect(json_member(object, "a"), "4");
    expect(json_member(object, "b"), "{\"a\":2,\"c\":[3]}");
    expect(json_member(json_member(object, "b"), "a"), "2");
    expect(json_member(object, "n"), "");
    expect(json_member(object, "c"), "");
    expect(json_member(look("[\"a\",1]"), "a"), "");
    expect(json_member(look("\"a\""), "a"), "");
    expect(json_member(slice_of(NULL, 0), "a"), "");
}

/* Method: walks over both containers, an empty one, and what is none; each is asked again at its
 * end. */
static void walks_give_everything_in_order(void **state)
{
    struct json_walk walk = json_walk_of(look("{ \"x\" : [1, 2] , \"y\" : \"}\" }"));
    struct slice name, value;

    (void)state;
    assert_true(json_walk_next(&walk, &name, &value));
    expect(name, "x");
    expect(value, "[1, 2]");
    assert_true(json_walk_next(&walk, &name, &value));
    expect(name, "y");
    expect(value, "\"}\"");
    assert_false(json_walk_next(&walk, &name, &value));
    assert_false(json_walk_next(&walk, &name, &value));
    walk = json_walk_of(look("[true,{}]"));
    assert_true(json_walk_next(&walk, &name, &value));
    expect(name, "");
    expect(value, "true");
    assert_int_equal(json_walk_count(look("[1,[2,3],{\"a\":4}]")), 3);
    assert_int_equal(json_walk_count(look("[]")), 0);
    assert_int_equal(json_walk_count(look("{}")), 0);
    assert_int_equal(json_walk_count(look("7")), 0);
    assert_int_equal(json_walk_count(slice_of(NULL, 0)), 0);
}

/* Method: a text without and with escapes, other types, an arena that is full. */
static void texts_are_decoded(void **state)
{
    struct arena arena;
    struct slice text = slice_text("before");

    (void)state;
    arena_init(&arena, KIB);
    assert_true(json_string_of(look("\"plain\""), &arena, &text));
    expect(text, "plain");
    assert_true(json_string_of(look("\"a\\n\\u00e9\\ud83d\\ude00\""), &arena, &text));
    expect(text, "a\n\xc3\xa9\xf0\x9f\x98\x80");
    assert_false(json_string_of(look("12"), &arena, &text));
    assert_false(json_string_of(slice_of(NULL, 0), &arena, &text));
    arena_done(&arena);
    arena_init(&arena, 1);
    assert_false(json_string_of(look("\"a\\nb\""), &arena, &text));
    arena_done(&arena);
}

/* Method: both ends of the range, digits in a string (contract T14), everything else. */
static void whole_numbers_are_read(void **state)
{
    static const char *const none[] = {"-1", "1.5", "1e3", "18446744073709551616", "true", "\"\""};
    uint64_t number = 7;

    (void)state;
    assert_true(json_whole_of(look("0"), &number));
    assert_int_equal(number, 0);
    assert_true(json_whole_of(look("18446744073709551615"), &number));
    assert_true(number == UINT64_MAX);
    assert_true(json_whole_of(look("\"42\""), &number));
    assert_int_equal(number, 42);
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        assert_false(json_whole_of(look(none[i]), &number));
    }
    assert_int_equal(number, 42);
    assert_true(json_true(look("true")));
    assert_false(json_true(look("\"true\"")));
}

/* Method: nesting that no recursion would survive. */
static void depth_costs_nothing(void **state)
{
    static char text[200001];
    struct slice value;

    (void)state;
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    value = look(text);
    assert_int_equal(json_walk_count(value), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_is_accepted),
        cmocka_unit_test(members_are_found_by_name),
        cmocka_unit_test(walks_give_everything_in_order),
        cmocka_unit_test(texts_are_decoded),
        cmocka_unit_test(whole_numbers_are_read),
        cmocka_unit_test(depth_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
