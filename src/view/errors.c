/* Groups of errors: see query.h. Errors are looked at from the newest back, so that what does not
 * fit a bound is what was seen least recently. */
#include "base/limits.h"
#include "core/key.h"
#include "view/plan.h"
#include "view/query.h"
#include "view/sql.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS (4 * ERROR_GROUPS_MAX) /* Of the table of groups. */
#define MS_NS(ms_) ((ms_) * NS_PER_MS)

struct errors_query {
    struct page_query page;  /* First. */
    struct errors_wish wish; /* With a queue of its own. */
    struct errors_reply reply;
};

struct group {
    uint64_t fingerprint;
    uint64_t count;
    uint64_t first_ms, last_ms;
    struct slice sample;
    uint64_t queues[ERROR_GROUP_QUEUES];
    struct job_key jobs[ERROR_GROUP_JOBS];
    uint32_t queue_count, job_count;
};

struct run {
    struct errors_query *query;
    struct view_reader *reader;
    struct group *groups;
    uint32_t group_count;
    uint16_t *slots; /* 1 + number of a group; 0 = free. */
};

/* One row of the statement in `prepare`. */
struct error {
    uint64_t fingerprint;
    uint64_t at_ms;
    struct job_key job;
    uint64_t queue;
};

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for groups of errors");
}

/* --- Grouping ------------------------------------------------------------------------------------
 */

/* The group of a fingerprint; NULL when there is none and no room for one. A fingerprint is a hash
 * already. */
static struct group *find_group(struct run *run, uint64_t fingerprint)
{
    uint64_t at = fingerprint % SLOTS;

    while (run->slots[at]) {
        struct group *group = &run->groups[run->slots[at] - 1];

        if (group->fingerprint == fingerprint) {
            return group;
        }
        at = (at + 1) % SLOTS;
    }
    if (run->group_count == ERROR_GROUPS_MAX) {
        return NULL;
    }
    run->groups[run->group_count] = (struct group){.fingerprint = fingerprint};
    run->slots[at] = (uint16_t)(run->group_count + 1);
    return &run->groups[run->group_count++];
}

static void add_queue(struct group *group, uint64_t queue)
{
    for (uint32_t i = 0; i < group->queue_count; i++) {
        if (group->queues[i] == queue) {
            return;
        }
    }
    if (group->queue_count < ERROR_GROUP_QUEUES) {
        group->queues[group->queue_count++] = queue;
    }
}

static void add_job(struct group *group, struct job_key job)
{
    for (uint32_t i = 0; i < group->job_count; i++) {
        if (group->jobs[i].seq == job.seq) {
            return;
        }
    }
    if (group->job_count < ERROR_GROUP_JOBS) {
        group->jobs[group->job_count++] = job;
    }
}

static enum err_code add_error(struct run *run, const struct error *error, sqlite3_stmt *statement,
                               struct err *err)
{
    struct group *group = find_group(run, error->fingerprint);

    if (!group) {
        run->query->reply.incomplete = true;
        return ERR_NONE;
    }
    if (group->count++ == 0) {
        struct slice text = slice_text((const char *)sqlite3_column_text(statement, 5));

        group->last_ms = error->at_ms;
        if (!arena_copy(&run->query->page.arena, text, &group->sample)) {
            return no_memory(err);
        }
    }
    group->first_ms = error->at_ms;
    add_queue(group, error->queue);
    add_job(group, error->job);
    return ERR_NONE;
}

static enum err_code prepare(struct run *run, sqlite3_stmt **ret_statement, struct err *err)
{
    struct slice queue = run->query->wish.queue;
    char sql[1024];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT err.fingerprint, err.at, jobs.created, jobs.seq, jobs.queue, err.text "
                   "FROM err INDEXED BY err_at CROSS JOIN jobs ON jobs.seq = err.seq "
                   "CROSS JOIN queues ON queues.id = jobs.queue "
                   "WHERE err.at >= ?1 AND %s%s ORDER BY err.at DESC",
                   plan_not_gone, queue.size > 0 ? " AND queues.name = ?2" : "");
    if (sql_prepare(run->reader->db, sql, ret_statement, err)) {
        return err->code;
    }
    sql_bind(*ret_statement, 1, run->query->wish.since_ms);
    if (queue.size > 0) {
        sql_bind_text(*ret_statement, 2, queue);
    }
    return ERR_NONE;
}

static uint64_t number_of(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

/* A time that is over leaves what is older uncounted, and is no error. */
static enum err_code find_groups(struct run *run, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum err_code code = prepare(run, &statement, err);
    bool row = !code;

    while (!code && row) {
        code = sql_step(statement, &row, err);
        if (!code && row) {
            struct error error = {
                .fingerprint = number_of(statement, 0),
                .at_ms = number_of(statement, 1),
                .job = {.time_ns = number_of(statement, 2), .seq = number_of(statement, 3)},
                .queue = number_of(statement, 4),
            };

            code = add_error(run, &error, statement, err);
        }
    }
    (void)sqlite3_finalize(statement);
    if (code == ERR_TIMEOUT) {
        run->query->reply.incomplete = true;
        *err = (struct err){0};
        return ERR_NONE;
    }
    return code;
}

/* --- Showing -------------------------------------------------------------------------------------
 */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_count(const void *first, const void *second)
{
    const struct group *a = first, *b = second;

    if (a->count != b->count) {
        return compare(b->count, a->count);
    }
    if (a->last_ms != b->last_ms) {
        return compare(b->last_ms, a->last_ms);
    }
    return compare(a->fingerprint, b->fingerprint);
}

static enum err_code name_queue(struct run *run, uint64_t number, struct slice *ret_name,
                                struct err *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err_code code =
        sql_prepare(run->reader->db, "SELECT name FROM queues WHERE id = ?", &statement, err);

    *ret_name = slice_of(NULL, 0);
    if (!code) {
        sql_bind(statement, 1, number);
        code = sql_step(statement, &row, err);
    }
    if (!code && row &&
        !arena_copy(&run->query->page.arena,
                    slice_text((const char *)sqlite3_column_text(statement, 0)), ret_name)) {
        code = no_memory(err);
    }
    (void)sqlite3_finalize(statement);
    return code;
}

static enum err_code show_lists(struct run *run, const struct group *group,
                                struct error_group *shown, struct err *err)
{
    struct arena *arena = &run->query->page.arena;
    struct slice *queues = arena_array(arena, group->queue_count, sizeof(*queues));
    struct slice *jobs = arena_array(arena, group->job_count, sizeof(*jobs));

    if (!queues || !jobs) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < group->queue_count; i++) {
        if (name_queue(run, group->queues[i], &queues[i], err)) {
            return err->code;
        }
    }
    for (uint32_t i = 0; i < group->job_count; i++) {
        jobs[i] = job_id_text(group->jobs[i], arena);
        if (!jobs[i].data) {
            return no_memory(err);
        }
    }
    shown->queues = (struct list){.items = queues, .count = group->queue_count};
    shown->job_ids = (struct list){.items = jobs, .count = group->job_count};
    return ERR_NONE;
}

static enum err_code show(struct run *run, struct err *err)
{
    struct errors_query *query = run->query;
    uint32_t count = run->group_count < query->wish.limit ? run->group_count : query->wish.limit;
    struct error_group *shown = arena_array(&query->page.arena, count, sizeof(*shown));

    if (!shown) {
        return no_memory(err);
    }
    qsort(run->groups, run->group_count, sizeof(*run->groups), by_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct group *group = &run->groups[i];
        char *text = arena_printf(&query->page.arena, "%016" PRIx64, group->fingerprint);

        if (!text) {
            return no_memory(err);
        }
        shown[i] = (struct error_group){
            .fingerprint = slice_text(text),
            .sample = group->sample,
            .count = group->count,
            .first_seen = MS_NS(group->first_ms),
            .last_seen = MS_NS(group->last_ms),
        };
        if (show_lists(run, group, &shown[i], err)) {
            return err->code;
        }
    }
    query->reply.groups = (struct list){.items = shown, .count = count};
    query->reply.view_index = run->reader->index;
    query->page.view_index = run->reader->index;
    query->reply.incomplete = query->reply.incomplete || run->reader->incomplete;
    query->page.incomplete = query->reply.incomplete;
    json_write(&errors_reply_message, JSON_REST, &query->reply, &query->page.json);
    return query->page.json.failed ? no_memory(err) : ERR_NONE;
}

/* --- Queries -------------------------------------------------------------------------------------
 */

static enum err_code run_errors(struct view_query *self, struct view_reader *reader,
                                struct err *err)
{
    struct errors_query *query = (struct errors_query *)self;
    struct run run = {
        .query = query,
        .reader = reader,
        .groups = malloc(ERROR_GROUPS_MAX * sizeof(*run.groups)),
        .slots = calloc(SLOTS, sizeof(*run.slots)),
    };
    enum err_code code;

    if (!run.groups || !run.slots) {
        code = no_memory(err);
    } else {
        code = find_groups(&run, err);
        code = code ? code : show(&run, err);
    }
    free(run.groups);
    free(run.slots);
    return code;
}

enum err_code errors_query_create(const struct errors_wish *wish, struct page_query **ret_query,
                                  struct err *err)
{
    struct errors_query *query = calloc(1, sizeof(*query));

    if (!query) {
        return no_memory(err);
    }
    query->wish = *wish;
    if (query->wish.limit > ERROR_GROUPS_SHOWN) {
        query->wish.limit = ERROR_GROUPS_SHOWN;
    }
    query->page.query.run = run_errors;
    query->page.query.slow = true;
    arena_init(&query->page.arena, ERROR_GROUPS_ARENA_MAX);
    buf_init(&query->page.json, ERROR_GROUPS_ARENA_MAX);
    if (!arena_copy(&query->page.arena, wish->queue, &query->wish.queue)) {
        page_query_destroy(&query->page);
        return no_memory(err);
    }
    *ret_query = &query->page;
    return ERR_NONE;
}
