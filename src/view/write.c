/* Rows into the view's file: see write.h. */
#include "view/write.h"

#include "base/limits.h"
#include "core/job_move.h"
#include "view/fingerprint.h"
#include "view/schema.h"
#include "view/search.h"
#include "view/sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Queue, state, worker, hold, unique key; tags; errors. */
#define TOKENS_MAX (5 + TAGS_MAX + ERROR_RECORDS_MAX)

/* What the file says of a job before it is written. */
struct old_job {
    bool there;
    uint64_t queue;
    uint32_t state;
    uint32_t worker;
    uint32_t hold_kind;
};

struct tokens {
    char text[TOKENS_MAX * (VIEW_TOKEN_MAX + 1)];
    size_t size;
};

static void add_token(struct tokens *tokens, struct view_token token)
{
    size_t size = strlen(token.text);

    assert(tokens->size + size + 1 <= sizeof(tokens->text));
    if (tokens->size > 0) {
        tokens->text[tokens->size++] = ' ';
    }
    memcpy(tokens->text + tokens->size, token.text, size);
    tokens->size += size;
}

static enum err_code add_tag(void *context, const struct search_tag *tag, struct err *err)
{
    (void)err;
    add_token(context, view_token_tag(tag->key, tag->value));
    return ERR_NONE;
}

static bool is_terminal(uint32_t state)
{
    return state == JOB_COMPLETED || state == JOB_DEAD || state == JOB_CANCELLED;
}

/* Times of the file are in ms. */
static uint64_t ms(uint64_t time_ns)
{
    return time_ns / NS_PER_MS;
}

static uint32_t worker_number(const struct job *job)
{
    return job_shows_worker(job) ? view_worker_number(job->worker_id) : 0;
}

/* --- Terms ---------------------------------------------------------------------------------------
 */

/* Those that were not posted with what the file says already. */
static void add_changed(struct tokens *tokens, const struct old_job *old, const struct job *job)
{
    uint32_t worker = worker_number(job);

    if (!old->there || old->queue != job->queue) {
        add_token(tokens, view_token_number(VIEW_TERM_QUEUE, job->queue));
    }
    if (!old->there && job->unique.key.size > 0) {
        add_token(tokens, view_token_of(VIEW_TERM_UNIQUE, job->unique.key));
    }
    if (is_terminal(job->state) && (!old->there || old->state != job->state)) {
        add_token(tokens, view_token_number(VIEW_TERM_STATE, job->state));
    }
    if (worker && (!old->there || old->worker != worker)) {
        add_token(tokens, view_token_of(VIEW_TERM_WORKER, job->worker_id));
    }
    if (job->state == JOB_HELD && (!old->there || old->hold_kind != job->hold.kind)) {
        add_token(tokens, view_token_number(VIEW_TERM_HOLD, job->hold.kind));
    }
}

static enum err_code find_post(struct view_file *file, uint64_t part, struct err *err)
{
    char name[VIEW_TERMS_NAME_MAX];
    char text[96];

    if (file->post && file->post_part == part) {
        return ERR_NONE;
    }
    (void)sqlite3_finalize(file->post);
    file->post = NULL;
    view_terms_name(part, name);
    (void)snprintf(text, sizeof(text), "INSERT INTO %s (rowid, t) VALUES (?1, ?2)", name);
    if (view_terms_create(file->db, part, err) || sql_prepare(file->db, text, &file->post, err)) {
        return err->code;
    }
    file->post_part = part;
    return ERR_NONE;
}

static enum err_code post(struct view_file *file, uint64_t seq, const struct tokens *tokens,
                          struct err *err)
{
    if (tokens->size == 0) {
        return ERR_NONE;
    }
    if (find_post(file, view_part(seq), err)) {
        return err->code;
    }
    sql_bind(file->post, 1, seq);
    sql_bind_text(file->post, 2, slice_of(tokens->text, tokens->size));
    return sql_do(file->post, err);
}

enum err_code view_write_drop_parts(struct view_file *file, struct err *err)
{
    int64_t first = 0;
    char name[VIEW_TERMS_NAME_MAX];
    char text[96];

    if (sql_number(file->db, "SELECT min(seq) FROM jobs", &first, err)) {
        return err->code;
    }
    if (first == 0) {
        first = (int64_t)file->seq_max; /* What comes is above it. */
    }
    for (; file->part_first < view_part((uint64_t)first); file->part_first++) {
        if (file->post && file->post_part == file->part_first) {
            (void)sqlite3_finalize(file->post);
            file->post = NULL;
        }
        view_terms_name(file->part_first, name);
        (void)snprintf(text, sizeof(text), "DROP TABLE IF EXISTS %s", name);
        if (sql_run(file->db, text, err)) {
            return err->code;
        }
    }
    return ERR_NONE;
}

/* --- Errors --------------------------------------------------------------------------------------
 */

/* A text may be cut, but not within a character. */
static struct slice beginning_of(struct slice text)
{
    size_t size = text.size;

    if (size > VIEW_ERROR_TEXT_MAX) {
        size = VIEW_ERROR_TEXT_MAX;
        while (size > 0 && (text.data[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    return slice_of(text.data, size);
}

static enum err_code put_error(struct view_file *file, uint64_t seq, uint32_t id,
                               const struct error_row *row, struct tokens *tokens, struct err *err)
{
    uint64_t fingerprint = view_fingerprint(row->error);
    struct slice text = beginning_of(row->error);
    sqlite3_stmt *put;

    if (view_file_statement(file, VIEW_ERR_PUT, &put, err)) {
        return err->code;
    }
    sql_bind(put, 1, seq);
    sql_bind(put, 2, id);
    sql_bind(put, 3, ms(row->created_at));
    sql_bind(put, 4, fingerprint);
    sql_bind(put, 5, text.size == row->error.size);
    sql_bind_text(put, 6, text);
    add_token(tokens, view_token_number(VIEW_TERM_ERROR, fingerprint));
    return sql_do(put, err);
}

static enum err_code delete_error(struct view_file *file, uint64_t seq, uint32_t id,
                                  struct err *err)
{
    sqlite3_stmt *statement;

    if (view_file_statement(file, VIEW_ERR_DELETE, &statement, err)) {
        return err->code;
    }
    sql_bind(statement, 1, seq);
    sql_bind(statement, 2, id);
    return sql_do(statement, err);
}

/* A job keeps its last records only, so some of those that changed may be gone by now. */
static enum err_code write_errors(struct view_file *file, const struct job_rows *rows,
                                  const struct view_job *job, struct tokens *tokens,
                                  struct err *err)
{
    uint64_t seq = job->job->key.seq;
    uint32_t first = job_first_error(job->job);

    for (uint32_t i = 0; i < job->error_count; i++) {
        uint32_t id = job->error_ids[i];
        struct error_row row;

        if (id < first || id > job->job->error_count) {
            if (!job->fresh && delete_error(file, seq, id, err)) {
                return err->code;
            }
            continue;
        }
        if (job_read_error(rows, job->job, id, &row, err) ||
            (error_row_is_error(&row) && put_error(file, seq, id, &row, tokens, err))) {
            return err->code;
        }
    }
    return ERR_NONE;
}

/* --- Jobs ----------------------------------------------------------------------------------------
 */

static enum err_code find_old(struct view_file *file, uint64_t seq, struct old_job *ret_old,
                              struct err *err)
{
    sqlite3_stmt *find;
    bool row;

    *ret_old = (struct old_job){0};
    if (view_file_statement(file, VIEW_JOB_FIND, &find, err)) {
        return err->code;
    }
    sql_bind(find, 1, seq);
    if (!sql_step(find, &row, err) && row) {
        *ret_old = (struct old_job){
            .there = true,
            .queue = (uint64_t)sqlite3_column_int64(find, 0),
            .state = (uint32_t)sqlite3_column_int(find, 1),
            .worker = (uint32_t)sqlite3_column_int(find, 2),
            .hold_kind = (uint32_t)sqlite3_column_int(find, 3),
        };
    }
    return sqlite3_reset(find) == SQLITE_OK ? ERR_NONE : err->code;
}

static enum err_code put_job(struct view_file *file, const struct job *job, bool there,
                             struct err *err)
{
    bool held = job->state == JOB_HELD;
    sqlite3_stmt *put;

    if (view_file_statement(file, there ? VIEW_JOB_UPDATE : VIEW_JOB_INSERT, &put, err)) {
        return err->code;
    }
    sql_bind(put, 1, job->key.seq);
    sql_bind(put, 2, job->key.time_ns);
    sql_bind(put, 3, job->queue);
    sql_bind(put, 4, job->state);
    sql_bind(put, 5, job->priority);
    sql_bind(put, 6, job->attempt);
    sql_bind(put, 7, job->move_seq);
    sql_bind_set(put, 8, ms(job->started_at));
    sql_bind_set(put, 9, ms(job->completed_at));
    sql_bind_set(put, 10, ms(job->run_at));
    sql_bind_set(put, 11, ms(job->expire_at));
    sql_bind_set(put, 12, held ? ms(job->hold.at) : 0);
    sql_bind_set(put, 13, held ? job->hold.kind : 0);
    sql_bind_set(put, 14, worker_number(job));
    return sql_do(put, err);
}

enum err_code view_write_job(struct view_file *file, const struct job_rows *rows,
                             const struct view_job *job, struct err *err)
{
    uint64_t seq = job->job->key.seq;
    struct tokens tokens = {.size = 0};
    struct old_job old = {0};

    *err = (struct err){0};
    if (!job->fresh && find_old(file, seq, &old, err)) {
        return err->code;
    }
    add_changed(&tokens, &old, job->job);
    if (job->more && search_each_tag(job->more->tags, rows->arena, add_tag, &tokens, err)) {
        return err->code;
    }
    if (write_errors(file, rows, job, &tokens, err) || put_job(file, job->job, old.there, err) ||
        post(file, seq, &tokens, err)) {
        return err->code;
    }
    file->seq_max = seq > file->seq_max ? seq : file->seq_max;
    file->rows++;
    return ERR_NONE;
}

enum err_code view_write_gone(struct view_file *file, uint64_t seq, struct err *err)
{
    static const enum view_statement kinds[] = {VIEW_ERR_DELETE_ALL, VIEW_JOB_DELETE};

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        sqlite3_stmt *statement;

        if (view_file_statement(file, kinds[i], &statement, err)) {
            return err->code;
        }
        sql_bind(statement, 1, seq);
        if (sql_do(statement, err)) {
            return err->code;
        }
    }
    file->rows += (uint64_t)sqlite3_changes(file->db);
    return ERR_NONE;
}

enum err_code view_write_queue(struct view_file *file, uint64_t number,
                               const struct queue_row *queue, struct err *err)
{
    sqlite3_stmt *put;

    if (view_file_statement(file, VIEW_QUEUE_PUT, &put, err)) {
        return err->code;
    }
    sql_bind(put, 1, number);
    sql_bind_text(put, 2, queue->name);
    sql_bind(put, 3, queue->cleared_below);
    sql_bind(put, 4, queue->destroyed_below);
    return sql_do(put, err);
}
