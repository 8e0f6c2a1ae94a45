/* The view's file: see file.h. */
#include "view/file.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "view/schema.h"
#include "view/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4160
#define WAIT_MS 2000 /* For queries, when SQLite's log has become long. */
#define SEAL_CHUNK MIB

static const char *const texts[VIEW_STATEMENT_COUNT] = {
    [VIEW_JOB_FIND] = "SELECT queue, state, worker, hold_kind FROM jobs WHERE seq = ?1",
    [VIEW_JOB_INSERT] =
        "INSERT INTO jobs (seq, created, queue, state, priority, attempt, moved, started, "
        "completed, run_at, expire_at, held_at, hold_kind, worker) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [VIEW_JOB_UPDATE] =
        "UPDATE jobs SET created = ?2, queue = ?3, state = ?4, priority = ?5, attempt = ?6, "
        "moved = ?7, started = ?8, completed = ?9, run_at = ?10, expire_at = ?11, held_at = ?12, "
        "hold_kind = ?13, worker = ?14 WHERE seq = ?1",
    [VIEW_JOB_DELETE] = "DELETE FROM jobs WHERE seq = ?1",
    [VIEW_ERR_PUT] = "INSERT OR REPLACE INTO err (seq, id, at, fingerprint, whole, text) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [VIEW_ERR_DELETE] = "DELETE FROM err WHERE seq = ?1 AND id = ?2",
    [VIEW_ERR_DELETE_ALL] = "DELETE FROM err WHERE seq = ?1",
    [VIEW_QUEUE_PUT] = "INSERT OR REPLACE INTO queues (id, name, cleared_below, destroyed_below) "
                       "VALUES (?1, ?2, ?3, ?4)",
    [VIEW_META_PUT] =
        "INSERT OR REPLACE INTO meta (one, cluster_id, complete, idx, term, state_hash, seq_max) "
        "VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
};

static void path_with(const char *path, const char *end, char ret_path[static PATH_ROOM])
{
    (void)snprintf(ret_path, PATH_ROOM, "%s%s", path, end);
}

void view_file_remove(const char *path)
{
    /* The file first: a log without a file is thrown away, not played back. */
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".seal"};
    char name[PATH_ROOM];

    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        path_with(path, ends[i], name);
        (void)unlink(name);
    }
}

static uint64_t size_of(const char *path, const char *end)
{
    char name[PATH_ROOM];
    struct stat stat_of;

    path_with(path, end, name);
    return stat(name, &stat_of) == 0 ? (uint64_t)stat_of.st_size : 0;
}

uint64_t view_file_size(const char *path, uint64_t *ret_log_size)
{
    *ret_log_size = size_of(path, "-wal");
    return size_of(path, "");
}

/* --- The seal ------------------------------------------------------------------------------------
 *
 * `view.sqlite.seal` is there only while nobody has the file open: one line, size and hash of the
 * whole file. */

struct seal {
    uint64_t size;
    uint64_t hash;
};

static bool seal_of(const char *path, struct seal *ret_seal)
{
    uint8_t *bytes = malloc(SEAL_CHUNK);
    int file = bytes ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t count = file < 0 ? -1 : 1;

    *ret_seal = (struct seal){0};
    while (count > 0) {
        count = read(file, bytes, SEAL_CHUNK);
        if (count > 0) {
            uint64_t hashes[2] = {ret_seal->hash, hash_bytes(slice_of(bytes, (size_t)count))};

            ret_seal->size += (uint64_t)count;
            ret_seal->hash = hash_bytes(slice_of(hashes, sizeof(hashes)));
        }
    }
    if (file >= 0) {
        (void)close(file);
    }
    free(bytes);
    return count == 0;
}

static void write_seal(const char *path)
{
    char name[PATH_ROOM];
    struct seal seal;
    FILE *file;

    if (!seal_of(path, &seal)) {
        return;
    }
    path_with(path, ".seal", name);
    file = fopen(name, "we");
    if (!file) {
        return;
    }
    (void)fprintf(file, "%" PRIu64 " %016" PRIx64 "\n", seal.size, seal.hash);
    if (fclose(file) != 0) {
        (void)unlink(name);
    }
}

/* What the seal says, if there is one; it is broken by this. */
static bool take_seal(const char *path, struct seal *ret_seal)
{
    char name[PATH_ROOM];
    char line[64] = "";
    char *end = line;
    FILE *file;

    path_with(path, ".seal", name);
    file = fopen(name, "re");
    if (!file) {
        return false;
    }
    if (!fgets(line, sizeof(line), file)) {
        line[0] = '\0';
    }
    (void)fclose(file);
    (void)unlink(name);
    ret_seal->size = strtoull(line, &end, 10);
    ret_seal->hash = strtoull(end, &end, 16);
    return *end == '\n' && size_of(path, "-wal") == 0;
}

/* --- Open and close ------------------------------------------------------------------------------
 */

enum err_code view_file_statement(struct view_file *file, enum view_statement kind,
                                  sqlite3_stmt **ret_statement, struct err *err)
{
    if (!file->statements[kind] &&
        sql_prepare(file->db, texts[kind], &file->statements[kind], err)) {
        return err->code;
    }
    *ret_statement = file->statements[kind];
    return ERR_NONE;
}

void view_file_close(struct view_file *file)
{
    if (!file) {
        return;
    }
    for (int i = 0; i < VIEW_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(file->statements[i]);
    }
    (void)sqlite3_finalize(file->post);
    sql_close(file->db);
    free(file);
}

void view_file_close_sealed(struct view_file *file, const char *path)
{
    bool all = false;
    bool sealed;
    struct err err;

    if (!file) {
        return;
    }
    sealed = file->complete && !view_file_checkpoint(file, true, &all, &err) && all;
    view_file_close(file);
    if (sealed && size_of(path, "-wal") == 0) {
        write_seal(path);
    }
}

static enum err_code connect(const char *path, enum sql_access access, uint64_t cluster_id,
                             struct view_file **ret_file, struct err *err)
{
    struct view_file *file = calloc(1, sizeof(*file));

    if (!file) {
        return err_set(err, ERR_NOMEM, "no memory for the view's file");
    }
    file->cluster_id = cluster_id;
    if (sql_open(path, access, &file->db, err)) {
        free(file);
        return err->code;
    }
    (void)sqlite3_busy_timeout(file->db, WAIT_MS);
    *ret_file = file;
    return ERR_NONE;
}

/* Checkpoints are ours, so that they can be told of; NORMAL syncs there and nowhere else. */
static enum err_code settle(struct view_file *file, struct err *err)
{
    return sql_run(file->db,
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                   "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384;"
                   "PRAGMA temp_store = MEMORY",
                   err);
}

enum err_code view_file_create(const char *path, uint64_t cluster_id, struct view_file **ret_file,
                               struct err *err)
{
    struct view_file *file = NULL;
    char ours[128];

    view_file_remove(path);
    if (connect(path, SQL_CREATE, cluster_id, &file, err)) {
        return err->code;
    }
    (void)snprintf(ours, sizeof(ours), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   VIEW_APPLICATION_ID, VIEW_FORMAT);
    if (settle(file, err) || view_file_begin(file, err) || sql_run(file->db, ours, err) ||
        sql_run(file->db, view_schema, err) ||
        view_file_commit(file, &(struct kv_mark){0}, false, err)) {
        view_file_close(file);
        return err->code;
    }
    *ret_file = file;
    return ERR_NONE;
}

static enum err_code check_kind(struct view_file *file, struct err *err)
{
    int64_t application = 0;
    int64_t format = 0;

    if (sql_number(file->db, "PRAGMA application_id", &application, err) ||
        sql_number(file->db, "PRAGMA user_version", &format, err)) {
        return err->code;
    }
    if (application != VIEW_APPLICATION_ID) {
        return err_set(err, ERR_CORRUPT, "the view's file is another program's");
    }
    if (format != VIEW_FORMAT) {
        return err_set(err, ERR_CORRUPT, "the view's file has format %" PRId64 ", not %d", format,
                       VIEW_FORMAT);
    }
    return ERR_NONE;
}

/* After a clean stop the bytes are compared, which finds every change. After a crash there is only
 * SQLite's own check of its structure. */
static enum err_code check_bytes(struct view_file *file, const char *path, struct err *err)
{
    struct seal before;
    struct seal now;
    sqlite3_stmt *statement = NULL;
    bool row = false;

    if (take_seal(path, &before)) {
        return seal_of(path, &now) && now.size == before.size && now.hash == before.hash
                   ? ERR_NONE
                   : err_set(err, ERR_CORRUPT, "the view's file has changed since the last stop");
    }
    if (sql_prepare(file->db, "PRAGMA quick_check(1)", &statement, err)) {
        return err->code;
    }
    if (!sql_step(statement, &row, err) &&
        (!row || strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)) {
        (void)err_set(err, ERR_CORRUPT, "the view's file is damaged: %s",
                      row ? (const char *)sqlite3_column_text(statement, 0) : "no answer");
    }
    (void)sqlite3_finalize(statement);
    return err->code;
}

static enum err_code take_meta(struct view_file *file, sqlite3_stmt *statement, struct err *err)
{
    uint64_t cluster_id = (uint64_t)sqlite3_column_int64(statement, 0);

    file->complete = sqlite3_column_int(statement, 1) == 1;
    file->mark.index = (uint64_t)sqlite3_column_int64(statement, 2);
    file->mark.term = (uint64_t)sqlite3_column_int64(statement, 3);
    file->mark.state_hash = (uint64_t)sqlite3_column_int64(statement, 4);
    file->seq_max = file->seq_committed = (uint64_t)sqlite3_column_int64(statement, 5);
    if (cluster_id != file->cluster_id) {
        return err_set(err, ERR_CORRUPT, "the view's file is another cluster's");
    }
    if (!file->complete) {
        return err_set(err, ERR_CORRUPT, "the view's file was not finished");
    }
    return ERR_NONE;
}

static enum err_code read_meta(struct view_file *file, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;

    if (sql_prepare(file->db,
                    "SELECT cluster_id, complete, idx, term, state_hash, seq_max FROM meta",
                    &statement, err)) {
        return err->code;
    }
    if (!sql_step(statement, &row, err)) {
        (void)(row ? take_meta(file, statement, err)
                   : err_set(err, ERR_CORRUPT, "the view's file says nothing of itself"));
    }
    (void)sqlite3_finalize(statement);
    return err->code;
}

enum err_code view_file_open(const char *path, uint64_t cluster_id, struct view_file **ret_file,
                             struct err *err)
{
    struct view_file *file = NULL;

    *err = (struct err){0};
    if (size_of(path, "") == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no view yet");
    }
    if (connect(path, SQL_WRITE, cluster_id, &file, err)) {
        return err->code;
    }
    if (check_kind(file, err) || check_bytes(file, path, err) || settle(file, err) ||
        read_meta(file, err)) {
        view_file_close(file);
        /* A statement that does not fit: someone changed the tables. */
        err->code = err->code == ERR_INVALID ? ERR_CORRUPT : err->code;
        return err->code;
    }
    *ret_file = file;
    return ERR_NONE;
}

/* --- Transactions --------------------------------------------------------------------------------
 */

enum err_code view_file_begin(struct view_file *file, struct err *err)
{
    return sql_run(file->db, "BEGIN IMMEDIATE", err);
}

enum err_code view_file_commit(struct view_file *file, const struct kv_mark *mark, bool complete,
                               struct err *err)
{
    sqlite3_stmt *put = NULL;

    if (view_file_statement(file, VIEW_META_PUT, &put, err)) {
        return err->code;
    }
    sql_bind(put, 1, file->cluster_id);
    sql_bind(put, 2, complete);
    sql_bind(put, 3, mark->index);
    sql_bind(put, 4, mark->term);
    sql_bind(put, 5, mark->state_hash);
    sql_bind(put, 6, file->seq_max);
    if (sql_do(put, err) || sql_run(file->db, "COMMIT", err)) {
        return err->code;
    }
    file->mark = *mark;
    file->complete = complete;
    file->seq_committed = file->seq_max;
    return ERR_NONE;
}

void view_file_rollback(struct view_file *file)
{
    if (!sqlite3_get_autocommit(file->db)) {
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    file->seq_max = file->seq_committed;
    file->part_first = 0;
    (void)sqlite3_finalize(file->post); /* Its table may have been of the transaction. */
    file->post = NULL;
}

enum err_code view_file_checkpoint(struct view_file *file, bool wait, bool *ret_all,
                                   struct err *err)
{
    int mode = wait ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int in_log = 0;
    int moved = 0;
    int result = sqlite3_wal_checkpoint_v2(file->db, NULL, mode, &in_log, &moved);

    if (result != SQLITE_OK && result != SQLITE_BUSY) {
        return sql_fail(file->db, result, "view", err);
    }
    *ret_all = result == SQLITE_OK && in_log == moved;
    return ERR_NONE;
}
