/* A core over a real store, and what a view of it must say: see view_fixture.h. */
#include "tests/unit/view_fixture.h"

#include "base/limits.h"
#include "core/job_move.h"
#include "core/job_read.h"
#include "view/schema.h"
#include "view/search.h"
#include "view/sql.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

void view_fixture_init(struct view_fixture *fixture)
{
    struct store_options options = {.dir = fixture->dir};

    memset(fixture, 0, sizeof(*fixture));
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/corvo-view-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/view/view.sqlite", fixture->dir);
    options.tables = core_tables(&options.table_count);
    assert_int_equal(store_open(&options, &fixture->store, &fixture->err), ERR_NONE);
    core_fixture_init(&fixture->core);
    fixture->core.fault.below = store_kv(fixture->store); /* Nothing is written so far. */
}

void view_fixture_done(struct view_fixture *fixture)
{
    assert_int_equal(fixture->readers, 0);
    core_fixture_done(&fixture->core);
    store_close(fixture->store, false);
    (void)nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *view_fixture_run(struct view_fixture *fixture, const char *op, const char *json)
{
    static char id[JOB_ID_MAX];
    const struct op_result *result;

    fixture->core.now_ns += NS_PER_MS;
    result = core_fixture_run(&fixture->core, op, json);
    if (result->err.code) {
        fail_msg("%s %s: %s", op, json, result->err.text);
    }
    id[0] = '\0';
    if (result->spec == &op_enqueue_spec) {
        const struct op_enqueue_reply *reply = result->reply;

        (void)snprintf(id, sizeof(id), "%.*s", (int)reply->job_id.size,
                       (const char *)reply->job_id.data);
    }
    return id;
}

void view_fixture_claim(struct view_fixture *fixture, const char *queue, const char *worker,
                        char ret_token[static 65])
{
    const struct op_fetch_reply *reply;
    const struct op_fetch_job *jobs;
    char json[256];

    (void)snprintf(json, sizeof(json), "{\"queues\":[\"%s\"],\"worker_id\":\"%s\"}", queue, worker);
    fixture->core.now_ns += NS_PER_MS;
    reply = core_fixture_run(&fixture->core, "fetch", json)->reply;
    assert_non_null(reply);
    assert_int_equal(reply->jobs.count, 1);
    jobs = reply->jobs.items;
    (void)snprintf(ret_token, 65, "%.*s", (int)jobs[0].lease_token.size,
                   (const char *)jobs[0].lease_token.data);
}

uint64_t view_fixture_write(struct view_fixture *fixture)
{
    assert_int_equal(store_drain(fixture->store, false, &fixture->err), ERR_NONE);
    return store_written_index(fixture->store);
}

/* --- Readers that fail ---------------------------------------------------------------------------
 */

struct fault_reader {
    struct kv_reader kv;
    struct kv_reader *below;
    struct view_fixture *fixture;
};

static bool fails(struct view_fixture *fixture, struct err *err)
{
    if (atomic_load(&fixture->fail_at) == 0 || atomic_fetch_sub(&fixture->fail_at, 1) != 1) {
        return false;
    }
    (void)err_set(err, ERR_IO, "planted failure");
    return true;
}

static enum err_code fault_get(void *self, uint8_t table, struct slice key, struct arena *arena,
                               struct slice *ret_value, struct err *err)
{
    struct fault_reader *reader = self;

    return fails(reader->fixture, err)
               ? err->code
               : reader->below->get(reader->below->self, table, key, arena, ret_value, err);
}

static enum err_code fault_scan(void *self, uint8_t table, struct slice from, kv_row_fn row,
                                void *context, struct err *err)
{
    struct fault_reader *reader = self;

    return fails(reader->fixture, err)
               ? err->code
               : reader->below->scan(reader->below->self, table, from, row, context, err);
}

static enum err_code fault_changes(void *self, uint64_t after, kv_change_fn change, void *context,
                                   struct err *err)
{
    struct fault_reader *reader = self;

    return fails(reader->fixture, err)
               ? err->code
               : reader->below->changes(reader->below->self, after, change, context, err);
}

static enum err_code open_rows(void *self, struct kv_reader **ret_reader, struct err *err)
{
    struct view_fixture *fixture = self;
    struct fault_reader *reader;
    struct kv_reader *below;

    if (fails(fixture, err) || store_reader_open(fixture->store, &below, err)) {
        return err->code;
    }
    reader = calloc(1, sizeof(*reader));
    assert_non_null(reader);
    *reader = (struct fault_reader){.kv = *below, .below = below, .fixture = fixture};
    reader->kv.self = reader;
    reader->kv.get = fault_get;
    reader->kv.scan = fault_scan;
    reader->kv.changes = fault_changes;
    (void)__atomic_add_fetch(&fixture->readers, 1, __ATOMIC_SEQ_CST);
    *ret_reader = &reader->kv;
    return ERR_NONE;
}

static void close_rows(void *self, struct kv_reader *kv)
{
    struct view_fixture *fixture = self;
    struct fault_reader *reader = kv->self;

    store_reader_close(reader->below);
    free(reader);
    (void)__atomic_sub_fetch(&fixture->readers, 1, __ATOMIC_SEQ_CST);
}

struct view_source view_fixture_source(struct view_fixture *fixture)
{
    return (struct view_source){fixture, open_rows, close_rows};
}

/* --- What the file must say ----------------------------------------------------------------------
 */

struct comparison {
    sqlite3 *db;
    struct kv_reader *rows;
    struct arena arena;
    uint64_t jobs, queues, errors;
};

static int64_t number(struct comparison *compare, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int64_t number(struct comparison *compare, const char *format, ...)
{
    char text[512];
    int64_t value = -1;
    va_list list;
    struct err err;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (sql_number(compare->db, text, &value, &err)) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

/* A column is `want`, or NULL when that is 0. */
static void column_is(struct comparison *compare, uint64_t seq, const char *name, uint64_t want)
{
    int64_t same = number(compare,
                          "SELECT coalesce(%s, 0) = %" PRIu64 " AND (%s IS NULL) <= (%d) FROM jobs "
                          "WHERE seq = %" PRIu64,
                          name, want, name, want == 0, seq);

    if (same != 1) {
        fail_msg("job %" PRIu64 ": %s is not %" PRIu64 ", but %" PRId64, seq, name, want,
                 number(compare, "SELECT %s FROM jobs WHERE seq = %" PRIu64, name, seq));
    }
}

static void has_token(struct comparison *compare, uint64_t seq, struct view_token token)
{
    char terms[VIEW_TERMS_NAME_MAX];

    view_terms_name(view_part(seq), terms);
    if (number(compare, "SELECT count(*) FROM %s WHERE %s MATCH '%s' AND rowid = %" PRIu64, terms,
               terms, token.text, seq) != 1) {
        fail_msg("job %" PRIu64 " is not found by %s", seq, token.text);
    }
}

struct tag_check {
    struct comparison *compare;
    uint64_t seq;
};

static enum err_code check_tag(void *context, const struct search_tag *tag, struct err *err)
{
    struct tag_check *check = context;

    (void)err;
    has_token(check->compare, check->seq, view_token_tag(tag->key, tag->value));
    return ERR_NONE;
}

static void check_columns(struct comparison *compare, const struct job *job)
{
    uint64_t seq = job->key.seq;
    bool held = job->state == JOB_HELD;

    column_is(compare, seq, "created", job->key.time_ns);
    column_is(compare, seq, "queue", job->queue);
    column_is(compare, seq, "state", job->state);
    column_is(compare, seq, "priority", job->priority);
    column_is(compare, seq, "attempt", job->attempt);
    column_is(compare, seq, "moved", job->move_seq);
    column_is(compare, seq, "started", job->started_at / NS_PER_MS);
    column_is(compare, seq, "completed", job->completed_at / NS_PER_MS);
    column_is(compare, seq, "run_at", job->run_at / NS_PER_MS);
    column_is(compare, seq, "expire_at", job->expire_at / NS_PER_MS);
    column_is(compare, seq, "held_at", held ? job->hold.at / NS_PER_MS : 0);
    column_is(compare, seq, "hold_kind", held ? job->hold.kind : 0);
    column_is(compare, seq, "worker",
              job_shows_worker(job) ? view_worker_number(job->worker_id) : 0);
}

static void check_terms(struct comparison *compare, const struct job *job,
                        const struct job_rows *rows)
{
    struct tag_check check = {compare, job->key.seq};
    struct job_more more;
    struct err err;

    has_token(compare, check.seq, view_token_number(VIEW_TERM_QUEUE, job->queue));
    if (job->unique.key.size > 0) {
        has_token(compare, check.seq, view_token_of(VIEW_TERM_UNIQUE, job->unique.key));
    }
    if (job->state >= JOB_COMPLETED) {
        has_token(compare, check.seq, view_token_number(VIEW_TERM_STATE, job->state));
    }
    if (job->state == JOB_HELD) {
        has_token(compare, check.seq, view_token_number(VIEW_TERM_HOLD, job->hold.kind));
    }
    if (job_shows_worker(job)) {
        has_token(compare, check.seq, view_token_of(VIEW_TERM_WORKER, job->worker_id));
    }
    assert_int_equal(job_read_more(rows, job, &more, &err), ERR_NONE);
    assert_int_equal(search_each_tag(more.tags, rows->arena, check_tag, &check, &err), ERR_NONE);
}

static void check_errors(struct comparison *compare, const struct job *job,
                         const struct job_rows *rows)
{
    for (uint32_t id = job_first_error(job); id <= job->error_count; id++) {
        struct error_row row;
        uint64_t fingerprint;
        struct err err;

        assert_int_equal(job_read_error(rows, job, id, &row, &err), ERR_NONE);
        if (!error_row_is_error(&row)) {
            continue;
        }
        compare->errors++;
        fingerprint = (uint64_t)number(compare,
                                       "SELECT fingerprint FROM err WHERE seq = %" PRIu64
                                       " AND id = %u AND at = %" PRIu64,
                                       job->key.seq, id, row.created_at / NS_PER_MS);
        has_token(compare, job->key.seq, view_token_number(VIEW_TERM_ERROR, fingerprint));
        assert_int_equal(number(compare,
                                "SELECT length(CAST(text AS BLOB)) FROM err WHERE seq = %" PRIu64
                                " AND id = %u AND whole = %d",
                                job->key.seq, id, row.error.size <= VIEW_ERROR_TEXT_MAX),
                         row.error.size <= VIEW_ERROR_TEXT_MAX ? row.error.size
                                                               : VIEW_ERROR_TEXT_MAX);
    }
}

static enum err_code check_job(void *context, struct slice key, struct slice value, struct err *err)
{
    struct comparison *compare = context;
    struct job_rows rows = {compare->rows->self, compare->rows->get, &compare->arena};
    struct job job;

    assert_int_equal(job_row_read(key, value, &compare->arena, &job, err), ERR_NONE);
    compare->jobs++;
    check_columns(compare, &job);
    check_terms(compare, &job, &rows);
    check_errors(compare, &job, &rows);
    arena_clear(&compare->arena);
    return ERR_NONE;
}

static enum err_code check_queue(void *context, struct slice key, struct slice value,
                                 struct err *err)
{
    struct comparison *compare = context;
    struct queue_row queue;
    uint64_t id;

    assert_true(number_key_read(key, &id));
    assert_int_equal(protobuf_read(&queue_row_message, value, &compare->arena, &queue, err),
                     ERR_NONE);
    compare->queues++;
    assert_int_equal(number(compare,
                            "SELECT count(*) FROM queues WHERE id = %" PRIu64
                            " AND name = '%.*s' AND cleared_below = %" PRIu64
                            " AND destroyed_below = %" PRIu64,
                            id, (int)queue.name.size, (const char *)queue.name.data,
                            queue.cleared_below, queue.destroyed_below),
                     1);
    return ERR_NONE;
}

void view_fixture_compare(struct view_fixture *fixture)
{
    struct comparison compare = {0};
    struct err err;

    arena_init(&compare.arena, 8 * MIB);
    assert_int_equal(sql_open(fixture->path, SQL_READ, &compare.db, &err), ERR_NONE);
    assert_int_equal(store_reader_open(fixture->store, &compare.rows, &err), ERR_NONE);
    assert_int_equal(number(&compare, "SELECT idx FROM meta"), compare.rows->mark.index);
    assert_int_equal(number(&compare, "SELECT complete FROM meta"), 1);
    assert_true((uint64_t)number(&compare, "SELECT state_hash FROM meta") ==
                compare.rows->mark.state_hash);
    (void)compare.rows->scan(compare.rows->self, TABLE_QUEUE, slice_of(NULL, 0), check_queue,
                             &compare, &err);
    (void)compare.rows->scan(compare.rows->self, TABLE_JOB, slice_of(NULL, 0), check_job, &compare,
                             &err);
    (void)compare.rows->scan(compare.rows->self, TABLE_DONE, slice_of(NULL, 0), check_job, &compare,
                             &err);
    assert_int_equal(number(&compare, "SELECT count(*) FROM jobs"), compare.jobs);
    assert_int_equal(number(&compare, "SELECT count(*) FROM queues"), compare.queues);
    assert_int_equal(number(&compare, "SELECT count(*) FROM err"), compare.errors);
    store_reader_close(compare.rows);
    sql_close(compare.db);
    arena_done(&compare.arena);
}
