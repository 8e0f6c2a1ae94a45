/* JSON over several lines, harmless and painted. */
#include "base/common.h"
#include "base/limits.h"
#include "cli/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static void expect(const char *json, uint32_t indent, bool colour, bool harmless, const char *want)
{
    struct buf out;

    buf_init(&out, 64 * KIB);
    page_write_json(slice_text(json), indent, colour, harmless, &out);
    (void)buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, want);
    buf_done(&out);
}

/* Method: containers, empty ones, and what is none. */
static void json_is_laid_out(void **state)
{
    (void)state;
    expect("{\"a\":[1,{\"b\":null}],\"c\":{},\"d\":[ ],\"e\":\"x y\"}", 0, false, true,
           "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": {},\n"
           "  \"d\": [],\n  \"e\": \"x y\"\n}\n");
    expect("[]", 2, false, true, "  []\n");
    expect("-1.5e3", 2, false, true, "  -1.5e3\n");
    expect("[1,2]", 2, false, true, "  [\n    1,\n    2\n  ]\n");
}

/* Method: brackets, commas and colons in strings; escapes. */
static void strings_are_left_alone(void **state)
{
    (void)state;
    expect("{\"a{\":\"},[\\\"]:\"}", 0, false, true, "{\n  \"a{\": \"},[\\\"]:\"\n}\n");
    expect("\"caf\xc3\xa9 \\u001b[31m\"", 0, false, true, "\"caf\xc3\xa9 \\u001b[31m\"\n");
}

/* Method: what JSON allows in strings and a terminal obeys, shown and left as it is. */
static void hostile_strings_are_harmless(void **state)
{
    (void)state;
    expect("\"\xc2\x9b"
           "2J\x7f\xe2\x80\xae\"",
           0, false, true, "\"\\u009b2J\\u007f\\u202e\"\n");
    expect("\"\x7f\"", 0, false, false, "\"\x7f\"\n");
}

/* Method: names and texts in their colours. */
static void names_and_texts_are_painted(void **state)
{
    (void)state;
    expect("{\"a\":\"b\",\"n\":1}", 0, true, true,
           "{\n  \x1b[34m\"a\"\x1b[0m: \x1b[32m\"b\"\x1b[0m,\n  \x1b[34m\"n\"\x1b[0m: 1\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_laid_out),
        cmocka_unit_test(strings_are_left_alone),
        cmocka_unit_test(hostile_strings_are_harmless),
        cmocka_unit_test(names_and_texts_are_painted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
