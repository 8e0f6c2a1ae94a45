/* Queries for tests: see search_fixture.h. */
#include "tests/unit/search_fixture.h"

#include "base/limits.h"
#include "core/job.h"
#include "core/job_move.h"
#include "view/fingerprint.h"
#include "view/schema.h"
#include "view/sql.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* --- Rows and clock ------------------------------------------------------------------------------
 */

static uint64_t clock_of(void *self)
{
    struct search_fixture *fixture = self;

    return atomic_fetch_add(&fixture->clock_ns, atomic_load(&fixture->step_ns));
}

static enum err_code get_row(void *self, uint8_t table, struct slice key, struct arena *arena,
                             struct slice *ret_value, struct err *err)
{
    struct search_fixture *fixture = self;
    const struct kv *kv = &fixture->core.fault.kv;

    return kv->get(kv->self, table, key, arena, ret_value, err);
}

static enum err_code open_rows(void *self, struct kv_reader **ret_reader, struct err *err)
{
    struct search_fixture *fixture = self;

    (void)err;
    fixture->rows = (struct kv_reader){.self = fixture, .get = get_row};
    *ret_reader = &fixture->rows;
    return ERR_NONE;
}

static void close_rows(void *self, struct kv_reader *reader)
{
    (void)self;
    (void)reader;
}

static void on_through(void *context)
{
    struct search_fixture *fixture = context;

    assert_int_equal(pthread_mutex_lock(&fixture->lock), 0);
    fixture->is_through = true;
    assert_int_equal(pthread_cond_signal(&fixture->through), 0);
    assert_int_equal(pthread_mutex_unlock(&fixture->lock), 0);
}

static void on_damaged(void *context)
{
    ((struct search_fixture *)context)->is_damaged = true;
}

/* --- Copying -------------------------------------------------------------------------------------
 */

/* One copying. */
struct copy {
    struct search_fixture *fixture;
    sqlite3 *db;
    struct arena arena;
    struct job_rows rows;
    struct buf tokens; /* Of the job at hand, or of all. */
};

static void run_sql(struct copy *copy, const char *sql)
{
    struct err err;

    if (sql_run(copy->db, sql, &err)) {
        fail_msg("%s: %s", sql, err.text);
    }
}

/* Runs a statement with numbers and, behind them, one text. */
static void run_with(struct copy *copy, const char *sql, const uint64_t *numbers, int count,
                     struct slice text)
{
    sqlite3_stmt *statement = NULL;
    struct err err;

    if (sql_prepare(copy->db, sql, &statement, &err)) {
        fail_msg("%s: %s", sql, err.text);
    }
    for (int i = 0; i < count; i++) {
        sql_bind(statement, i + 1, numbers[i]);
    }
    if (sqlite3_bind_parameter_count(statement) > count) {
        sql_bind_text(statement, count + 1, text);
    }
    if (sql_do(statement, &err)) {
        fail_msg("%s: %s", sql, err.text);
    }
    (void)sqlite3_finalize(statement);
}

static void add_token(struct copy *copy, struct view_token token)
{
    (void)buf_printf(&copy->tokens, "%s ", token.text);
}

static enum err_code add_tag(void *context, const struct search_tag *tag, struct err *err)
{
    (void)err;
    add_token(context, view_token_tag(tag->key, tag->value));
    return ERR_NONE;
}

static void copy_errors(struct copy *copy, const struct job *job)
{
    for (uint32_t id = job_first_error(job); id <= job->error_count; id++) {
        struct error_row row;
        uint64_t fingerprint;
        struct slice kept;
        struct err err;

        assert_int_equal(job_read_error(&copy->rows, job, id, &row, &err), ERR_NONE);
        if (!error_row_is_error(&row)) {
            continue;
        }
        kept = slice_of(row.error.data, row.error.size < VIEW_ERROR_TEXT_MAX ? row.error.size
                                                                             : VIEW_ERROR_TEXT_MAX);
        fingerprint = view_fingerprint(row.error);
        add_token(copy, view_token_number(VIEW_TERM_ERROR, fingerprint));
        run_with(copy, "INSERT INTO err VALUES (?, ?, ?, ?, ?, ?)",
                 (uint64_t[]){job->key.seq, id, row.created_at / NS_PER_MS, fingerprint,
                              kept.size == row.error.size},
                 5, kept);
    }
}

static void post_tokens(struct copy *copy, uint64_t seq)
{
    char name[VIEW_TERMS_NAME_MAX], sql[128];
    struct err err;

    assert_int_equal(view_terms_create(copy->db, view_part(seq), &err), ERR_NONE);
    view_terms_name(view_part(seq), name);
    (void)snprintf(sql, sizeof(sql), "INSERT INTO %s (rowid, t) VALUES (?, ?)", name);
    run_with(copy, sql, &seq, 1, buf_slice(&copy->tokens));
}

static void copy_terms(struct copy *copy, const struct job *job)
{
    struct job_more more;
    struct err err;

    if (!copy->fixture->same_terms) {
        buf_clear(&copy->tokens);
    }
    assert_int_equal(job_read_more(&copy->rows, job, &more, &err), ERR_NONE);
    assert_int_equal(search_each_tag(more.tags, &copy->arena, add_tag, copy, &err), ERR_NONE);
    add_token(copy, view_token_number(VIEW_TERM_QUEUE, job->queue));
    if (job->unique.key.size > 0) {
        add_token(copy, view_token_of(VIEW_TERM_UNIQUE, job->unique.key));
    }
    if (job_state_is_terminal((enum job_state)job->state)) {
        add_token(copy, view_token_number(VIEW_TERM_STATE, job->state));
    }
    if (job_shows_worker(job)) {
        add_token(copy, view_token_of(VIEW_TERM_WORKER, job->worker_id));
    }
    copy_errors(copy, job);
    post_tokens(copy, job->key.seq);
}

static enum err_code copy_job(void *context, struct slice key, struct slice value, struct err *err)
{
    static const char insert[] =
        "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0), nullif(?, 0),"
        " nullif(?, 0), nullif(?, 0), nullif(?, 0), nullif(?, 0))";
    struct copy *copy = context;
    struct job job;

    assert_int_equal(job_row_read(key, value, &copy->arena, &job, err), ERR_NONE);
    run_with(copy, insert,
             (uint64_t[]){job.key.seq, job.key.time_ns, job.queue, job.state, job.priority,
                          job.attempt, job.move_seq, job.started_at / NS_PER_MS,
                          job.completed_at / NS_PER_MS, job.run_at / NS_PER_MS,
                          job.expire_at / NS_PER_MS, job.hold.at / NS_PER_MS, job.hold.kind,
                          job_shows_worker(&job) ? view_worker_number(job.worker_id) : 0},
             14, slice_of(NULL, 0));
    copy_terms(copy, &job);
    return ERR_NONE;
}

static enum err_code copy_queue(void *context, struct slice key, struct slice value,
                                struct err *err)
{
    struct copy *copy = context;
    struct queue_row row;
    uint64_t number;

    assert_true(number_key_read(key, &number));
    assert_int_equal(protobuf_read(&queue_row_message, value, &copy->arena, &row, err), ERR_NONE);
    run_with(copy,
             "INSERT INTO queues (id, cleared_below, destroyed_below, name) VALUES (?, ?, ?, ?)",
             (uint64_t[]){number, row.cleared_below, row.destroyed_below}, 3, row.name);
    return ERR_NONE;
}

static void copy_rows(struct copy *copy)
{
    const struct kv *kv = kv_mem_kv(copy->fixture->core.mem);
    struct slice start = slice_of("", 0);
    struct err err;

    copy->rows = (struct job_rows){.self = kv->self, .get = kv->get, .arena = &copy->arena};
    assert_int_equal(kv->scan(kv->self, TABLE_QUEUE, start, copy_queue, copy, &err), ERR_NONE);
    assert_int_equal(kv->scan(kv->self, TABLE_JOB, start, copy_job, copy, &err), ERR_NONE);
    assert_int_equal(kv->scan(kv->self, TABLE_DONE, start, copy_job, copy, &err), ERR_NONE);
}

void search_fixture_copy(struct search_fixture *fixture)
{
    struct copy copy = {.fixture = fixture};
    struct err err;

    view_pool_set(fixture->pool, VIEW_POOL_SHUT);
    (void)unlink(fixture->path);
    arena_init(&copy.arena, 256 * MIB);
    buf_init(&copy.tokens, 64 * MIB);
    assert_int_equal(sql_open(fixture->path, SQL_CREATE, &copy.db, &err), ERR_NONE);
    run_sql(&copy, view_schema);
    run_sql(&copy, "BEGIN");
    run_with(&copy, "INSERT INTO meta VALUES (1, 1, 1, ?, 1, 0, 0)",
             (uint64_t[]){core_mark(fixture->core.core).index}, 1, slice_of(NULL, 0));
    copy_rows(&copy);
    run_sql(&copy, "COMMIT");
    sql_close(copy.db);
    buf_done(&copy.tokens);
    arena_done(&copy.arena);
    view_pool_set(fixture->pool, VIEW_POOL_OPEN);
}

/* --- Queries -------------------------------------------------------------------------------------
 */

static struct search_fixture *of_done; /* Whose query is under way. */

static void on_done(struct view_query *query, const struct err *err)
{
    (void)query;
    of_done->err = *err;
    of_done->is_done = true;
}

static void carry_out(struct search_fixture *fixture, struct view_query *query)
{
    of_done = fixture;
    fixture->is_done = false;
    query->done = on_done;
    query->limit_ms = 1000;
    assert_int_equal(view_pool_submit(fixture->pool, query, &fixture->err), ERR_NONE);
    while (!fixture->is_done) {
        assert_int_equal(pthread_mutex_lock(&fixture->lock), 0);
        while (!fixture->is_through) {
            assert_int_equal(pthread_cond_wait(&fixture->through, &fixture->lock), 0);
        }
        fixture->is_through = false;
        assert_int_equal(pthread_mutex_unlock(&fixture->lock), 0);
        view_pool_poll(fixture->pool);
    }
}

/* Carries out a query, and takes it away. */
static enum err_code answer(struct search_fixture *fixture, struct page_query *query)
{
    buf_clear(&fixture->reply);
    carry_out(fixture, &query->query);
    if (!fixture->err.code) {
        page_query_finish(query, &(struct page_figures){.duration_ms = 7});
        if (query->json.failed) {
            (void)err_set(&fixture->err, ERR_NOMEM, "no memory for the reply");
        }
        (void)buf_add_slice(&fixture->reply, buf_slice(&query->json));
    }
    page_query_destroy(query);
    return fixture->err.code;
}

enum err_code search_fixture_search(struct search_fixture *fixture, const char *json)
{
    struct page_query *query = NULL;

    if (search_query_create(slice_text(json), &query, &fixture->err)) {
        return fixture->err.code;
    }
    return answer(fixture, query);
}

enum err_code search_fixture_errors(struct search_fixture *fixture, const char *queue,
                                    uint64_t since_ms, uint32_t limit)
{
    struct errors_wish wish = {.queue = slice_text(queue), .since_ms = since_ms, .limit = limit};
    struct page_query *query = NULL;

    if (errors_query_create(&wish, &query, &fixture->err)) {
        return fixture->err.code;
    }
    return answer(fixture, query);
}

/* --- Beginning and end ---------------------------------------------------------------------------
 */

const void *search_fixture_run(struct search_fixture *fixture, const char *op, const char *format,
                               ...)
{
    static char json[64 * KIB];
    const struct op_result *result;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(json, sizeof(json), format, args);
    va_end(args);
    result = core_fixture_run(&fixture->core, op, json);
    if (result->err.code) {
        fail_msg("%s %s: %s", op, json, result->err.text);
    }
    return result->reply;
}

/* One member of the state's only row of its kind, put in as if so many jobs had been made. */
void search_fixture_skip(struct search_fixture *fixture, uint64_t job_seq)
{
    struct kv *kv = kv_mem_kv(fixture->core.mem);
    struct slice key = slice_text("meta");
    struct kv_mark mark = core_mark(fixture->core.core);
    struct meta_row meta;
    struct arena arena;
    struct slice value;
    struct buf buf;
    struct err err;

    arena_init(&arena, 1 * MIB);
    buf_init(&buf, 1 * MIB);
    assert_int_equal(kv->get(kv->self, TABLE_META, key, &arena, &value, &err), ERR_NONE);
    assert_int_equal(protobuf_read(&meta_row_message, value, &arena, &meta, &err), ERR_NONE);
    meta.job_seq = job_seq;
    protobuf_write(&meta_row_message, &meta, &buf);
    assert_int_equal(kv->put(kv->self, TABLE_META, key, buf_slice(&buf), 0, &err), ERR_NONE);
    assert_int_equal(kv->commit(kv->self, &mark, &err), ERR_NONE);
    core_fixture_reopen(&fixture->core);
    buf_done(&buf);
    arena_done(&arena);
}

void search_fixture_init(struct search_fixture *fixture)
{
    struct view_pool_options options = {
        .path = fixture->path,
        .source = {.self = fixture, .open = open_rows, .close = close_rows},
        .env = &fixture->env,
        .wake = on_through,
        .damaged = on_damaged,
        .context = fixture,
    };
    struct err err;

    *fixture = (struct search_fixture){.dir = "/tmp/corvo_search_XXXXXX"};
    assert_non_null(mkdtemp(fixture->dir));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/view.sqlite", fixture->dir);
    fixture->env = (struct env){.self = fixture, .monotonic_ns = clock_of};
    buf_init(&fixture->reply, 64 * MIB);
    core_fixture_init(&fixture->core);
    assert_int_equal(pthread_mutex_init(&fixture->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&fixture->through, NULL), 0);
    assert_int_equal(view_pool_create(&options, &fixture->pool, &err), ERR_NONE);
}

void search_fixture_done(struct search_fixture *fixture)
{
    view_pool_destroy(fixture->pool);
    core_fixture_done(&fixture->core);
    buf_done(&fixture->reply);
    (void)pthread_cond_destroy(&fixture->through);
    (void)pthread_mutex_destroy(&fixture->lock);
    (void)unlink(fixture->path);
    (void)rmdir(fixture->dir);
}
