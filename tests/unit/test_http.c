/* Headers, queries and percent-decoding as handlers see them: tables of text in, text out. */
#include "http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After the headers it needs. */
#include <cmocka.h>

#define TEXT(text) {(const uint8_t *)(text), sizeof(text) - 1}

struct decode_row {
    struct slice raw;
    const char *text; /* NULL: refused. */
};

static const struct decode_row decode_rows[] = {
    {TEXT(""), ""},
    {TEXT("plain"), "plain"},
    {TEXT("a%20b"), "a b"},
    {TEXT("a+b"), "a+b"},
    {TEXT("%2F%2f"), "//"},
    {TEXT("%41%5A%61%7a"), "AZaz"},
    {TEXT("%25%32%35"), "%25"}, /* Once, not twice. */
    {TEXT("%c3%a4"), "\xc3\xa4"},
    {TEXT("%FF"), "\xff"},
    {TEXT("\xc3\xa4"), "\xc3\xa4"},
    {TEXT("x%7e"), "x~"},
    {TEXT("%"), NULL},
    {TEXT("%4"), NULL},
    {TEXT("a%"), NULL},
    {TEXT("a%4"), NULL},
    {TEXT("%%41"), NULL},
    {TEXT("%4g"), NULL},
    {TEXT("%g4"), NULL},
    {TEXT("% 41"), NULL},
    {TEXT("%-1"), NULL},
    {TEXT("%00"), NULL},
    {TEXT("a%00b"), NULL},
    {TEXT("a\0b"), NULL},
};

/* Method: each row decoded into a fresh arena. */
static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(decode_rows); i++) {
        const struct decode_row *row = &decode_rows[i];
        struct slice text = slice_text("untouched");
        struct arena arena;
        struct err err;
        enum err_code code;

        arena_init(&arena, 4096);
        code = http_decode(row->raw, &arena, &text, &err);
        if (code != (row->text ? ERR_NONE : ERR_INVALID) ||
            !slice_is(text, row->text ? row->text : "untouched")) {
            fail_msg("row %zu: %s, '%.*s'", i, err_code_name(code), (int)text.size, text.data);
        }
        arena_done(&arena);
    }
}

/* Method: an arena that is too small is another error than bad text. */
static void test_decode_no_memory(void **state)
{
    struct slice text;
    struct arena arena;
    struct err err;

    (void)state;
    arena_init(&arena, 3);
    assert_int_equal(http_decode(slice_text("four"), &arena, &text, &err), ERR_NOMEM);
    arena_done(&arena);
}

struct query_row {
    const char *query;
    const char *name;
    const char *value; /* NULL: absent or malformed. */
};

static const struct query_row query_rows[] = {
    {"", "a", NULL},         {"a=1", "a", "1"},       {"a=1", "b", NULL},
    {"a=1", "A", NULL},      {"a", "a", ""},          {"a=", "a", ""},
    {"=1", "a", NULL},       {"=1", "", "1"},         {"a=1&b=2", "b", "2"},
    {"a=1&a=2", "a", "1"},   {"&&a=1&", "a", "1"},    {"ab=1&a=2", "a", "2"},
    {"a=b=c", "a", "b=c"},   {"a=x+y", "a", "x y"},   {"a=x%2By", "a", "x+y"},
    {"a=%26&b=2", "a", "&"}, {"a=%26&b=2", "b", "2"}, {"%61=1", "a", "1"},
    {"a+b=1", "a b", "1"},   {"%6=1&a=2", "a", "2"},  {"a=%", "a", NULL},
    {"a=%zz", "a", NULL},    {"a=%00", "a", NULL},    {"b=%zz&a=1", "a", "1"},
    {"a;b=1", "b", NULL},
};

/* Method: queries that decode, and those with one bad escape or NUL somewhere. */
static void test_query_is_good(void **state)
{
    static const struct {
        const char *query;
        bool good;
    } rows[] = {
        {"", true},       {"a=b&c", true},    {"%41=%7a", true}, {"&&==", true},
        {"a=%ff", true},  {"%", false},       {"a%4", false},    {"a=%4g", false},
        {"a=%00", false}, {"x&%zz=1", false}, {"a=%-1", false},  {"a=%%41", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_input input = {.query = slice_text(rows[i].query)};

        print_message("%s\n", rows[i].query);
        assert_int_equal(http_query_is_good(&input), rows[i].good);
    }
}

/* Method: each row looked up in a query of its own. */
static void test_query_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(query_rows); i++) {
        const struct query_row *row = &query_rows[i];
        struct arena arena;
        struct http_input input = {.query = slice_text(row->query), .arena = &arena};
        struct slice value;

        arena_init(&arena, 4096);
        value = http_query_find(&input, row->name);
        if ((value.data != NULL) != (row->value != NULL) ||
            (row->value && !slice_is(value, row->value))) {
            fail_msg("'%s' in '%s': '%.*s'", row->name, row->query, (int)value.size, value.data);
        }
        arena_done(&arena);
    }
}

/* Method: names with other case, absent, a prefix, twice. */
static void test_header_find(void **state)
{
    static const struct http_header headers[] = {
        {TEXT("Content-Type"), TEXT("text/plain")},
        {TEXT("X-Two"), TEXT("first")},
        {TEXT("x-two"), TEXT("second")},
        {TEXT("Empty"), TEXT("")},
    };
    struct http_input input = {.headers = headers, .header_count = ARRAY_COUNT(headers)};

    (void)state;
    assert_true(slice_is(http_header_find(&input, "content-TYPE"), "text/plain"));
    assert_true(slice_is(http_header_find(&input, "X-Two"), "first"));
    assert_true(slice_is(http_header_find(&input, "empty"), ""));
    assert_non_null(http_header_find(&input, "empty").data);
    assert_null(http_header_find(&input, "Content").data);
    assert_null(http_header_find(&input, "Content-Type-X").data);
    input.header_count = 0;
    assert_null(http_header_find(&input, "Content-Type").data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),        cmocka_unit_test(test_decode_no_memory),
        cmocka_unit_test(test_query_is_good), cmocka_unit_test(test_query_find),
        cmocka_unit_test(test_header_find),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
