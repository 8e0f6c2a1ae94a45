/* json_read: kinds, dialects, rules, and input that means harm. */
#include "base/limits.h"
#include "tests/codec/sample.h"
#include "tests/unit/wire_rules.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX ((size_t)1 << 20)
#define ARENA_MAX ((size_t)1 << 28)

struct row {
    enum json_dialect dialect;
    const char *json;
    const char *want; /* Written again as REST, or the error text. */
    enum reply_code reply;
};

/* Reads a sample message and returns what REST writes of it, or the error's text. */
static void check_row(const struct row *row)
{
    struct sample record;
    struct arena arena;
    struct buf buf;
    struct err err = {.code = ERR_NONE};

    arena_init(&arena, MEMORY_MAX);
    buf_init(&buf, MEMORY_MAX);
    if (json_read(&sample_every, row->dialect, slice_text(row->json), &arena, &record, &err)) {
        (void)buf_add_text(&buf, err.text);
    } else {
        json_write(&sample_every, JSON_REST, &record, &buf);
    }
    (void)buf_add_byte(&buf, '\0');
    assert_string_equal((const char *)buf.data, row->want);
    assert_int_equal(err.reply, row->reply);
    assert_int_equal(err.code, reply_row(row->reply)->code);
    buf_done(&buf);
    arena_done(&arena);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("%s\n", rows[i].json);
        check_row(&rows[i]);
    }
}

#define WRONG REPLY_PARSE_ERROR
#define BAD REPLY_VALIDATION_ERROR

/* Method: each spelling of a whole number at and beyond the bounds of its type. */
static void test_whole_numbers(void **state)
{
    static const struct row rows[] = {
        {JSON_REST, "{\"i32\":2147483647}", "{\"i32\":2147483647}", 0},
        {JSON_REST, "{\"i32\":-2147483648}", "{\"i32\":-2147483648}", 0},
        {JSON_REST, "{\"i32\":2147483648}", "i32 is out of range", BAD},
        {JSON_REST, "{\"i32\":-2147483649}", "i32 is out of range", BAD},
        {JSON_REST, "{\"i64\":9223372036854775807}", "{\"i64\":9223372036854775807}", 0},
        {JSON_REST, "{\"i64\":-9223372036854775808}", "{\"i64\":-9223372036854775808}", 0},
        {JSON_REST, "{\"i64\":9223372036854775808}", "i64 is out of range", BAD},
        {JSON_REST, "{\"i64\":-9223372036854775809}", "i64 is out of range", BAD},
        {JSON_REST, "{\"u32\":4294967295}", "{\"u32\":4294967295}", 0},
        {JSON_REST, "{\"u32\":4294967296}", "u32 is out of range", BAD},
        {JSON_REST, "{\"u32\":-1}", "u32 is out of range", BAD},
        {JSON_REST, "{\"u64\":18446744073709551615}", "{\"u64\":18446744073709551615}", 0},
        {JSON_REST, "{\"u64\":18446744073709551616}", "u64 is out of range", BAD},
        {JSON_REST, "{\"u64\":99999999999999999999999999999999}", "u64 is out of range", BAD},
        {JSON_REST, "{\"u64\":-1}", "u64 is out of range", BAD},
        {JSON_REST, "{\"u64\":-0}", "{}", 0},
        {JSON_REST, "{\"opt_i32\":-0}", "{\"opt_i32\":0}", 0},
        {JSON_REST, "{\"i32\":1.0}", "i32 must be a whole number", WRONG},
        {JSON_REST, "{\"i32\":1e3}", "i32 must be a whole number", WRONG},
        {JSON_REST, "{\"i32\":\"1\"}", "i32 must be a whole number", WRONG},
        {JSON_REST, "{\"i32\":true}", "i32 must be a whole number", WRONG},
        {JSON_REST, "{\"i32\":[]}", "i32 must be a whole number", WRONG},
        {JSON_RPC, "{\"i32\":\"-12\",\"u64\":\"18446744073709551615\",\"i64\":5}",
         "{\"i32\":-12,\"i64\":5,\"u64\":18446744073709551615}", 0},
        {JSON_RPC, "{\"i64\":\"\"}", "i64 must be a whole number", WRONG},
        {JSON_RPC, "{\"i64\":\"-\"}", "i64 must be a whole number", WRONG},
        {JSON_RPC, "{\"i64\":\"1 \"}", "i64 must be a whole number", WRONG},
        {JSON_RPC, "{\"i64\":\"0x10\"}", "i64 must be a whole number", WRONG},
    };

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
}

/* Method: each kind that is a text of its own syntax, right and wrong. */
static void test_texts_of_a_kind(void **state)
{
    static const struct row rows[] = {
        {JSON_REST, "{\"flag\":true}", "{\"flag\":true}", 0},
        {JSON_REST, "{\"flag\":1}", "flag must be true or false", WRONG},
        {JSON_REST, "{\"flag\":\"true\"}", "flag must be true or false", WRONG},
        {JSON_REST, "{\"time\":\"2026-11-23T21:25:41.5+01:00\"}",
         "{\"time\":\"2026-11-23T20:25:41.5Z\"}", 0},
        {JSON_REST, "{\"time\":\"2026-02-30T00:00:00Z\"}",
         "time must be a time of RFC 3339 from 1970 to 2554", WRONG},
        {JSON_REST, "{\"timestamp\":5}", "timestamp must be a time of RFC 3339 from 1970 to 2554",
         WRONG},
        {JSON_REST, "{\"time\":\"\"}", "time must be a time of RFC 3339 from 1970 to 2554", WRONG},
        {JSON_REST, "{\"duration\":\"1h\",\"duration_text\":\"7d\"}",
         "{\"duration_text\":\"168h0m0s\",\"duration\":\"1h0m0s\"}", 0},
        {JSON_REST, "{\"duration\":5}", "duration must be a duration like \"90s\"", WRONG},
        {JSON_REST, "{\"duration\":\"\"}", "{}", 0},
        {JSON_REST, "{\"money\":0.1,\"money_double\":-2.5e1}",
         "{\"money_double\":-25,\"money\":0.1}", 0},
        {JSON_REST, "{\"money\":\"1\"}", "money must be a number", WRONG},
        {JSON_REST, "{\"money\":1e999}", "money is out of range", BAD},
        {JSON_RPC, "{\"money\":\"1.5\"}", "{\"money\":1.5}", 0},
        {JSON_RPC, "{\"money\":\"NaN\"}", "money must be a number", WRONG},
        {JSON_RPC, "{\"money\":\"1.\"}", "money must be a number", WRONG},
        {JSON_RPC, "{\"money\":\".5\"}", "money must be a number", WRONG},
        {JSON_RPC, "{\"money\":\"1e\"}", "money must be a number", WRONG},
        {JSON_REST, "{\"word\":\"LOW\",\"word_text\":\"high\",\"word_number\":\"low\"}",
         "{\"word_text\":\"High\",\"word_number\":1,\"word\":\"low\"}", 0},
        {JSON_REST, "{\"word_number\":4}", "{\"word_number\":4}", 0},
        {JSON_REST, "{\"word_number\":3}", "word_number has no value 3", BAD},
        {JSON_REST, "{\"word_number\":5}", "word_number has no value 5", BAD},
        {JSON_REST, "{\"word_number\":1.5}", "word_number must be a whole number", WRONG},
        {JSON_RPC, "{\"wordNumber\":\"4\"}", "{\"word_number\":4}", 0},
        {JSON_REST, "{\"word_number\":\"4\"}", "word_number has no value '4'", BAD},
        {JSON_REST, "{\"word\":\"hi\"}", "word has no value 'hi'", BAD},
        {JSON_REST, "{\"word\":\"highest\"}", "word has no value 'highest'", BAD},
        {JSON_REST, "{\"word\":1}", "word must be one of its words", WRONG},
        {JSON_REST, "{\"word\":\"\"}", "{}", 0},
        {JSON_REST, "{\"bytes\":\"AAE\"}", "{\"bytes\":\"AAE=\"}", 0},
        {JSON_REST, "{\"bytes\":\"-_-_\"}", "{\"bytes\":\"+/+/\"}", 0},
        {JSON_REST, "{\"bytes\":\"A\"}", "bytes must be a string of base64", WRONG},
        {JSON_REST, "{\"text\":1}", "text must be a string", WRONG},
    };

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
}

/* Method: escapes and code points, whole and broken. */
static void test_strings(void **state)
{
    static const struct row rows[] = {
        {JSON_REST, "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
         "{\"text\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}", 0},
        {JSON_REST, "{\"text\":\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"}",
         "{\"text\":\"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}", 0},
        {JSON_REST, "{\"text\":\"\\u0001\"}", "{\"text\":\"\\u0001\"}", 0},
        {JSON_REST, "{\"te\\u0078t\":\"key\"}", "{\"text\":\"key\"}", 0},
        {JSON_REST, "{\"text\":\"a\\u0000b\"}", "text has a NUL character", BAD},
        {JSON_REST, "{\"json\":\"a\\u0000b\"}", "{\"json\":\"a\\u0000b\"}", 0},
        {JSON_REST, "{\"map\":{\"\\u0000\":{}}}", "map has a NUL character in a key", BAD},
    };
    static const char *const broken[] = {
        "{\"text\":\"\\ud800\"}",  "{\"text\":\"\\ude00\\ud83d\"}",
        "{\"json\":\"\\ud83dx\"}", "{\"text\":\"\\u00g0\"}",
        "{\"text\":\"\\x\"}",      "{\"text\":\"\xff\"}",
        "{\"text\":\"\xc3\"}",     "{\"text\":\"\xed\xa0\x80\"}",
        "{\"text\":\"\xc0\x80\"}", "{\"unknown\":\"\xf4\x90\x80\x80\"}",
        "{\"text\":\"a\nb\"}",     "{\"text\":\"abc}",
    };

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        struct rules_case test;

        rules_begin(&test);
        assert_int_equal(rules_read(&test, JSON_REST, slice_text(broken[i])), ERR_INVALID);
        assert_int_equal(test.err.reply, REPLY_PARSE_ERROR);
        assert_memory_equal(test.err.text, "not JSON", 8);
        rules_end(&test);
    }
}

/* Method: raw values in REST and RPC; the bytes between the value's ends are the client's. */
static void test_raw_values(void **state)
{
    static const struct row rows[] = {
        {JSON_REST, "{\"json\": {\"b\" : [1e5 , -0.0,\"a b\"]} }",
         "{\"json\":{\"b\":[1e5,-0.0,\"a b\"]}}", 0},
        {JSON_REST, "{\"json\":null}", "{\"json\":null}", 0},
        {JSON_REST, "{\"json\":123456789012345678901234567890.10}",
         "{\"json\":123456789012345678901234567890.10}", 0},
        {JSON_REST, "{\"jsons\":[null, \"]\\\"\" ,{},[ ]]}", "{\"jsons\":[null,\"]\\\"\",{},[]]}",
         0},
        {JSON_RPC, "{\"json\":\"{\\\"a\\\": 1}\"}", "{\"json\":{\"a\":1}}", 0},
        {JSON_RPC, "{\"json\":\"\"}", "{}", 0},
        {JSON_RPC, "{\"json\":null}", "{}", 0},
        {JSON_RPC, "{\"json\":{}}", "json must be a string of JSON", WRONG},
        {JSON_RPC, "{\"json\":\"{\"}", "json must be a string of JSON", WRONG},
        {JSON_RPC, "{\"json\":\"1 2\"}", "json must be a string of JSON", WRONG},
    };
    static const char text[] = " {\"json\" :\t[1 , 2]\n} ";
    struct sample record;
    struct arena arena;
    struct err err;

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
    arena_init(&arena, MEMORY_MAX);
    assert_int_equal(json_read(&sample_every, JSON_REST, slice_text(text), &arena, &record, &err),
                     ERR_NONE);
    assert_ptr_equal(record.json.data, text + 11);
    assert_int_equal(record.json.size, 7);
    arena_done(&arena);
}

/* Method: lists, maps and messages of the right and of other shapes; equal names and keys. */
static void test_shapes(void **state)
{
    static const struct row rows[] = {
        {JSON_REST, " { } ", "{}", 0},
        {JSON_REST, "{\"i32s\":[]}", "{}", 0},
        {JSON_REST, "{\"i32s\":[ 1 , -2 ]}", "{\"i32s\":[1,-2]}", 0},
        {JSON_REST, "{\"i32s\":[1,null]}", "i32s must be a whole number", WRONG},
        {JSON_REST, "{\"i32s\":1}", "i32s must be a list", WRONG},
        {JSON_REST, "{\"i32s\":{}}", "i32s must be a list", WRONG},
        {JSON_REST, "{\"texts\":[\"a\",1]}", "texts must be a string", WRONG},
        {JSON_REST, "{\"inner\":{}}", "{\"inner\":{}}", 0},
        {JSON_REST, "{\"inner\":[]}", "inner must be an object", WRONG},
        {JSON_REST, "{\"inner\":{\"count\":\"x\"}}", "inner.count must be a whole number", WRONG},
        {JSON_REST, "{\"inners\":[{},{\"next\":{\"count\":1.5}}]}",
         "inners[1].next.count must be a whole number", WRONG},
        {JSON_REST, "{\"inners\":[1]}", "inners must be a list of objects", WRONG},
        {JSON_REST, "{\"map\":{\"a\":{\"count\":1},\"b\":null}}",
         "{\"map\":{\"a\":{\"count\":1},\"b\":{}}}", 0},
        {JSON_REST, "{\"map\":[]}", "map must be an object", WRONG},
        {JSON_REST, "{\"map\":{\"a\":1}}", "map must be an object of objects", WRONG},
        {JSON_REST, "{\"map\":{\"j1\":{\"count\":true}}}", "map.j1.count must be a whole number",
         WRONG},
        {JSON_REST, "{\"map\":{\"a\":{\"count\":1},\"b\":{\"count\":2},\"a\":{\"count\":3}}}",
         "{\"map\":{\"b\":{\"count\":2},\"a\":{\"count\":3}}}", 0},
        {JSON_REST, "{\"i32\":1,\"i32\":2}", "{\"i32\":2}", 0},
        {JSON_REST, "{\"i32\":1,\"i32\":null}", "{}", 0},
        {JSON_REST, "{\"opt_i32\":1,\"opt_i32\":null}", "{}", 0},
        {JSON_REST, "{\"i32s\":[1,2],\"i32s\":[3]}", "{\"i32s\":[3]}", 0},
        {JSON_REST, "{\"i32s\":[1,2],\"i32s\":null}", "{}", 0},
        {JSON_REST, "{\"inner\":{\"count\":1,\"name\":\"x\"},\"inner\":{\"count\":2}}",
         "{\"inner\":{\"count\":2}}", 0},
        {JSON_REST, "{\"x\":{\"i32\":1},\"\":[[]],\"i32 \":1,\"I32\":1}", "{}", 0},
        {JSON_REST, "{\"optI32\":1}", "{}", 0},
        {JSON_RPC, "{\"optI32\":1,\"opt_text\":\"x\",\"opt__text\":1,\"optI32x\":1,\"opt\":1}",
         "{\"opt_i32\":1,\"opt_text\":\"x\"}", 0},
        {JSON_REST, "[]", "the JSON must be an object", WRONG},
        {JSON_REST, "null", "the JSON must be an object", WRONG},
        {JSON_REST, "", "there is no JSON", WRONG},
    };

    (void)state;
    check_rows(rows, ARRAY_COUNT(rows));
}

/* Method: syntax that some readers let pass. */
static void test_syntax_is_strict(void **state)
{
    static const char *const broken[] = {
        " ",       "{",          "{}{}",           "{} x",        "{\"a\":1,}",   "{\"a\"}",
        "{a:1}",   "{\"a\":01}", "{\"a\":.5}",     "{\"a\":+1}",  "{\"a\":0x1}",  "{\"a\":NaN}",
        "{'a':1}", "{\"a\":1.}", "{\"a\":tru}",    "{\"a\":1 2}", "{\"a\":[1,]}", "{\"a\":[1}",
        "{}//c",   "/**/{}",     "\xef\xbb\xbf{}", "{\"a\":\v1}", "{\"a\":-}",    "{,}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        struct rules_case test;

        rules_begin(&test);
        print_message("%s\n", broken[i]);
        assert_int_equal(rules_read(&test, JSON_REST, slice_text(broken[i])), ERR_INVALID);
        assert_int_equal(test.err.reply, REPLY_PARSE_ERROR);
        rules_end(&test);
    }
}

/* Method: each rule that a row can state, kept and broken, with the error's place. */
static void test_rules(void **state)
{
    static const struct {
        const char *json;
        enum reply_code reply;
        const char *text;
    } rows[] = {
        {"{\"queue\":\"q\"}", 0, ""},
        {"{}", BAD, "queue is required"},
        {"{\"queue\":null}", BAD, "queue is required"},
        {"{\"queue\":\"q\",\"queue\":null}", BAD, "queue is required"},
        {"{\"queue\":\"\"}", BAD, "queue is required"},
        {"{\"queue\":\"123456789\"}", BAD, "queue is longer than 8 bytes"},
        {"{\"queue\":\"q\",\"small\":6}", BAD, "small must be from -1 to 5"},
        {"{\"queue\":\"q\",\"small\":-2}", BAD, "small must be from -1 to 5"},
        {"{\"queue\":\"q\",\"small\":-1}", 0, ""},
        {"{\"queue\":\"q\",\"unsigned_small\":1}", BAD, "unsigned_small must be from 2 to 9"},
        {"{\"queue\":\"q\",\"unsigned_small\":10}", BAD, "unsigned_small must be from 2 to 9"},
        {"{\"queue\":\"q\",\"unsigned_small\":9}", 0, ""},
        {"{\"queue\":\"q\",\"delay\":\"1ms\"}", BAD, "delay must be from 10 to 1000"},
        {"{\"queue\":\"q\",\"delay\":\"2s\"}", BAD, "delay must be from 10 to 1000"},
        {"{\"queue\":\"q\",\"raw\":[1,2,3,4,5,6,7,8]}", BAD, "raw is longer than 16 bytes"},
        {"{\"queue\":\"q\",\"jobs\":[{\"queue\":\"a\"},{}]}", BAD, "jobs[1].queue is required"},
        {"{\"queue\":\"q\",\"jobs\":[{\"queue\":\"a\",\"item\":{}}]}", BAD,
         "jobs[0].item.queue is required"},
        {"{\"queue\":\"q\",\"jobs\":[1,2,3,4]}", BAD, "jobs has more than 3 items"},
        {"{\"queue\":\"q\",\"entries\":{\"j\":{}}}", BAD, "entries.j.queue is required"},
        {"{\"queue\":\"q\",\"entries\":{\"1\":{},\"2\":{},\"3\":{}}}", BAD,
         "entries has more than 2 items"},
        {"{\"queue\":\"q\",\"names\":[\"abcd\",\"abcde\"]}", BAD, "names is longer than 4 bytes"},
        {"{\"queue\":\"q\",\"names\":[\"\",\"\",\"\"]}", BAD, "names has more than 2 items"},
        {"{\"queue\":\"q\",\"level\":\"x\"}", BAD, "level has no value 'x'"},
        {"{\"queue\":\"q\",\"yes\":\"x\"}", WRONG, "yes must be true or false"},
        {"{\"queue\":\"q\",\"yes\":2}", WRONG, "yes must be true or false"},
        {"{\"queue\":\"q\",\"yes\":\"0\"}", 0, ""},
        {"{\"queue\":\"q\",\"tags\":[1]}", WRONG, "tags must be a string"},
        {"{\"queue\":\"q\",\"old\":[{\"any\":1}]}", 0, ""},
        {"{\"queue\":\"q\",\"chain\":null}", 0, ""},
        {"{\"queue\":\"q\",\"chain\":\"\"}", REPLY_UNSUPPORTED, "chain is not supported"},
        {"{\"queue\":\"q\",\"chain\":{}}", REPLY_UNSUPPORTED, "chain is not supported"},
        {"{\"queue\":\"q\",\"item\":{\"queue\":\"a\",\"delay\":\"5x\"}}", BAD,
         "item.delay: '5x' is not a duration from 0 to ten years, like 90s, 1h30"},
    };
    struct rules_case test;

    (void)state;
    rules_begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum err_code code = rules_read(&test, JSON_REST, slice_text(rows[i].json));

        print_message("%s\n", rows[i].json);
        assert_int_equal(code, reply_row(rows[i].reply)->code);
        assert_int_equal(test.err.reply, rows[i].reply);
        assert_memory_equal(test.err.text, rows[i].text, strlen(rows[i].text));
    }
    assert_int_equal(
        json_read(&rules_message, JSON_REST, slice_text("{}"), &test.arena, &test.rules, NULL),
        ERR_INVALID);
    rules_end(&test);
}

/* Method: values of other types in lenient rows, and a text over its bound. */
static void test_lenient_and_cut(void **state)
{
    static const struct {
        const char *json;
        const char *want;
    } rows[] = {
        {"\"any\":{\"a\":1}", "\"any\":\"{\\\"a\\\":1}\""},
        {"\"any\":12.50", "\"any\":\"12.50\""},
        {"\"number\":\"-5\"", "\"number\":-5"},
        {"\"number\":true", "\"number\":1"},
        {"\"yes\":1", "\"yes\":true"},
        {"\"yes\":\"true\"", "\"yes\":true"},
        {"\"note\":\"0123456789\"", "\"note\":\"0123456789\""},
        {"\"note\":\"0123456789a\"", "\"note\":\"0123456\xe2\x80\xa6\""},
        {"\"note\":\"012345\xc3\xa4wxyz\"", "\"note\":\"012345\xe2\x80\xa6\""},
        {"\"note\":\"01234\xf0\x9f\x98\x80wxyz\"", "\"note\":\"01234\xe2\x80\xa6\""},
    };
    struct rules_case test;

    (void)state;
    rules_begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct slice written;
        char json[128];
        char want[128];

        (void)snprintf(json, sizeof(json), "{\"queue\":\"q\",%s}", rows[i].json);
        (void)snprintf(want, sizeof(want), "{\"queue\":\"q\",\"small\":4,%s}", rows[i].want);
        assert_int_equal(rules_read(&test, JSON_REST, slice_text(json)), ERR_NONE);
        test.rules.level = 2; /* No word: written as null, which is cut off here. */
        written = rules_write(&test, JSON_REST);
        print_message("%.*s\n", (int)written.size, (const char *)written.data);
        assert_true(written.size > strlen(want) - 1);
        assert_memory_equal(written.data, want, strlen(want) - 1);
    }
    assert_int_equal(rules_read(&test, JSON_RPC, slice_text("{\"queue\":\"q\",\"raw\":{\"a\":1}}")),
                     ERR_NONE);
    assert_true(slice_is(test.rules.raw, "{\"a\":1}"));
    rules_end(&test);
}

/* Method: defaults come from init, survive null and a repeated name, and yield to a value. */
static void test_defaults_and_presence(void **state)
{
    const struct field *retries = &rules_message.fields[17];
    struct rules_case test;

    (void)state;
    rules_begin(&test);
    assert_int_equal(rules_read(&test, JSON_REST, slice_text("{\"queue\":\"q\"}")), ERR_NONE);
    assert_int_equal(test.rules.small, 4);
    assert_string_equal(retries->name, "retries");
    assert_false(field_present(&rules_message, &test.rules, retries));
    assert_int_equal(
        rules_read(&test, JSON_REST,
                   slice_text("{\"queue\":\"q\",\"small\":1,\"small\":null,\"retries\":0}")),
        ERR_NONE);
    assert_int_equal(test.rules.small, 4);
    assert_true(field_present(&rules_message, &test.rules, retries));
    assert_int_equal(test.rules.has, UINT64_C(1) << 32);
    rules_end(&test);
}

static struct slice nested(struct buf *buf, const char *head, size_t depth, const char *tail)
{
    buf_clear(buf);
    (void)buf_add_text(buf, head);
    for (size_t i = 0; i < depth; i++) {
        (void)buf_add_byte(buf, '[');
    }
    for (size_t i = 0; i < depth; i++) {
        (void)buf_add_byte(buf, ']');
    }
    (void)buf_add_text(buf, tail);
    return buf_slice(buf);
}

/* Method: nesting at the limit, one beyond, and a hundred thousand deep, in known, raw and unknown
 * places. */
static void test_depth(void **state)
{
    static const char *const heads[] = {"{\"queue\":\"q\",\"extra\":", "{\"queue\":\"q\",\"x\":",
                                        "{\"queue\":\"q\",\"old\":", "{\"queue\":\"q\",\"any\":"};
    struct rules_case test;
    struct slice text;

    (void)state;
    rules_begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(heads); i++) {
        text = nested(&test.buf, heads[i], JSON_DEPTH_MAX - 1, "}");
        assert_int_equal(rules_read(&test, JSON_REST, text), ERR_NONE);
        text = nested(&test.buf, heads[i], JSON_DEPTH_MAX, "}");
        assert_int_equal(rules_read(&test, JSON_REST, text), ERR_INVALID);
        assert_string_equal(test.err.text, "JSON nests deeper than 64");
        text = nested(&test.buf, heads[i], 100000, "}");
        assert_int_equal(rules_read(&test, JSON_REST, text), ERR_INVALID);
    }
    text = nested(&test.buf, "", 100000, "");
    assert_int_equal(rules_read(&test, JSON_REST, text), ERR_INVALID);
    buf_clear(&test.buf);
    for (size_t i = 0; i < 100000; i++) {
        (void)buf_add_text(&test.buf, "{\"item\":");
    }
    assert_int_equal(rules_read(&test, JSON_REST, buf_slice(&test.buf)), ERR_INVALID);
    (void)buf_add_text(&test.buf, "{}");
    for (size_t i = 0; i < 100000; i++) {
        (void)buf_add_byte(&test.buf, '}');
    }
    assert_int_equal(rules_read(&test, JSON_REST, buf_slice(&test.buf)), ERR_INVALID);
    assert_non_null(strstr(test.err.text, "item.item.JSON nests deeper than 64"));
    rules_end(&test);
}

/* Method: every prefix of a document is refused, from memory that ends with it. */
static void test_truncated(void **state)
{
    static const char text[] =
        "{\"queue\":\"q\\u00e4\",\"jobs\":[{\"queue\":\"a\"}],\"extra\":{\"a\":[1.5e3,null]}}";
    struct rules_case test;

    (void)state;
    rules_begin(&test);
    assert_int_equal(rules_read(&test, JSON_REST, slice_text(text)), ERR_NONE);
    for (size_t size = 0; size < strlen(text); size++) {
        uint8_t *copy = malloc(size + 1);

        assert_non_null(copy);
        memcpy(copy + 1, text, size);
        assert_int_equal(rules_read(&test, JSON_REST, slice_of(copy + 1, size)), ERR_INVALID);
        free(copy);
    }
    rules_end(&test);
}

/* Method: the arena fails at each size in turn, until there is enough: no other error, no crash. */
static void test_memory_runs_out(void **state)
{
    static const char text[] = "{\"text\":\"\\n\",\"texts\":[\"a\",\"b\"],\"bytes\":\"AA==\","
                               "\"inner\":{\"name\":\"\\t\"},\"map\":{\"a\":{},\"b\":{}},"
                               "\"i32\":1,\"i32\":2,\"inners\":[{},{}],\"\\u0061\":1}";
    struct sample record;
    struct err err = {.code = ERR_NOMEM};
    size_t size = 0;

    (void)state;
    for (; err.code == ERR_NOMEM && size < MEMORY_MAX; size++) {
        struct arena arena;

        err = (struct err){.code = ERR_NONE};
        arena_init(&arena, size);
        if (json_read(&sample_every, JSON_REST, slice_text(text), &arena, &record, &err)) {
            assert_int_equal(err.code, ERR_NOMEM);
        }
        arena_done(&arena);
    }
    assert_int_equal(err.code, ERR_NONE);
    assert_true(size > 200);
}

/* Method: a list of millions and a map of many equal keys cost what their size says, and end. */
static void test_long_lists(void **state)
{
    struct arena arena;
    struct buf buf;
    struct sample record;
    struct err err;

    (void)state;
    arena_init(&arena, ARENA_MAX);
    buf_init(&buf, ARENA_MAX);
    (void)buf_add_text(&buf, "{\"i32s\":[0");
    for (size_t i = 1; i < 1000000; i++) {
        (void)buf_add_text(&buf, ",0");
    }
    (void)buf_add_text(&buf, "],\"map\":{\"\":{}");
    for (size_t i = 1; i < 100000; i++) {
        (void)buf_add_text(&buf, ",\"k\":{}");
    }
    (void)buf_add_text(&buf, "}}");
    assert_int_equal(json_read(&sample_every, JSON_REST, buf_slice(&buf), &arena, &record, &err),
                     ERR_NONE);
    assert_int_equal(record.i32s.count, 1000000);
    assert_int_equal(record.map.count, 2);
    buf_done(&buf);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_texts_of_a_kind),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_raw_values),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_syntax_is_strict),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_lenient_and_cut),
        cmocka_unit_test(test_defaults_and_presence),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_long_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
