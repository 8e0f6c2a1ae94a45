/* Command lines by the rows: forms of flags, refusals with their suggestion, what becomes of them
 * in a request. */
#include "base/common.h"
#include "cli/args.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

#define ARGS_MAX 80
#define NOW_NS (UINT64_C(1764107107) * NS_PER_SECOND)

struct line {
    char text[8192]; /* Its words, which the arguments borrow. */
    char *argv[ARGS_MAX];
    int argc;
    struct args args;
    struct err err;
};

/* Reads a line whose words have blanks between; ~ is a blank inside of one. */
static enum err_code read_line(struct line *line, const char *text)
{
    char *at = line->text;

    *line = (struct line){.argc = 1};
    assert_true(strlen(text) < sizeof(line->text));
    memcpy(line->text, text, strlen(text) + 1);
    line->argv[0] = line->text + strlen(text); /* The program's name, which nobody reads. */
    while (*at) {
        size_t size = strcspn(at, " ");
        bool more = at[size] == ' ';

        assert_true(line->argc < ARGS_MAX);
        line->argv[line->argc++] = at;
        at[size] = 0;
        for (char *blank = strchr(at, '~'); blank; blank = strchr(at, '~')) {
            *blank = ' ';
        }
        at += size + more;
    }
    return args_read(line->argc, line->argv, &line->args, &line->err);
}

static void accept(struct line *line, const char *text)
{
    enum err_code code = read_line(line, text);

    if (code) {
        print_error("%s: %s\n", text, line->err.text);
    }
    assert_int_equal(code, ERR_NONE);
}

static void expect_members(const char *text, const char *want)
{
    struct line line;
    struct buf out;
    bool comma = false;

    accept(&line, text);
    buf_init(&out, 64 * KIB);
    args_write_members(&line.args, NOW_NS, &comma, &out);
    (void)buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, want);
    assert_int_equal(comma, *want != 0);
    buf_done(&out);
}

/* Method: every way to write a flag, in every place. */
static void flags_may_stand_anywhere(void **state)
{
    static const char *const same[] = {
        "queues mail --timeout 5s -o json -q",
        "queues --timeout=5s mail --output=json --quiet",
        "--timeout 5s -q queues -ojson mail",
        "-o json --timeout=5s --quiet=true queues mail",
        "queues --timeout 9s --timeout 5s mail -q -o=json",
    };
    struct line line;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(same); i++) {
        accept(&line, same[i]);
        assert_string_equal(line.args.command->name, "queues");
        assert_int_equal(line.args.word_count, 1);
        assert_string_equal(line.args.words[0], "mail");
        assert_int_equal(args_duration(&line.args, "timeout"), 5000);
        assert_string_equal(args_text(&line.args, "output"), "json");
        assert_true(args_switch(&line.args, "quiet"));
        assert_false(args_switch(&line.args, "no_color"));
    }
    accept(&line, "enqueue mail -");
    assert_string_equal(line.args.words[1], "-");
    accept(&line, "enqueue -- --odd-queue -x");
    assert_string_equal(line.args.words[0], "--odd-queue");
    assert_string_equal(line.args.words[1], "-x");
    accept(&line, "queues --quiet=false");
    assert_false(args_switch(&line.args, "quiet"));
}

/* Method: a table of wrong lines and of words that the complaint has. */
static void wrong_lines_are_refused(void **state)
{
    static const struct {
        const char *line, *says, *also;
    } rows[] = {
        {"enque mail", "'enque' is not a command", "Did you mean 'enqueue'?"},
        {"enq", "not a command", "'enqueue'"},
        {"ls", "not a command", "'search'"},
        {"get job_1", "not a command", "'inspect'"},
        {"xyzzy12345", "'xyzzy12345' is not a command", ""},
        {"enqueue mail --priorty high", "--priorty", "Did you mean --priority?"},
        {"enqueue mail --prio high", "--prio", "Did you mean --priority?"},
        {"enqueue mail --zzzzzzzz", "no flag --zzzzzzzz", ""},
        {"enqueue mail --state dead", "no flag --state", "--state"},
        {"search --state dood", "'dood' is none of", "|dead|"},
        {"search --state dead,helt", "is none of", "|held|"},
        {"enqueue mail -z", "no flag -z", ""},
        {"--zzzzzzzz", "--zzzzzzzz", ""},
        {"enqueue", "missing", "QUEUE"},
        {"inspect", "missing", "JOB"},
        {"inspect job_1 job_2", "'job_2'", "too many"},
        {"enqueue mail --priority urgent", "'urgent'", "critical|high|normal|low"},
        {"enqueue mail --max-retries many", "'many'", "number"},
        {"enqueue mail --delay soon", "'soon'", "duration"},
        {"enqueue mail --delay=", "''", "duration"},
        {"enqueue mail --scheduled-at tomorrow", "'tomorrow'", "time"},
        {"enqueue mail --checkpoint {", "--checkpoint", "JSON"},
        {"enqueue mail --tag team", "--tag", "KEY=VALUE"},
        {"enqueue mail --tag =x", "--tag", "KEY=VALUE"},
        {"enqueue mail --tag {\"a\":}", "--tag", "JSON object"},
        {"enqueue mail --wait=perhaps", "--wait", "true or false"},
        {"enqueue mail --wait-timeout 5s", "--wait-timeout", "needs --wait"},
        {"reject job_1 --payload {}", "--payload", "needs --revise"},
        {"search --state dead,alive", "dead,alive", "--state"},
        {"search --created-after yesterday", "yesterday", "age"},
        {"queues --output xml", "'xml'", "table|json"},
        {"queues --timeout", "--timeout", "needs a value"},
        {"queues -o", "--output", "needs a value"},
        {"enqueue m\xff", "not UTF-8", "'m\xff'"},
        {"enqueue m --tag=a=\xc3", "not UTF-8", "--tag"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct line line;

        assert_int_equal(read_line(&line, rows[i].line), ERR_INVALID);
        if (!strstr(line.err.text, rows[i].says) || !strstr(line.err.text, rows[i].also)) {
            fail_msg("%s: %s", rows[i].line, line.err.text);
        }
        if (!*rows[i].also) {
            if (strstr(line.err.text, "Did you mean")) {
                fail_msg("%s: %s", rows[i].line, line.err.text);
            }
        }
    }
}

/* Method: one more flag than there may be (CLI_FLAGS_MAX). */
static void flags_have_a_limit(void **state)
{
    char text[8192] = "search";
    struct line line;

    (void)state;
    for (uint32_t i = 0; i < CLI_FLAGS_MAX; i++) {
        strncat(text, " --tag=a=b", sizeof(text) - strlen(text) - 1);
    }
    accept(&line, text);
    strncat(text, " --tag=a=b", sizeof(text) - strlen(text) - 1);
    assert_int_equal(read_line(&line, text), ERR_INVALID);
    assert_non_null(strstr(line.err.text, "64 flags"));
}

/* Method: --help among arguments that would be refused. */
static void help_is_asked_with_wrong_arguments_too(void **state)
{
    struct line line;

    (void)state;
    accept(&line, "inspect --help");
    assert_true(args_switch(&line.args, "help"));
    accept(&line, "-h");
    assert_null(line.args.command);
    accept(&line, "");
    assert_null(line.args.command);
}

/* Method: commands of other rooms keep their arguments, whatever they look like. */
static void other_rooms_get_their_arguments_as_they_are(void **state)
{
    struct line line;

    (void)state;
    accept(&line, "server --data-dir x --what --help");
    assert_string_equal(line.args.command->name, "server");
    assert_int_equal(line.args.word_count, 4);
    assert_string_equal(line.args.words[0], "--data-dir");
    assert_string_equal(line.args.words[-1], "server");
}

/* Method: the environment below the arguments, and the initial value below both. */
static void the_environment_gives_what_was_not_given(void **state)
{
    struct line line;

    (void)state;
    (void)unsetenv("CORVO_SERVER");
    accept(&line, "queues");
    assert_string_equal(args_text(&line.args, "server"), "http://localhost:8080");
    assert_null(args_text(&line.args, "api_key"));
    assert_int_equal(setenv("CORVO_SERVER", "http://a:1", 1), 0);
    assert_int_equal(setenv("CORVO_API_KEY", "", 1), 0);
    assert_string_equal(args_text(&line.args, "server"), "http://a:1");
    assert_null(args_text(&line.args, "api_key"));
    accept(&line, "queues --server http://b:2");
    assert_string_equal(args_text(&line.args, "server"), "http://b:2");
    (void)unsetenv("CORVO_SERVER");
    (void)unsetenv("CORVO_API_KEY");
}

/* Method: each kind of flag as a member of a request. */
static void flags_become_members(void **state)
{
    (void)state;
    expect_members("enqueue mail", "");
    expect_members("enqueue mail --wait --count 3 --timeout 1s", "");
    expect_members("enqueue mail --priority HIGH --max-retries 5",
                   "\"max_retries\":5,\"priority\":\"HIGH\"");
    expect_members("enqueue mail --priority 0", "\"priority\":0");
    expect_members("enqueue mail --delay 1h30m --retry-backoff fixed",
                   "\"retry_backoff\":\"fixed\",\"delay\":\"1h30m\"");
    expect_members("enqueue mail --delay 90", "\"delay\":90");
    expect_members("enqueue mail --checkpoint {~\"a\":~[1]}", "\"checkpoint\":{\"a\":[1]}");
    expect_members("enqueue mail --tag team=a --tags note=x=y",
                   "\"tags\":{\"team\":\"a\",\"note\":\"x=y\"}");
    expect_members("enqueue mail --tags {\"n\":1} --tag a=\"", "\"tags\":{\"n\":1,\"a\":\"\\\"\"}");
    expect_members("enqueue mail --tags {}", "\"tags\":{}");
    expect_members("search --state dead,held --state retrying",
                   "\"state\":[\"dead\",\"held\",\"retrying\"]");
    expect_members("search --has-errors --attempt-min 2", "\"has_errors\":true,\"attempt_min\":2");
    expect_members("search --created-after 2025-11-25T00:00:00Z",
                   "\"created_after\":\"2025-11-25T00:00:00Z\"");
    expect_members("search --created-after 1h", "\"created_after\":\"2025-11-25T20:45:07Z\"");
    expect_members("approve job_1 --note fine --by ada", "\"by\":\"ada\",\"note\":\"fine\"");
    expect_members("reject job_1 --revise shorter --payload-patch {\"n\":1}",
                   "\"feedback\":\"shorter\",\"revise\":true,\"payload_patch\":{\"n\":1}");
}

/* Method: every query flag, with what has to be encoded. */
static void flags_become_a_query(void **state)
{
    struct line line;
    struct buf out;

    (void)state;
    buf_init(&out, KIB);
    accept(&line, "errors --queue a~b/c&d --limit 5");
    args_write_query(&line.args, &out);
    (void)buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, "?queue=a%20b%2Fc%26d&period=24h&limit=5");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_may_stand_anywhere),
        cmocka_unit_test(wrong_lines_are_refused),
        cmocka_unit_test(flags_have_a_limit),
        cmocka_unit_test(help_is_asked_with_wrong_arguments_too),
        cmocka_unit_test(other_rooms_get_their_arguments_as_they_are),
        cmocka_unit_test(the_environment_gives_what_was_not_given),
        cmocka_unit_test(flags_become_members),
        cmocka_unit_test(flags_become_a_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
