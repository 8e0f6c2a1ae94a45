/* The view's file: its tables are those of docs/formats/view.md, its tokens and fingerprints are
 * what they were. */
#include "base/hash.h"
#include "base/limits.h"
#include "tests/unit/doc_page.h"
#include "view/fingerprint.h"
#include "view/schema.h"
#include "view/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

/* After the headers it needs. */
#include <cmocka.h>

static sqlite3 *memory_db(void)
{
    sqlite3 *db = NULL;
    struct err err;

    assert_int_equal(sql_open(":memory:", SQL_CREATE, &db, &err), ERR_NONE);
    assert_int_equal(sql_run(db, view_schema, &err), ERR_NONE);
    return db;
}

/* Method: every column that SQLite says a table has is named in that table's section. */
static void test_page(void **state)
{
    static const char *const tables[] = {"meta", "queues", "jobs", "err"};
    sqlite3 *db = memory_db();
    struct doc_page page;
    uint32_t columns = 0;

    (void)state;
    doc_page_init(&page, "docs/formats/view.md");
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        sqlite3_stmt *statement = NULL;
        struct err err;
        char text[128];
        bool row;

        (void)snprintf(text, sizeof(text), "PRAGMA table_info(%s)", tables[i]);
        assert_int_equal(sql_prepare(db, text, &statement, &err), ERR_NONE);
        while (!sql_step(statement, &row, &err) && row) {
            (void)snprintf(text, sizeof(text), "`%s`",
                           (const char *)sqlite3_column_text(statement, 1));
            if (!doc_section_names(&page, tables[i], text)) {
                fail_msg("docs/formats/view.md does not name %s of %s", text, tables[i]);
            }
            columns++;
        }
        (void)sqlite3_finalize(statement);
    }
    assert_int_equal(columns, 7 + 4 + 14 + 6);
    doc_page_done(&page);
    sql_close(db);
}

/* Method: tokens as they are in files of format 1; two of the same thing, two of others. */
static void test_tokens(void **state)
{
    struct slice mail = slice_text("mail");

    (void)state;
    assert_string_equal(view_token_number(VIEW_TERM_QUEUE, 12).text, "q12");
    assert_string_equal(view_token_number(VIEW_TERM_ERROR, UINT64_MAX).text,
                        "e18446744073709551615");
    assert_string_equal(view_token_of(VIEW_TERM_WORKER, mail).text, "wv1fri6vpuk9n");
    assert_string_equal(view_token_tag(slice_text("a"), slice_text("bc")).text, "tn4ai6nn0pld9");
    assert_string_not_equal(view_token_tag(slice_text("ab"), slice_text("c")).text,
                            "tn4ai6nn0pld9");
    assert_string_not_equal(view_token_of(VIEW_TERM_UNIQUE, slice_text("mail ")).text + 1,
                            view_token_of(VIEW_TERM_UNIQUE, mail).text + 1);
}

/* Method: jobs of two parts, found by their terms, newest first, by both terms of one. */
static void test_terms(void **state)
{
    sqlite3 *db = memory_db();
    int64_t found = 0;
    struct err err;

    (void)state;
    for (uint64_t part = 0; part < 2; part++) {
        assert_int_equal(view_terms_create(db, part, &err), ERR_NONE);
        assert_int_equal(view_terms_create(db, part, &err), ERR_NONE);
    }
    assert_int_equal(view_part((UINT64_C(1) << VIEW_PART_BITS) - 1), 0);
    assert_int_equal(view_part(UINT64_C(1) << VIEW_PART_BITS), 1);
    assert_int_equal(sql_run(db,
                             "INSERT INTO terms_1(rowid, t) VALUES (4194304, 'q1 s6');"
                             "INSERT INTO terms_1(rowid, t) VALUES (4194305, 'q1 s7');"
                             "INSERT INTO terms_1(rowid, t) VALUES (4194306, 'q2 s7')",
                             &err),
                     ERR_NONE);
    assert_int_equal(sql_number(db,
                                "SELECT rowid FROM terms_1 WHERE terms_1 MATCH 'q1 AND s7' "
                                "ORDER BY rowid DESC",
                                &found, &err),
                     ERR_NONE);
    assert_int_equal(found, 4194305);
    assert_int_equal(sql_number(db,
                                "SELECT rowid FROM terms_1 WHERE terms_1 MATCH 'q1' "
                                "ORDER BY rowid DESC",
                                &found, &err),
                     ERR_NONE);
    assert_int_equal(found, 4194305);
    sql_close(db);
}

/* Method: texts and what is left of them. */
static void test_fingerprint_texts(void **state)
{
    static const struct {
        const char *error, *normal;
    } rows[] = {
        {"", ""},
        {"timeout", "timeout"},
        {"timeout after 1500 ms\nat line 3", "timeout after 0 ms"},
        {"row 7 of 1,024\r\nmore", "row 0 of 0,0"},
        {"no object deadbeef01 here", "no object x here"},
        {"no object deadbee here", "no object deadbee here"},
        {"at 0x7ffd12345678", "at 0xx"},
        {"host \"db-1\" said \"no\"", "host \"\xe2\x80\xa6\" said \"\xe2\x80\xa6\""},
        {"job 'job_9' can't run, won't it", "job \"\xe2\x80\xa6\" can't run, won't it"},
        {"an \"open quote 5", "an \"open quote 0"},
        {"\nsecond line only", ""},
        {"d\xc3\xa9j\xc3\xa0 vu 2", "d\xc3\xa9j\xc3\xa0 vu 0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf buf;

        buf_init(&buf, 4 * KIB);
        view_fingerprint_text(slice_text(rows[i].error), &buf);
        assert_false(buf.failed);
        if (!slice_is(buf_slice(&buf), rows[i].normal)) {
            fail_msg("'%s' became '%.*s'", rows[i].error, (int)buf.size, (char *)buf.data);
        }
        buf_done(&buf);
    }
}

/* Method: the hash of a known text by sha256sum; texts that differ in what does not count; the
 * longest that there is, of what grows most. */
static void test_fingerprint(void **state)
{
    static uint8_t longest[ERROR_TEXT_MAX];

    (void)state;
    assert_true(view_fingerprint(slice_text("abc 1")) == UINT64_C(0x4314506559cd05bd));
    assert_true(view_fingerprint(slice_text("abc 1")) == view_fingerprint(slice_text("abc 22\nx")));
    assert_true(view_fingerprint(slice_text("abc 1")) != view_fingerprint(slice_text("abd 1")));
    memset(longest, '"', sizeof(longest));
    assert_true(view_fingerprint(slice_of(longest, sizeof(longest))) != 0);
}

/* Method: statements and files that SQLite refuses, one for each kind of error. */
static void test_errors(void **state)
{
    sqlite3 *db = memory_db();
    sqlite3 *none = NULL;
    struct err err;

    (void)state;
    assert_int_equal(sql_run(db, "SELECT nothing", &err), ERR_INVALID);
    assert_int_equal(sql_open("/nonexistent/view.sqlite", SQL_READ, &none, &err), ERR_NOT_FOUND);
    assert_null(none);
    assert_int_equal(sql_fail(NULL, SQLITE_CORRUPT_VTAB, "x", &err), ERR_CORRUPT);
    assert_int_equal(sql_fail(NULL, SQLITE_NOTADB, "x", &err), ERR_CORRUPT);
    assert_int_equal(sql_fail(NULL, SQLITE_IOERR_SHORT_READ, "x", &err), ERR_CORRUPT);
    assert_int_equal(sql_fail(NULL, SQLITE_IOERR_WRITE, "x", &err), ERR_IO);
    assert_int_equal(sql_fail(NULL, SQLITE_FULL, "x", &err), ERR_NO_SPACE);
    assert_int_equal(sql_fail(NULL, SQLITE_NOMEM, "x", &err), ERR_NOMEM);
    assert_int_equal(sql_fail(NULL, SQLITE_INTERRUPT, "x", &err), ERR_TIMEOUT);
    assert_int_equal(sql_fail(NULL, SQLITE_BUSY, "x", &err), ERR_BUSY);
    assert_int_equal(sql_fail(NULL, SQLITE_CANTOPEN, "x", &err), ERR_IO);
    sql_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_terms),       cmocka_unit_test(test_fingerprint_texts),
        cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
