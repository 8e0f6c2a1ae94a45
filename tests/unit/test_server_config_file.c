/* Lines of the configuration file: what they say, and what is wrong with them. */
#include "base/buf.h"
#include "server/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static struct config_item first_of(struct arena *arena, const char *text, size_t size)
{
    struct config_reader reader;
    struct config_item item = {0};

    config_reader_init(&reader, slice_of(text, size), arena);
    assert_true(config_reader_next(&reader, &item));
    return item;
}

/* Method: one line of each form, and the setting that it is. */
static void test_settings(void **state)
{
    static const struct {
        const char *line, *key, *value;
    } rows[] = {
        {"a=b", "a", "b"},
        {"  a-b \t=\t b c  ", "a-b", "b c"},
        {"a_b = 1", "a-b", "1"},
        {"a = b # c", "a", "b"},
        {"a = b#c", "a", "b#c"},
        {"a = :8080\r", "a", ":8080"},
        {"a = \"b # c\" # d", "a", "b # c"},
        {"a = \"\"", "a", ""},
        {"a = ''#x", "a", ""},
        {"a = \"\\\"\\\\\\n\\t\"", "a", "\"\\\n\t"},
        {"a = 'C:\\x\"'", "a", "C:\\x\""},
        {"a = b=c", "a", "b=c"},
        {"A = \xc3\xa4", "A", "\xc3\xa4"},
        {"\xef\xbb\xbf"
         "a = b",
         "a", "b"},
        {"\n\n# c\n \n a = b", "a", "b"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 10000);
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_item item = first_of(&arena, rows[i].line, strlen(rows[i].line));

        if (item.problem) {
            fail_msg("'%s': %s", rows[i].line, item.problem);
        }
        assert_string_equal(item.key, rows[i].key);
        assert_string_equal(item.value, rows[i].value);
        assert_int_equal(item.line, rows[i].line[0] == '\n' ? 5 : 1);
    }
    arena_done(&arena);
}

/* Method: one line of each kind of mistake, and what is said of it. */
static void test_problems(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"data-dir", "not 'key = value'"},
        {"[server]", "no sections"},
        {"= b", "the key is not"},
        {"a b = c", "the key is not"},
        {"\"a\" = c", "the key is not"},
        {"a =", "the value is missing"},
        {"a = # b", "the value is missing"},
        {"a = \"b", "closing quote is missing"},
        {"a = 'b", "closing quote is missing"},
        {"a = \"b\\", "escape"},
        {"a = \"b\\x41\"", "escape"},
        {"a = \"b\" c", "follows the closing quote"},
        {"a = b\"c\"", "quote in the middle"},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 10000);
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_item item = first_of(&arena, rows[i].line, strlen(rows[i].line));

        assert_non_null(item.problem);
        if (!strstr(item.problem, rows[i].says)) {
            fail_msg("'%s' does not say '%s'", item.problem, rows[i].says);
        }
    }
    assert_non_null(strstr(first_of(&arena, "a = b\0", 6).problem, "NUL"));
    assert_non_null(strstr(first_of(&arena, "\0", 1).problem, "NUL"));
    arena_done(&arena);
}

/* Method: an arena without room; the line is a problem, not a crash. */
static void test_no_memory(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1);
    assert_non_null(strstr(first_of(&arena, "abc = def", 9).problem, "no memory"));
    arena_done(&arena);
}

/* Method: a text of all bytes but NUL is written and read back. */
static void test_round_trip(void **state)
{
    char bytes[256];
    struct arena arena;
    struct buf buf;

    (void)state;
    for (uint32_t i = 0; i < 255; i++) {
        bytes[i] = (char)(i + 1);
    }
    bytes[255] = '\0';
    arena_init(&arena, 10000);
    buf_init(&buf, 10000);
    assert_true(buf_add_text(&buf, "a = "));
    config_write_value(&buf, bytes);
    assert_string_equal(first_of(&arena, (const char *)buf.data, buf.size).value, bytes);
    buf_done(&buf);
    arena_done(&arena);
}

/* Method: random bytes from a small alphabet, cut anywhere; the reader ends, and each setting that
 * it finds is found again when it is written. */
static void test_random(void **state)
{
    static const char alphabet[] = "a= \t\n\r#\"'\\n[-_\xff\x01";
    struct arena arena;
    struct buf buf;

    (void)state;
    srandom(1);
    buf_init(&buf, 10000);
    for (uint32_t round = 0; round < 20000; round++) {
        char text[40];
        size_t size = (size_t)random() % sizeof(text);
        struct config_reader reader;
        struct config_item item;

        for (size_t i = 0; i < size; i++) {
            text[i] = alphabet[(size_t)random() % sizeof(alphabet)];
        }
        arena_init(&arena, 10000);
        config_reader_init(&reader, slice_of(text, size), &arena);
        while (config_reader_next(&reader, &item)) {
            if (!item.problem) {
                buf_clear(&buf);
                (void)buf_printf(&buf, "%s=", item.key);
                config_write_value(&buf, item.value);
                assert_string_equal(first_of(&arena, (const char *)buf.data, buf.size).value,
                                    item.value);
            }
        }
        arena_done(&arena);
    }
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),  cmocka_unit_test(test_problems),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("server_config_file", tests, NULL, NULL);
}
