/* SQLite with this program's errors. The only place that knows SQLite's result codes. */
#ifndef VIEW_SQL_H
#define VIEW_SQL_H

#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

#include <sqlite3.h>

enum sql_access {
    SQL_READ,   /* Fails when there is no file. */
    SQL_WRITE,  /* The same. */
    SQL_CREATE, /* Makes the file when there is none. */
};

/* Opens a database in write-ahead mode, for one thread at a time. ERR_NOT_FOUND: there is no file;
 * others as sql_fail. */
enum err_code sql_open(const char *path, enum sql_access access, sqlite3 **ret_db,
                       struct err *err) MUST_USE;

/* Takes NULL. */
void sql_close(sqlite3 *db);

/* The error for a result code, its text led by `what`: ERR_CORRUPT (the file is damaged or none of
 * ours), ERR_NO_SPACE, ERR_NOMEM, ERR_TIMEOUT (interrupted), ERR_BUSY (locked), ERR_INVALID (the
 * statement does not fit the tables), ERR_IO. */
enum err_code sql_fail(sqlite3 *db, int result, const char *what, struct err *err);

/* Runs statements that answer nothing. Errors as sql_fail. */
enum err_code sql_run(sqlite3 *db, const char *sql, struct err *err) MUST_USE;

/* Compiles one statement, to be used often. Errors as sql_fail. */
enum err_code sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement,
                          struct err *err) MUST_USE;

/* The next row; *ret_row is false at the end. Errors as sql_fail. */
enum err_code sql_step(sqlite3_stmt *statement, bool *ret_row, struct err *err) MUST_USE;

/* Runs a statement that answers nothing and makes it ready to be bound again. Errors as sql_fail.
 */
enum err_code sql_do(sqlite3_stmt *statement, struct err *err) MUST_USE;

/* The first column of the first row; 0 when there is none. Errors as sql_fail. */
enum err_code sql_number(sqlite3 *db, const char *sql, int64_t *ret_number,
                         struct err *err) MUST_USE;

/* Binds an unsigned number (below 2^63), and one whose 0 is NULL. */
void sql_bind(sqlite3_stmt *statement, int position, uint64_t number);
void sql_bind_set(sqlite3_stmt *statement, int position, uint64_t number);

/* Binds text; the bytes must stay until the statement is run. */
void sql_bind_text(sqlite3_stmt *statement, int position, struct slice text);

#endif
