/* The program's log: which lines are written, in which form, and that nobody can forge one. */
#include "base/log.h"
#include "base/log_limit.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

struct capture {
    FILE *file;
    int stderr_copy;
    char text[8192];
};

/* From here on stderr is a file; nothing may assert until it is given back. */
static void capture_begin(struct capture *capture)
{
    capture->file = tmpfile();
    assert_non_null(capture->file);
    (void)fflush(stderr);
    capture->stderr_copy = dup(STDERR_FILENO);
    (void)dup2(fileno(capture->file), STDERR_FILENO);
}

static const char *capture_end(struct capture *capture)
{
    size_t size;

    (void)fflush(stderr);
    (void)dup2(capture->stderr_copy, STDERR_FILENO);
    (void)close(capture->stderr_copy);
    rewind(capture->file);
    size = fread(capture->text, 1, sizeof(capture->text) - 1, capture->file);
    capture->text[size] = '\0';
    (void)fclose(capture->file);
    return capture->text;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')); text++) {
        count++;
    }
    return count;
}

/* True for 2026-01-01T00:00:00.000Z. */
static bool is_time(const char *text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";

    for (size_t i = 0; shape[i]; i++) {
        if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i]) {
            return false;
        }
    }
    return true;
}

/* Method: writes at each level under each least level; exactly those that reach it appear. */
static void test_levels(void **state)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    struct capture capture;

    (void)state;
    for (size_t least = 0; least < 4; least++) {
        const char *text;

        capture_begin(&capture);
        log_setup(levels[least], LOG_TEXT);
        for (size_t i = 0; i < 4; i++) {
            log_write(levels[i], "line %zu of %s", i, "four");
        }
        text = capture_end(&capture);
        assert_int_equal(count_lines(text), 4 - least);
        for (size_t i = 0; i < 4; i++) {
            char line[32];

            (void)snprintf(line, sizeof(line), " line %zu of four\n", i);
            assert_int_equal(strstr(text, line) != NULL, i >= least);
        }
    }
}

/* Method: one line as text; time, level and message stand in their places. */
static void test_text(void **state)
{
    struct capture capture;
    const char *text;

    (void)state;
    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_TEXT);
    log_write(LOG_WARN, "disk is %d%% full", 97);
    text = capture_end(&capture);
    assert_true(is_time(text));
    assert_string_equal(text + 24, " warn  disk is 97% full\n");
}

static enum err_code find_message(void *context, struct slice key, struct slice raw,
                                  struct err *err)
{
    struct slice *message = context;

    (void)err;
    if (slice_is(key, "message")) {
        *message = raw;
    }
    return ERR_NONE;
}

/* Method: every byte but NUL in one message, as text and as JSON; it is one line, without control
 * characters, and in JSON one object that our own reader takes. */
static void test_all_bytes(void **state)
{
    char bytes[256];
    struct capture capture;
    const char *text;

    (void)state;
    for (size_t i = 0; i < 255; i++) {
        bytes[i] = (char)(i + 1);
    }
    bytes[255] = '\0';
    for (int json = 0; json < 2; json++) {
        size_t size;

        capture_begin(&capture);
        log_setup(LOG_INFO, json ? LOG_JSON : LOG_TEXT);
        log_write(LOG_ERROR, "%s", bytes);
        text = capture_end(&capture);
        size = strlen(text);
        assert_int_equal(count_lines(text), 1);
        assert_int_equal(text[size - 1], '\n');
        for (size_t i = 0; i < size - 1; i++) {
            assert_true((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
        }
        assert_non_null(strstr(text, "0123456789"));
        if (json) {
            assert_int_equal(json_type_of(slice_of(text, size - 1)), JSON_OBJECT);
        }
    }
}

/* Method: a message with quotes and a back-slash as JSON; its members are there, none is forged. */
static void test_json(void **state)
{
    struct capture capture;
    struct slice message = {0};
    struct arena arena;
    struct err err;
    const char *text;

    (void)state;
    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_JSON);
    log_write(LOG_INFO, "a\",\"level\":\"error\\");
    text = capture_end(&capture);
    assert_int_equal(strncmp(text, "{\"time\":\"", 9), 0);
    assert_true(is_time(text + 9));
    assert_int_equal(strncmp(text + 33, "\",\"level\":\"info\",", 17), 0);
    arena_init(&arena, 10000);
    assert_int_equal(
        json_each_member(slice_of(text, strlen(text) - 1), &arena, find_message, &message, &err),
        ERR_NONE);
    assert_true(slice_is(message, "\"a\\\",\\\"level\\\":\\\"error\\\\\""));
    arena_done(&arena);
}

/* Method: a message of many thousand bytes; the line ends in time, in both forms. */
static void test_long(void **state)
{
    static char bytes[100000];
    struct capture capture;
    const char *text;

    (void)state;
    memset(bytes, 'x', sizeof(bytes) - 1);
    for (int json = 0; json < 2; json++) {
        capture_begin(&capture);
        log_setup(LOG_INFO, json ? LOG_JSON : LOG_TEXT);
        log_write(LOG_INFO, "%s", bytes);
        text = capture_end(&capture);
        assert_int_equal(count_lines(text), 1);
        assert_in_range(strlen(text), LOG_LINE_MAX - 10, LOG_LINE_MAX);
        if (json) {
            assert_int_equal(json_type_of(slice_of(text, strlen(text) - 1)), JSON_OBJECT);
        }
    }
}

/* Method: fields of each sort in each form: numbers, plain texts, and texts that want quotes. */
static void test_fields(void **state)
{
    static const struct log_field fields[] = {
        {"version", "0.1.0", 0},     {"port", NULL, 8080},
        {"dir", "/a b", 0},          {"empty", "", 0},
        {"sum", "1+1=2", 0},         {"forged", "x\" level=\"error\n", 0},
        {"name", "\xc3\xa4\xff", 0},
    };
    static const struct {
        enum log_form form;
        const char *end;
    } rows[] = {
        {LOG_TEXT, " info  started version=0.1.0 port=8080 dir=\"/a b\" empty=\"\" sum=\"1+1=2\" "
                   "forged=\"x\\\" level=\\\"error\\x0a\" name=\xc3\xa4\\xff\n"},
        {LOG_JOURNAL, "<6>started version=0.1.0 port=8080 dir=\"/a b\" empty=\"\" sum=\"1+1=2\" "
                      "forged=\"x\\\" level=\\\"error\\x0a\" name=\xc3\xa4\\xff\n"},
        {LOG_JSON, "\"level\":\"info\",\"message\":\"started\",\"version\":\"0.1.0\",\"port\":8080,"
                   "\"dir\":\"/a b\",\"empty\":\"\",\"sum\":\"1+1=2\","
                   "\"forged\":\"x\\\" level=\\\"error\\u000a\",\"name\":\"\xc3\xa4\\ufffd\"}\n"},
    };
    struct capture capture;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text;
        size_t size;

        capture_begin(&capture);
        log_setup(LOG_INFO, rows[i].form);
        log_event(LOG_INFO, "started", fields, sizeof(fields) / sizeof(fields[0]));
        text = capture_end(&capture);
        size = strlen(rows[i].end);
        assert_true(strlen(text) >= size);
        assert_string_equal(text + strlen(text) - size, rows[i].end);
        assert_int_equal(rows[i].form == LOG_JOURNAL, strlen(text) == size);
    }
}

/* Method: fields that do not fit are left out as a whole, and the line is still one of its form. */
static void test_fields_that_do_not_fit(void **state)
{
    static char value[LOG_LINE_MAX];
    struct log_field fields[] = {{"a", value, 0}, {"b", "well", 0}};
    struct capture capture;
    const char *text;

    (void)state;
    for (size_t size = LOG_LINE_MAX - 150; size < LOG_LINE_MAX; size++) {
        memset(value, 'x', size);
        value[size] = '\0';
        capture_begin(&capture);
        log_setup(LOG_DEBUG, LOG_JSON);
        log_event(LOG_DEBUG, "m", fields, 2);
        text = capture_end(&capture);
        assert_true(strlen(text) <= LOG_LINE_MAX);
        assert_int_equal(json_type_of(slice_of(text, strlen(text) - 1)), JSON_OBJECT);
        assert_true(strstr(text, ",\"b\":\"well\"}") || (strstr(text, "xxx\"}")));
    }
}

/* Method: one message a hundred times, others between; some are written, all are accounted for. */
static void test_repeated_messages(void **state)
{
    struct capture capture;
    const char *text;
    char want[64];

    (void)state;
    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_TEXT);
    for (uint32_t i = 0; i < 100; i++) {
        log_write(LOG_WARN, "flood %u", i);
    }
    log_write(LOG_WARN, "other");
    log_flush(false);
    log_flush(true);
    log_flush(true);
    text = capture_end(&capture);
    assert_int_equal(count_lines(text), LOG_REPEAT_MAX + 2);
    assert_non_null(strstr(text, " flood 0\n"));
    assert_null(strstr(text, " flood 99\n"));
    (void)snprintf(want, sizeof(want), "messages were left out like=\"flood %%u\" count=%u\n",
                   100 - LOG_REPEAT_MAX);
    assert_non_null(strstr(text, want));
}

/* Method: the four words, and some that are near. */
static void test_parse(void **state)
{
    static const char *const bad[] = {"", "Info", "warning", "inf", "infos", " info", "none"};
    enum log_level level = LOG_ERROR;

    (void)state;
    assert_true(log_level_parse("debug", &level) && level == LOG_DEBUG);
    assert_true(log_level_parse("info", &level) && level == LOG_INFO);
    assert_true(log_level_parse("error", &level) && level == LOG_ERROR);
    assert_true(log_level_parse("warn", &level) && level == LOG_WARN);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(log_level_parse(bad[i], &level));
        assert_int_equal(level, LOG_WARN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_all_bytes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_fields_that_do_not_fit),
        cmocka_unit_test(test_repeated_messages),
    };

    return cmocka_run_group_tests_name("base_log", tests, NULL, NULL);
}
