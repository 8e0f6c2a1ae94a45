/* The view's file as its only writer has it: made, opened, checked, written in transactions.
 *
 * Of the feeder's thread alone. */
#ifndef VIEW_FILE_H
#define VIEW_FILE_H

#include "core/job_read.h"

#include <sqlite3.h>

enum view_statement {
    VIEW_JOB_FIND,
    VIEW_JOB_INSERT,
    VIEW_JOB_UPDATE,
    VIEW_JOB_DELETE,
    VIEW_ERR_PUT,
    VIEW_ERR_DELETE,
    VIEW_ERR_DELETE_ALL,
    VIEW_QUEUE_PUT,
    VIEW_META_PUT,
    VIEW_STATEMENT_COUNT
};

struct view_file {
    sqlite3 *db;
    uint64_t cluster_id;
    bool complete;
    struct kv_mark mark;    /* As last committed; state_hash 0: see docs/formats/view.md. */
    uint64_t seq_max;       /* With what is not committed yet, */
    uint64_t seq_committed; /* and without. */
    uint64_t rows;          /* Jobs written and taken out since it was opened. */
    sqlite3_stmt *statements[VIEW_STATEMENT_COUNT];
    sqlite3_stmt *post; /* Into the term table of this part; NULL = none yet. */
    uint64_t post_part;
    uint64_t part_first; /* No term table is of a lesser part. */
};

/* Removes a file with everything beside it. */
void view_file_remove(const char *path);

/* Makes a new, incomplete file in place of whatever is there. Errors as sql_fail. */
enum err_code view_file_create(const char *path, uint64_t cluster_id, struct view_file **ret_file,
                               struct err *err) MUST_USE;

/* Opens and checks a file. ERR_NOT_FOUND: there is none; ERR_CORRUPT: it is damaged, of another
 * format or cluster, or was not finished; others as sql_fail. */
enum err_code view_file_open(const char *path, uint64_t cluster_id, struct view_file **ret_file,
                             struct err *err) MUST_USE;

/* Closes without further ado. Takes NULL. */
void view_file_close(struct view_file *file);

/* Closes a complete file so that the next open can tell that not a byte of it has changed since.
 * Takes NULL. When that fails, the next open just looks closer. */
void view_file_close_sealed(struct view_file *file, const char *path);

/* A transaction: what is written in it becomes visible with the mark, or not at all. Errors as
 * sql_fail; after one, roll back. */
enum err_code view_file_begin(struct view_file *file, struct err *err) MUST_USE;
enum err_code view_file_commit(struct view_file *file, const struct kv_mark *mark, bool complete,
                               struct err *err) MUST_USE;
void view_file_rollback(struct view_file *file);

/* Moves what is in SQLite's log into the file and syncs. True in *ret_all: everything committed
 * survives a power cut now. `wait`: for queries that still read the log. Errors as sql_fail. */
enum err_code view_file_checkpoint(struct view_file *file, bool wait, bool *ret_all,
                                   struct err *err) MUST_USE;

/* Bytes of the file and of its log. Any thread. */
uint64_t view_file_size(const char *path, uint64_t *ret_log_size);

/* The file's statement of that kind, compiled at its first use. Errors as sql_fail. */
enum err_code view_file_statement(struct view_file *file, enum view_statement kind,
                                  sqlite3_stmt **ret_statement, struct err *err) MUST_USE;

#endif
