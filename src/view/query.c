/* Searches: a page of the jobs that match, and how many there are. See query.h.
 *
 * The view says which jobs may match and in which order; each is read from its rows, which decide,
 * because they are as new as the view or newer. */
#include "view/query.h"

#include "base/limits.h"
#include "base/reply.h"
#include "core/job.h"
#include "core/job_move.h"
#include "view/match.h"
#include "view/plan.h"
#include "view/replies.h"
#include "view/sql.h"
#include "wire/json.h"

#include <stdlib.h>

#define QUEUES_KEPT 64
#define PIECE_GROWTH 4 /* The next piece of a sorted page is larger. */

struct search_query {
    struct page_query page; /* First. */
    struct search_body body;
    struct search search;
    struct search_reply reply; /* The end of the answer. */
};

/* A search while it runs. */
struct run {
    struct search_query *query;
    struct view_reader *reader;
    struct plan plan;
    struct job_rows rows;
    struct arena arena; /* Of one row: emptied for each. */
    struct buf compact; /* A payload without white space. */
    struct match_text payload, error;
    struct kept_queue {
        uint64_t number; /* 0 = none. */
        struct queue_row row;
        uint8_t name[QUEUE_NAME_MAX]; /* Of the row. */
    } queues[QUEUES_KEPT];
    uint32_t shown;
    uint32_t rows_seen; /* Of the last statement. */
    bool has_more;      /* There is a job behind the page. */
    bool incomplete;    /* The time is over. */
    bool has_last;
    struct search_place last; /* Up to where the rows were looked at. */
};

/* --- One row -------------------------------------------------------------------------------------
 */

/* The queue of a job; NULL in *ret_row when it has none any more. */
static enum err_code find_queue(struct run *run, uint64_t number, const struct queue_row **ret_row,
                                struct err *err)
{
    struct kept_queue *kept = &run->queues[number % QUEUES_KEPT];
    struct row_key key = number_row_key(number);
    struct slice value;

    *ret_row = &kept->row;
    if (kept->number == number) {
        return ERR_NONE;
    }
    if (job_rows_get(&run->rows, TABLE_QUEUE, &key, &value, err)) {
        return err->code;
    }
    if (!value.data) {
        *ret_row = NULL;
        return ERR_NONE;
    }
    kept->number = 0;
    if (protobuf_read(&queue_row_message, value, run->rows.arena, &kept->row, err) ||
        kept->row.name.size > sizeof(kept->name)) {
        return err_set(err, ERR_CORRUPT, "the row of a queue does not decode");
    }
    /* It outlives the arena of the row. */
    memcpy(kept->name, kept->row.name.data, kept->row.name.size);
    kept->row.name.data = kept->name;
    kept->number = number;
    return ERR_NONE;
}

/* The job's row, live or done; ret_job->state is JOB_NONE when there is none. It is looked for
 * first where the view says that it was. */
static enum err_code read_job(struct run *run, const struct plan_row *row, struct row_key key,
                              struct job *ret_job, struct err *err)
{
    bool was_done = job_state_is_terminal((enum job_state)row->state);
    struct slice value;

    ret_job->state = JOB_NONE;
    if (job_rows_get(&run->rows, was_done ? TABLE_DONE : TABLE_JOB, &key, &value, err)) {
        return err->code;
    }
    if (!value.data &&
        job_rows_get(&run->rows, was_done ? TABLE_JOB : TABLE_DONE, &key, &value, err)) {
        return err->code;
    }
    if (!value.data) {
        return ERR_NONE;
    }
    return job_row_read(row_key_slice(&key), value, run->rows.arena, ret_job, err);
}

/* As it means to be: without white space and escapes of what is not ASCII, and {} when the job has
 * none of its own. Few payloads match, so they are looked at before the rest of the job. */
static enum err_code match_payload(struct run *run, struct row_key key, bool *ret_matches,
                                   struct err *err)
{
    struct slice payload;
    bool failed = false;

    *ret_matches = true;
    if (run->payload.lower.size == 0) {
        return ERR_NONE;
    }
    if (job_rows_get(&run->rows, TABLE_PAYLOAD, &key, &payload, err)) {
        return err->code;
    }
    buf_clear(&run->compact);
    json_write_compact(&run->compact, payload.data ? payload : slice_text("{}"));
    *ret_matches =
        match_text_in(&run->payload, match_decode(run->compact.data, run->compact.size), &failed);
    if (failed || run->compact.failed) {
        return err_set(err, ERR_NOMEM, "no memory to look at a payload");
    }
    return ERR_NONE;
}

static enum err_code match_errors(struct run *run, const struct job *job, bool *ret_matches,
                                  struct err *err)
{
    struct error_row row;
    bool failed = false;

    *ret_matches = false;
    for (uint32_t id = job_first_error(job); id <= job->error_count && !*ret_matches; id++) {
        if (job_read_error(&run->rows, job, id, &row, err)) {
            return err->code;
        }
        *ret_matches = error_row_is_error(&row) && match_text_in(&run->error, row.error, &failed);
    }
    return failed ? err_set(err, ERR_NOMEM, "no memory to look at an error") : ERR_NONE;
}

static enum err_code match_more(struct run *run, const struct job *job, bool *ret_matches,
                                struct err *err)
{
    const struct search *search = &run->query->search;
    struct job_more more;

    *ret_matches = true;
    if (search->tags.count + search->tags_any.count > 0) {
        if (job_read_more(&run->rows, job, &more, err) ||
            match_tags(search, more.tags, run->rows.arena, ret_matches, err)) {
            return err->code;
        }
    }
    if (*ret_matches && run->error.lower.size > 0) {
        return match_errors(run, job, ret_matches, err);
    }
    return ERR_NONE;
}

/* The job of a row if it matches; else ret_job->state is JOB_NONE. */
static enum err_code examine(struct run *run, struct plan_row row, struct job *ret_job,
                             const struct queue_row **ret_queue, struct err *err)
{
    const struct plan *plan = &run->plan;
    struct job_key job_key = {.time_ns = row.created, .seq = row.seq};
    struct row_key key = job_row_key(job_key);
    bool matches;

    ret_job->state = JOB_NONE;
    arena_clear(&run->arena);
    if (match_payload(run, key, &matches, err) ||
        (matches && read_job(run, &row, key, ret_job, err))) {
        return err->code;
    }
    if (ret_job->state == JOB_NONE) {
        return ERR_NONE;
    }
    matches = false;
    if (find_queue(run, ret_job->queue, ret_queue, err)) {
        return err->code;
    }
    if (*ret_queue && !job_is_gone(*ret_queue, ret_job) &&
        match_job(plan->search, plan->queue, plan->states, ret_job) &&
        match_more(run, ret_job, &matches, err)) {
        return err->code;
    }
    if (!matches) {
        ret_job->state = JOB_NONE;
    }
    return ERR_NONE;
}

/* --- Page ----------------------------------------------------------------------------------------
 */

static enum err_code show(struct run *run, const struct job *job, const struct queue_row *queue,
                          struct err *err)
{
    struct buf *reply = &run->query->page.json;
    struct job_object object;

    if (job_read_object(&run->rows, job, queue->name, &object, err)) {
        return err->code;
    }
    (void)buf_add_text(reply, run->shown > 0 ? "," : "");
    json_write(&job_summary_message, JSON_REST, &object, reply);
    run->shown++;
    return reply->failed ? err_set(err, ERR_NOMEM, "no memory for the reply") : ERR_NONE;
}

static bool is_full(const struct run *run)
{
    return run->shown >= run->query->search.limit ||
           run->query->page.json.size >= SEARCH_REPLY_SIZE_MAX;
}

/* One row of the view; *ret_end when the page ends before it. */
static enum err_code take_row(struct run *run, struct plan_row row, bool *ret_end, struct err *err)
{
    const struct queue_row *queue;
    struct job job;

    if (examine(run, row, &job, &queue, err)) {
        return err->code;
    }
    if (job.state != JOB_NONE && is_full(run)) {
        run->has_more = true;
        *ret_end = true;
        return ERR_NONE;
    }
    if (job.state != JOB_NONE && show(run, &job, queue, err)) {
        return err->code;
    }
    run->has_last = true;
    run->last = (struct search_place){.value = row.value, .seq = row.seq};
    return ERR_NONE;
}

/* Steps through one statement. */
static enum err_code take_rows(struct run *run, sqlite3_stmt *statement, bool *ret_end,
                               struct err *err)
{
    bool row = true;

    for (run->rows_seen = 0; !*ret_end; run->rows_seen++) {
        if (sql_step(statement, &row, err)) {
            return err->code;
        }
        if (!row) {
            return ERR_NONE;
        }
        if (view_reader_is_late(run->reader)) {
            return err_set(err, ERR_TIMEOUT, "the search's time is over");
        }
        if (take_row(run, plan_row_of(statement), ret_end, err)) {
            return err->code;
        }
    }
    return ERR_NONE;
}

static enum err_code run_statement(struct run *run, uint32_t n, bool *ret_end, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum err_code code = plan_prepare(&run->plan, PLAN_PAGE, n, &statement, err);

    if (!code) {
        code = take_rows(run, statement, ret_end, err);
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* Few of the rows do not match, as a rule, so the first piece is enough. */
static enum err_code take_pieces(struct run *run, bool *ret_end, struct err *err)
{
    struct plan *plan = &run->plan;
    enum err_code code;

    plan->rows_max = run->query->search.limit + 1;
    do {
        code = run_statement(run, 0, ret_end, err);
        plan->has_place = run->has_last;
        plan->place = run->last;
        plan->rows_max *= PIECE_GROWTH;
    } while (!code && !*ret_end && run->rows_seen >= plan->rows_max / PIECE_GROWTH);
    return code;
}

static enum err_code take_statements(struct run *run, struct err *err)
{
    uint32_t count = plan_statements(&run->plan, PLAN_PAGE);
    enum err_code code = ERR_NONE;
    bool end = false;

    if (run->plan.sorts && count > 0) {
        return take_pieces(run, &end, err);
    }
    for (uint32_t n = 0; n < count && !end && !code; n++) {
        code = run_statement(run, n, &end, err);
    }
    return code;
}

/* A time that is over is no error. */
static enum err_code find_page(struct run *run, struct err *err)
{
    enum err_code code;

    (void)buf_add_text(&run->query->page.json, "{\"jobs\":[");
    code = take_statements(run, err);
    (void)buf_add_byte(&run->query->page.json, ']');
    if (code == ERR_TIMEOUT) {
        run->incomplete = true;
        run->has_more = run->has_last;
        *err = (struct err){0};
    }
    return code == ERR_TIMEOUT ? ERR_NONE : code;
}

/* --- Count ---------------------------------------------------------------------------------------
 */

struct total {
    uint64_t count;
    bool exact;
};

static bool reads_texts(const struct run *run)
{
    return run->payload.lower.size > 0 || run->error.lower.size > 0;
}

/* Counts the rows of one statement, up to a bound; with texts, those whose job matches. */
static enum err_code count_rows(struct run *run, sqlite3_stmt *statement, uint64_t max,
                                struct total *total, struct err *err)
{
    const struct queue_row *queue;
    struct job job = {.state = JOB_PENDING};
    bool row = true;

    while (total->count <= max) {
        if (sql_step(statement, &row, err)) {
            return err->code;
        }
        if (!row) {
            return ERR_NONE;
        }
        if (reads_texts(run)) {
            if (view_reader_is_late(run->reader)) {
                return err_set(err, ERR_TIMEOUT, "the search's time is over");
            }
            if (examine(run, plan_row_of(statement), &job, &queue, err)) {
                return err->code;
            }
        }
        total->count += job.state != JOB_NONE ? 1 : 0;
    }
    return ERR_NONE;
}

static enum err_code count_all(struct run *run, uint64_t max, struct total *ret_total,
                               struct err *err)
{
    uint32_t count = plan_statements(&run->plan, PLAN_COUNT);
    struct total total = {.exact = true};
    enum err_code code = ERR_NONE;

    for (uint32_t n = 0; n < count && !code && total.count <= max; n++) {
        sqlite3_stmt *statement = NULL;

        code = plan_prepare(&run->plan, PLAN_COUNT, n, &statement, err);
        if (!code) {
            code = count_rows(run, statement, max, &total, err);
        }
        (void)sqlite3_finalize(statement);
    }
    if (code == ERR_TIMEOUT) {
        total.exact = false;
        code = ERR_NONE;
        *err = (struct err){0};
    }
    if (total.count > max) {
        total = (struct total){.count = max, .exact = false};
    }
    *ret_total = total;
    return code;
}

/* A page that begins at the start and has nothing behind it is a count already. Counting may take a
 * moment, and texts are not looked for in more jobs than the page needs, unless all are to be
 * counted. What was not counted is at least what is shown. */
static enum err_code find_total(struct run *run, struct total *ret_total, struct err *err)
{
    const struct search *search = &run->query->search;
    bool all = search->body->count == SEARCH_COUNT_EXACT;
    bool whole = !search->has_place && !run->has_more && !run->incomplete;

    if (whole || run->incomplete || (reads_texts(run) && !all)) {
        *ret_total = (struct total){.count = run->shown, .exact = whole};
        return ERR_NONE;
    }
    if (!all) {
        view_reader_hurry(run->reader, SEARCH_COUNT_MS);
    }
    return count_all(run, all ? UINT64_MAX - 1 : SEARCH_COUNT_MAX, ret_total, err);
}

/* --- All of it -----------------------------------------------------------------------------------
 */

static enum err_code fill_reply(struct run *run, const struct total *total, struct err *err)
{
    struct search_reply *reply = &run->query->reply;

    *reply = (struct search_reply){
        .total = total->count,
        .total_exact = total->exact && !run->reader->incomplete,
        .has_more = run->has_more,
        .incomplete = run->incomplete || run->reader->incomplete,
        .view_index = run->reader->index,
    };
    run->query->page.view_index = reply->view_index;
    run->query->page.incomplete = reply->incomplete;
    if (run->has_more) {
        reply->cursor = search_cursor(&run->query->search, run->last, &run->query->page.arena);
    }
    return run->has_more && !reply->cursor.data
               ? err_set(err, ERR_NOMEM, "the search needs more memory than a request may use")
               : ERR_NONE;
}

static enum err_code carry_out(struct run *run, struct err *err)
{
    struct search_query *query = run->query;
    struct total total;

    if (!match_text_make(query->body.payload_contains, &query->page.arena, &run->payload) ||
        !match_text_make(query->body.error_contains, &query->page.arena, &run->error)) {
        return err_set(err, ERR_NOMEM, "the search needs more memory than a request may use");
    }
    if (plan_make(&query->search, run->reader->db, &query->page.arena, &run->plan, err) ||
        find_page(run, err) || find_total(run, &total, err)) {
        return err->code;
    }
    return fill_reply(run, &total, err);
}

static enum err_code run_search(struct view_query *self, struct view_reader *reader,
                                struct err *err)
{
    struct search_query *query = (struct search_query *)self;
    struct run run = {.query = query, .reader = reader};
    enum err_code code;

    arena_init(&run.arena, SEARCH_ROW_MAX);
    buf_init(&run.compact, SEARCH_ROW_MAX);
    run.rows = (struct job_rows){
        .self = reader->rows->self, .get = reader->rows->get, .arena = &run.arena};
    code = carry_out(&run, err);
    buf_done(&run.compact);
    arena_done(&run.arena);
    return code;
}

/* The rest is an object of its own, whose brace becomes a comma. */
static void finish_search(struct page_query *page, const struct page_figures *figures)
{
    struct search_query *query = (struct search_query *)page;
    size_t size = page->json.size;

    query->reply.duration_ms = figures->duration_ms;
    query->reply.view_lag_ms = figures->lag_ms;
    json_write(&search_rest_message, JSON_REST, &query->reply, &page->json);
    if (!page->json.failed) {
        page->json.data[size] = ',';
    }
}

static enum err_code read_body(struct search_query *query, struct slice body, struct err *err)
{
    struct arena *arena = &query->page.arena;
    struct slice copy;

    if (body.size > SEARCH_BODY_MAX) {
        return err_reply(err, REPLY_BODY_TOO_LARGE, "the body of a search has at most %zu bytes",
                         (size_t)SEARCH_BODY_MAX);
    }
    if (!arena_copy(arena, body, &copy)) {
        return err_set(err, ERR_NOMEM, "no memory for a search");
    }
    if (json_read(&search_body_message, JSON_REST, copy, arena, &query->body, err)) {
        return err->code;
    }
    return search_check(&query->body, arena, &query->search, err);
}

/* True if it may look at very many jobs. */
static bool is_slow(const struct search_body *body)
{
    for (uint32_t i = SEARCH_SCHEDULED; i < SEARCH_TIME_COUNT; i++) {
        if (search_has(body, SEARCH_HAS_AFTER + i) || search_has(body, SEARCH_HAS_BEFORE + i)) {
            return true;
        }
    }
    return body->payload_contains.size > 0 || body->error_contains.size > 0 ||
           body->sort != SEARCH_BY_CREATED_AT || body->count == SEARCH_COUNT_EXACT ||
           search_has(body, SEARCH_HAS_PRIORITY) || search_has(body, SEARCH_HAS_ATTEMPT_MIN) ||
           search_has(body, SEARCH_HAS_ATTEMPT_MAX);
}

enum err_code search_query_create(struct slice body, struct page_query **ret_query, struct err *err)
{
    struct search_query *query = calloc(1, sizeof(*query));

    if (!query) {
        return err_set(err, ERR_NOMEM, "no memory for a search");
    }
    query->page.query.run = run_search;
    query->page.finish = finish_search;
    arena_init(&query->page.arena, SEARCH_ARENA_MAX);
    buf_init(&query->page.json, SEARCH_REPLY_SIZE_MAX + SEARCH_ROW_MAX);
    if (read_body(query, body, err)) {
        page_query_destroy(&query->page);
        return err->code;
    }
    query->page.query.slow = is_slow(&query->body);
    *ret_query = &query->page;
    return ERR_NONE;
}

void page_query_finish(struct page_query *query, const struct page_figures *figures)
{
    if (query->finish) {
        query->finish(query, figures);
    }
}

void page_query_destroy(struct page_query *query)
{
    if (query) {
        arena_done(&query->arena);
        buf_done(&query->json);
        free(query);
    }
}
