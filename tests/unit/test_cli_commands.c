/* What follows from the command rows: help, completions, the reference page; and exit statuses. */
#include "api/api_internal.h"
#include "base/common.h"
#include "cli/command.h"
#include "cli/exit.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static struct buf text;

static int init(void **state)
{
    (void)state;
    buf_init(&text, MIB);
    return 0;
}

static int done(void **state)
{
    (void)state;
    buf_done(&text);
    return 0;
}

static bool has(const char *part)
{
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

static void expect_part(const struct command *row, const char *part)
{
    if (!has(part)) {
        fail_msg("%s: no '%s'", row ? row->name : "help", part);
    }
}

/* True if the row's texts have what every row has. */
static void check_row(const struct command *row)
{
    char line[128];

    assert_true(islower((unsigned char)*row->summary));
    assert_int_not_equal(row->summary[strlen(row->summary) - 1], '.');
    assert_true(row->words_max >= row->words_min);
    assert_int_equal(row->words_max > 0 || !row->run, *row->arguments != 0 || !row->run);
    (void)snprintf(line, sizeof(line), "corvo %s", row->name);
    if (strcmp(row->name, "version") != 0) {
        assert_non_null(strstr(row->examples, line));
    }
    assert_int_equal(*row->examples, '#');
    for (const char *at = row->help; *at;) {
        size_t size = strcspn(at, "\n");

        assert_true(size <= 80 && at[size] == '\n');
        at += size + 1;
    }
    assert_ptr_equal(command_find(row->name), row);
}

/* Method: rules that every row keeps. Groups stand together, names are different. */
static void rows_are_well_formed(void **state)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        check_row(rows[i]);
        for (uint32_t j = i + 1; j < count; j++) {
            assert_string_not_equal(rows[i]->name, rows[j]->name);
            if (strcmp(rows[i]->group, rows[j]->group) == 0) {
                assert_string_equal(rows[j - 1]->group, rows[i]->group);
            }
        }
    }
}

/* Method: the flags of every command, shared and derived ones too: help, spelling, no name twice.
 */
static void flags_are_well_formed(void **state)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        struct flag_list list;
        char a[FLAG_SPELLING_MAX], b[FLAG_SPELLING_MAX];

        command_flags(rows[i], &list);
        for (uint32_t j = 0; j < list.count; j++) {
            const struct flag *flag = &list.rows[j];

            assert_true(strlen(flag->help) >= 3);
            assert_int_equal(flag->kind == FLAG_WORD || flag->kind == FLAG_WORDS,
                             flag->words != NULL);
            for (uint32_t k = j + 1; k < list.count; k++) {
                assert_string_not_equal(flag_spelling(flag->name, a),
                                        flag_spelling(list.rows[k].name, b));
                assert_true(!flag->letter || flag->letter != list.rows[k].letter);
            }
        }
    }
}

/* Method: the help of each command describes each flag of its row, names the shared ones, which the
 * help of all commands describes, and has an example. */
static void help_describes_every_flag(void **state)
{
    struct flag_list shared;
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        struct flag_list list;

        buf_clear(&text);
        command_help(rows[i], 10000, false, &text);
        expect_part(rows[i], "Usage: corvo ");
        expect_part(rows[i], "\nExamples\n");
        command_flags(rows[i], &list);
        for (uint32_t j = 0; rows[i]->run && j < list.count; j++) {
            char name[FLAG_SPELLING_MAX], part[FLAG_SPELLING_MAX + 8];

            (void)snprintf(part, sizeof(part), "--%s", flag_spelling(list.rows[j].name, name));
            expect_part(rows[i], part);
            expect_part(rows[i], j < list.shared ? list.rows[j].help : "");
        }
    }
    buf_clear(&text);
    command_help(NULL, 10000, false, &text);
    command_flags(NULL, &shared);
    for (uint32_t i = 0; i < shared.count; i++) {
        expect_part(NULL, shared.rows[i].help);
    }
    for (uint32_t i = 0; i < count; i++) {
        expect_part(NULL, rows[i]->name);
        expect_part(NULL, rows[i]->summary);
    }
}

/* Method: help at three widths; no line is longer, but for what can not be wrapped. */
static void help_is_wrapped(void **state)
{
    static const uint32_t widths[] = {80, 100};
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(widths); i++) {
        for (uint32_t j = 0; j < count; j++) {
            buf_clear(&text);
            command_help(rows[j], widths[i], false, &text);
            for (size_t at = 0; at < text.size;) {
                const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
                size_t size = (size_t)(end - text.data) - at;

                /* Examples and usage are to be copied: they stay as they are. */
                if (size > widths[i] && !memmem(text.data + at, size, "corvo ", 6) &&
                    !memmem(text.data + at, size, "|", 1)) {
                    fail_msg("%s: '%.*s'", rows[j]->name, (int)size, text.data + at);
                }
                at += size + 1;
            }
        }
    }
}

/* Method: every command and flag is in each script, and nothing but the three shells has one. */
static void completions_have_everything(void **state)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
        buf_clear(&text);
        assert_true(command_completion(shells[i], &text));
        for (uint32_t j = 0; j < count; j++) {
            struct flag_list list;

            expect_part(rows[j], rows[j]->name);
            command_flags(rows[j], &list);
            for (uint32_t k = 0; rows[j]->run && k < list.count; k++) {
                char name[FLAG_SPELLING_MAX];

                expect_part(rows[j], flag_spelling(list.rows[k].name, name));
            }
        }
    }
    assert_false(command_completion("csh", &text));
}

/* Method: the page names each command, flag and status. */
static void the_reference_has_everything(void **state)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    buf_clear(&text);
    command_reference(&text);
    for (uint32_t i = 0; i < count; i++) {
        char title[64];

        (void)snprintf(title, sizeof(title), "\n## corvo %s\n", rows[i]->name);
        expect_part(rows[i], title);
    }
    assert_true(has("| 130 | interrupted |"));
}

static bool is_served(const char *route)
{
    static const char *const methods[] = {
        [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};
    uint32_t count;
    const struct route *rows = route_rows(&count);
    size_t method = strcspn(route, " ");

    for (uint32_t i = 0; i < count; i++) {
        if (strncmp(methods[rows[i].method], route, method) == 0 &&
            strcmp(rows[i].path, route + method + 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Method: each route of each row against the server's own table. */
static void routes_are_the_servers(void **state)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < COMMAND_ROUTES_MAX && rows[i]->routes[j]; j++) {
            if (!is_served(rows[i]->routes[j])) {
                fail_msg("%s: the server has no %s", rows[i]->name, rows[i]->routes[j]);
            }
        }
    }
}

/* Method: a table of replies; the numbers are the contract's (A22). */
static void exit_statuses_are_those_of_the_contract(void **state)
{
    static const struct {
        uint32_t status;
        const char *code;
        int exit;
    } rows[] = {
        {200, "", 0},
        {201, "", 0},
        {202, "", 0},
        {400, "VALIDATION_ERROR", 1},
        {400, "PARSE_ERROR", 1},
        {413, "PAYLOAD_TOO_LARGE", 1},
        {422, "IDEMPOTENCY_MISMATCH", 1},
        {500, "INTERNAL_ERROR", 1},
        {501, "UNSUPPORTED", 1},
        {400, "FROM_THE_FUTURE", 1},
        {404, "NOT_FOUND", 3},
        {404, "", 3},
        {401, "UNAUTHORIZED", 4},
        {403, "FORBIDDEN", 4},
        {403, "LICENSE_ERROR", 4},
        {400, "CANCEL_ERROR", 5},
        {400, "QUEUE_ERROR", 5},
        {409, "LEASE_LOST", 5},
        {409, "CONFLICT", 5},
        {409, "LIMIT_REACHED", 6},
        {422, "SEARCH_LIMIT", 6},
        {429, "OVERLOADED", 6},
        {429, "RATE_LIMITED", 6},
        {429, "BUDGET_EXCEEDED", 6},
        {507, "DISK_FULL", 6},
        {503, "LEADER_UNAVAILABLE", 7},
        {503, "SHUTTING_DOWN", 7},
        {503, "STORAGE_FAILED", 7},
        {504, "CONSISTENCY_TIMEOUT", 7},
        {502, "", 7},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int got = (int)exit_for_reply(rows[i].status, slice_text(rows[i].code));

        if (got != rows[i].exit) {
            fail_msg("%u %s is %d, not %d", rows[i].status, rows[i].code, got, rows[i].exit);
        }
    }
    assert_null(exit_meaning((enum exit_code)99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_well_formed),
        cmocka_unit_test(flags_are_well_formed),
        cmocka_unit_test(help_describes_every_flag),
        cmocka_unit_test(help_is_wrapped),
        cmocka_unit_test(completions_have_everything),
        cmocka_unit_test(the_reference_has_everything),
        cmocka_unit_test(routes_are_the_servers),
        cmocka_unit_test(exit_statuses_are_those_of_the_contract),
    };

    return cmocka_run_group_tests(tests, init, done);
}
