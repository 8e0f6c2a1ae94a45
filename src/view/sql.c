/* SQLite with this program's errors: see sql.h. */
#include "view/sql.h"

#include <limits.h>

static enum err_code code_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
        return ERR_CORRUPT;
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_INTERRUPT:
        return ERR_TIMEOUT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return ERR_INVALID;
    default:
        /* A file that ends in the middle of a page was cut off. */
        return result == SQLITE_IOERR_SHORT_READ ? ERR_CORRUPT : ERR_IO;
    }
}

enum err_code sql_fail(sqlite3 *db, int result, const char *what, struct err *err)
{
    const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(result);

    return err_set(err, code_of(result), "%s: %s (%d)", what, text, result);
}

enum err_code sql_open(const char *path, enum sql_access access, sqlite3 **ret_db, struct err *err)
{
    static const int flags[] = {
        [SQL_READ] = SQLITE_OPEN_READONLY,
        [SQL_WRITE] = SQLITE_OPEN_READWRITE,
        [SQL_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(path, &db, flags[access] | SQLITE_OPEN_NOMUTEX, NULL);

    if (result != SQLITE_OK) {
        (void)sql_fail(db, result, path, err);
        if (db && sqlite3_system_errno(db) == 2) {
            (void)err_set(err, ERR_NOT_FOUND, "there is no file %s", path);
        }
        sql_close(db);
        return err->code;
    }
    (void)sqlite3_extended_result_codes(db, 1);
    *ret_db = db;
    return ERR_NONE;
}

void sql_close(sqlite3 *db)
{
    if (db) {
        (void)sqlite3_close_v2(db);
    }
}

enum err_code sql_run(sqlite3 *db, const char *sql, struct err *err)
{
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK ? ERR_NONE : sql_fail(db, result, "view", err);
}

enum err_code sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement,
                          struct err *err)
{
    int result = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);

    return result == SQLITE_OK ? ERR_NONE : sql_fail(db, result, "view", err);
}

enum err_code sql_step(sqlite3_stmt *statement, bool *ret_row, struct err *err)
{
    int result = sqlite3_step(statement);

    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return sql_fail(sqlite3_db_handle(statement), result, "view", err);
    }
    *ret_row = result == SQLITE_ROW;
    return ERR_NONE;
}

enum err_code sql_do(sqlite3_stmt *statement, struct err *err)
{
    bool row = false;
    enum err_code code = sql_step(statement, &row, err);

    (void)sqlite3_reset(statement);
    return code;
}

enum err_code sql_number(sqlite3 *db, const char *sql, int64_t *ret_number, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err_code code = sql_prepare(db, sql, &statement, err);

    if (!code) {
        code = sql_step(statement, &row, err);
    }
    if (!code) {
        *ret_number = row ? sqlite3_column_int64(statement, 0) : 0;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

void sql_bind(sqlite3_stmt *statement, int position, uint64_t number)
{
    int result = sqlite3_bind_int64(statement, position, (sqlite3_int64)number);

    assert(result == SQLITE_OK);
}

void sql_bind_set(sqlite3_stmt *statement, int position, uint64_t number)
{
    int result = number ? sqlite3_bind_int64(statement, position, (sqlite3_int64)number)
                        : sqlite3_bind_null(statement, position);

    assert(result == SQLITE_OK);
}

void sql_bind_text(sqlite3_stmt *statement, int position, struct slice text)
{
    int result;

    assert(text.size <= INT_MAX);
    result = sqlite3_bind_text(statement, position, text.size ? (const char *)text.data : "",
                               (int)text.size, SQLITE_STATIC);
    assert(result == SQLITE_OK);
}
