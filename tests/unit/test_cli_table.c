/* Tables: alignment, cuts, columns left out, pages, and what memory has to do with it. */
#include "base/common.h"
#include "base/limits.h"
#include "cli/table.h"
#include "tests/unit/alloc_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

static const struct table_column columns[] = {
    {"ID", 0, 0, 0},    {"QUEUE", TABLE_SHRINKS, 0, 4}, {"COUNT", TABLE_RIGHT, 0, 0},
    {"EXTRA", 0, 5, 0}, {"NOTE", TABLE_SHRINKS, 1, 3},
};

static void add_row(struct table *table, const char *id, const char *queue, unsigned count,
                    const char *note)
{
    table_cell(table, PAINT_NONE, slice_text(id));
    table_cell(table, PAINT_CYAN, slice_text(queue));
    table_cell_printf(table, PAINT_NONE, "%u", count);
    table_cell(table, PAINT_NONE, slice_text("more"));
    table_cell(table, PAINT_NONE, slice_text(note));
}

static void expect(struct table *table, uint32_t width, bool colour, const char *want)
{
    struct buf out;

    buf_init(&out, 64 * KIB);
    table_print(table, width, colour, &out);
    (void)buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, want);
    buf_done(&out);
}

static void two_rows(struct table *table)
{
    table_init(table, columns, ARRAY_COUNT(columns));
    add_row(table, "job_1", "mail", 7, "short");
    add_row(table, "job_22", "a.rather.long.name", 1234567, "a remark of some length");
    assert_int_equal(table_row_count(table), 2);
}

/* Method: without a limit; numbers stand right, nothing stands behind the last text. */
static void columns_are_as_wide_as_needed(void **state)
{
    struct table table;

    (void)state;
    two_rows(&table);
    expect(&table, 0, false,
           "ID      QUEUE                 COUNT  EXTRA  NOTE\n"
           "job_1   mail                      7  more   short\n"
           "job_22  a.rather.long.name  1234567  more   a remark of some length\n");
    table_done(&table);
}

/* Method: ever narrower terminals. Every line fits as long as that is possible; the id stays whole
 * even then. */
static void narrow_terminals_get_less(void **state)
{
    static const uint32_t widths[] = {200, 66, 60, 50, 40, 30, 26, 20};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(widths); i++) {
        struct slice rest;
        struct table table;
        struct buf out;
        struct slice line = {0};

        two_rows(&table);
        buf_init(&out, 64 * KIB);
        table_print(&table, widths[i], false, &out);
        assert_non_null(memmem(out.data, out.size, "job_22", 6));
        assert_non_null(memmem(out.data, out.size, "1234567", 7));
        rest = buf_slice(&out);
        while (rest.size > 0) {
            const uint8_t *end = memchr(rest.data, '\n', rest.size);

            line = slice_of(rest.data, (size_t)(end - rest.data));
            /* An ellipsis is three bytes and one column; there are at most two in a row. */
            assert_true(line.size <= (widths[i] < 21 ? 21 : widths[i]) + 4);
            rest = slice_from(rest, line.size + 1);
        }
        buf_done(&out);
        table_done(&table);
    }
}

/* Method: a width at which a column is left out and one at which texts are cut too. */
static void what_matters_least_goes_first(void **state)
{
    struct table table;

    (void)state;
    two_rows(&table);
    expect(&table, 60, false,
           "ID      QUEUE                 COUNT  NOTE\n"
           "job_1   mail                      7  short\n"
           "job_22  a.rather.long.name  1234567  a remark of some length\n");
    table_done(&table);
    two_rows(&table);
    expect(&table, 40, false,
           "ID      QUEUE         COUNT  NOTE\n"
           "job_1   mail              7  short\n"
           "job_22  a.rather.\xe2\x80\xa6  1234567  a remark o\xe2\x80\xa6\n");
    table_done(&table);
    two_rows(&table);
    expect(&table, 24, false,
           "ID      QUEUE      COUNT\n"
           "job_1   mail           7\n"
           "job_22  a.rath\xe2\x80\xa6  1234567\n");
    table_done(&table);
}

/* Method: painted cells; padding and titles of no cell are not painted. */
static void colour_is_around_texts_only(void **state)
{
    static const struct table_column two[] = {{"A", 0, 0, 0}, {"B", TABLE_RIGHT, 0, 0}};
    struct table table;

    (void)state;
    table_init(&table, two, 2);
    table_cell(&table, PAINT_RED, slice_text("x"));
    table_cell(&table, PAINT_GREEN, slice_text("10"));
    expect(&table, 0, true,
           "\x1b[1mA\x1b[0m   \x1b[1mB\x1b[0m\n\x1b[31mx\x1b[0m  \x1b[32m10\x1b[0m\n");
    table_done(&table);
}

/* Method: hostile cells; the table's shape does not change. */
static void cells_are_harmless(void **state)
{
    static const struct table_column two[] = {{"A", 0, 0, 0}, {"B", 0, 0, 0}};
    struct table table;

    (void)state;
    table_init(&table, two, 2);
    table_cell(&table, PAINT_NONE, slice_text("\x1b[31m\n"));
    table_cell(&table, PAINT_NONE, slice_text("\xe6\x97\xa5"));
    table_cell(&table, PAINT_NONE, slice_text(""));
    table_cell(&table, PAINT_NONE, slice_text("x"));
    expect(&table, 0, false,
           "A             B\n"
           "\\u001b[31m\\n  \xe6\x97\xa5\n"
           "              x\n");
    table_done(&table);
}

/* Method: two pages; the titles come once, the second page keeps the widths of the first. */
static void pages_share_their_titles(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, columns, ARRAY_COUNT(columns));
    add_row(&table, "job_1", "wide.name", 1, "n");
    expect(&table, 0, false,
           "ID     QUEUE      COUNT  EXTRA  NOTE\n"
           "job_1  wide.name      1  more   n\n");
    add_row(&table, "job_2", "q", 2, "n");
    expect(&table, 0, false, "job_2  q              2  more   n\n");
    table_done(&table);
}

/* Method: the 1st, 2nd ... allocation fails until none does; a failure is told, never hidden. */
static void failing_memory_is_told(void **state)
{
    size_t at = 1;
    bool failed;

    (void)state;
    if (!alloc_faults_work) {
        return;
    }
    do {
        struct table table;
        struct buf out;

        buf_init(&out, 64 * KIB);
        alloc_fail_at = at;
        table_init(&table, columns, ARRAY_COUNT(columns));
        add_row(&table, "job_1", "mail", 1, "note");
        table_print(&table, 40, false, &out);
        failed = alloc_fail_at == 0;
        alloc_fail_at = 0;
        assert_int_equal(out.failed, failed);
        buf_done(&out);
        table_done(&table);
        at++;
    } while (failed && at < 100);
    assert_true(at > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_needed),
        cmocka_unit_test(narrow_terminals_get_less),
        cmocka_unit_test(what_matters_least_goes_first),
        cmocka_unit_test(colour_is_around_texts_only),
        cmocka_unit_test(cells_are_harmless),
        cmocka_unit_test(pages_share_their_titles),
        cmocka_unit_test(failing_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
