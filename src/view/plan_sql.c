/* Plans to statements: see plan.h. By creation every drive but PLAN_COMPLETED gives its rows in
 * order, so that a page stops when it is full; other orders sort all rows that match. */
#include "base/limits.h"
#include "core/job.h"
#include "view/plan.h"
#include "view/schema.h"
#include "view/sql.h"

#include <inttypes.h>
#include <stdio.h>

#define SQL_MAX (256 * KIB)
#define VALUES_MAX 64

_Static_assert(JOB_PENDING == 1 && JOB_SCHEDULED == 2 && JOB_RETRYING == 4,
               "these are what a clear takes");
const char plan_not_gone[] =
    "(queues.destroyed_below = 0 OR jobs.moved > queues.destroyed_below) AND "
    "NOT (queues.cleared_below > 0 AND jobs.moved <= queues.cleared_below AND "
    "jobs.state IN (1, 2, 4))";

_Static_assert(JOB_HELD == 5 && JOB_COMPLETED == 6 && JOB_STATE_COUNT == 9,
               "the view's indexes of live jobs say state < 6");

/* What is sorted by, as it is shown and compared; 0 = unset. */
static const char *const sort_values[SEARCH_SORT_COUNT] = {
    [SEARCH_BY_CREATED_AT] = "0",
    [SEARCH_BY_PRIORITY] = "jobs.priority",
    [SEARCH_BY_STARTED_AT] = "coalesce(jobs.started, 0)",
    [SEARCH_BY_COMPLETED_AT] = "coalesce(jobs.completed, 0)",
    [SEARCH_BY_ATTEMPT] = "jobs.attempt",
};

/* Times that are columns, in milliseconds; created is a range of sequences. */
static const char *const time_columns[SEARCH_TIME_COUNT] = {
    [SEARCH_SCHEDULED] = "run_at", [SEARCH_STARTED] = "started", [SEARCH_COMPLETED] = "completed",
    [SEARCH_EXPIRE] = "expire_at", [SEARCH_HELD] = "held_at",
};

/* A statement in the making. Its values are numbered, so that the legs of a union share them. */
struct writer {
    const struct plan *plan;
    enum plan_purpose purpose;
    struct buf sql;
    struct buf conditions; /* All that a leg has to fulfil beside its own. */
    struct value {
        uint64_t number;
        struct slice text; /* NULL data: it is a number. */
    } values[VALUES_MAX];
    int count;
};

static enum plan_drive drive_of(const struct plan *plan, enum plan_purpose purpose)
{
    return purpose == PLAN_COUNT ? plan->counts : plan->drive;
}

/* --- Conditions ----------------------------------------------------------------------------------
 */

static int add_value(struct writer *writer, struct value value)
{
    assert(writer->count < VALUES_MAX);
    writer->values[writer->count++] = value;
    return writer->count;
}

/* The position of a value that is bound. Times beyond what SQLite's numbers hold are the last one.
 */
static int number(struct writer *writer, uint64_t value)
{
    return add_value(writer, (struct value){.number = value < INT64_MAX ? value : INT64_MAX});
}

static int text(struct writer *writer, struct slice value)
{
    return add_value(writer,
                     (struct value){.text = slice_of(value.data ? value.data : (const uint8_t *)"",
                                                     value.size)});
}

static void add_states(struct writer *writer)
{
    const char *before = " AND jobs.state IN (";

    for (uint32_t state = JOB_PENDING; state < JOB_STATE_COUNT; state++) {
        if (writer->plan->states >> state & 1) {
            (void)buf_printf(&writer->conditions, "%s%" PRIu32, before, state);
            before = ", ";
        }
    }
    (void)buf_add_byte(&writer->conditions, ')');
}

static void add_times(struct writer *writer)
{
    const struct search_body *body = writer->plan->search->body;

    for (uint32_t i = SEARCH_SCHEDULED; i < SEARCH_TIME_COUNT; i++) {
        if (search_has(body, SEARCH_HAS_AFTER + i)) {
            (void)buf_printf(&writer->conditions, " AND jobs.%s > ?%d", time_columns[i],
                             number(writer, body->after[i] / NS_PER_MS));
        }
        if (search_has(body, SEARCH_HAS_BEFORE + i)) {
            (void)buf_printf(&writer->conditions, " AND jobs.%s < ?%d", time_columns[i],
                             number(writer, body->before[i] / NS_PER_MS));
        }
    }
}

/* Of a record whose text was cut, the job's rows decide. */
static void add_errors(struct writer *writer)
{
    static const char any[] = " AND EXISTS (SELECT 1 FROM err AS e WHERE e.seq = jobs.seq";
    const struct search_body *body = writer->plan->search->body;
    struct buf *sql = &writer->conditions;

    if (body->has_errors) {
        (void)buf_printf(sql, "%s)", any);
    }
    if (writer->plan->search->has_fingerprint) {
        int at = add_value(writer, (struct value){.number = writer->plan->search->fingerprint});

        (void)buf_printf(sql, "%s AND e.fingerprint = ?%d)", any, at);
    }
    if (body->error_contains.size > 0) {
        (void)buf_printf(sql, "%s AND (e.whole = 0 OR instr(lower(e.text), lower(?%d)) > 0))", any,
                         text(writer, body->error_contains));
    }
}

/* An attempt count below 0 is below all. */
static void add_attempts(struct writer *writer)
{
    const struct search_body *body = writer->plan->search->body;

    if (search_has(body, SEARCH_HAS_ATTEMPT_MIN) && body->attempt_min > 0) {
        (void)buf_printf(&writer->conditions, " AND jobs.attempt >= ?%d",
                         number(writer, (uint64_t)body->attempt_min));
    }
    if (search_has(body, SEARCH_HAS_ATTEMPT_MAX)) {
        (void)buf_printf(&writer->conditions, " AND jobs.attempt <= ?%d",
                         add_value(writer, (struct value){.number = (uint64_t)body->attempt_max}));
    }
}

/* What jobs have no column for is asked of the term tables, where these do not drive. */
static void add_hidden(struct writer *writer)
{
    const struct plan *plan = writer->plan;
    const uint64_t *parts = plan->parts.items;
    const char *before = " AND (";
    char name[VIEW_TERMS_NAME_MAX];
    int at;

    if (drive_of(plan, writer->purpose) == PLAN_TERMS || plan->hidden.size == 0) {
        return;
    }
    at = text(writer, plan->hidden);
    for (uint32_t i = 0; i < plan->parts.count; i++) {
        view_terms_name(parts[i], name);
        (void)buf_printf(&writer->conditions,
                         "%sEXISTS (SELECT 1 FROM %s WHERE %s MATCH ?%d AND rowid = jobs.seq)",
                         before, name, name, at);
        before = " OR ";
    }
    (void)buf_add_text(&writer->conditions, plan->parts.count > 0 ? ")" : " AND 0");
}

static void add_conditions(struct writer *writer)
{
    const struct plan *plan = writer->plan;
    const struct search_body *body = plan->search->body;
    struct buf *sql = &writer->conditions;

    (void)buf_printf(sql, " AND %s", plan_not_gone);
    add_states(writer);
    if (plan->queue) {
        (void)buf_printf(sql, " AND jobs.queue = ?%d", number(writer, plan->queue));
    }
    if (search_has(body, SEARCH_HAS_PRIORITY)) {
        (void)buf_printf(sql, " AND jobs.priority = ?%d", number(writer, body->priority));
    }
    if (body->hold_kind) {
        (void)buf_printf(sql, " AND jobs.hold_kind = ?%d", number(writer, body->hold_kind));
    }
    if (body->worker_id.size > 0) {
        (void)buf_printf(sql, " AND jobs.worker = ?%d",
                         number(writer, view_worker_number(body->worker_id)));
    }
    add_attempts(writer);
    add_times(writer);
    add_errors(writer);
    add_hidden(writer);
}

/* --- Legs ----------------------------------------------------------------------------------------
 */

static const char *value_of(const struct writer *writer)
{
    /* As it is in the index, which then gives the order. */
    return drive_of(writer->plan, writer->purpose) == PLAN_COMPLETED
               ? "jobs.completed"
               : sort_values[writer->plan->search->body->sort];
}

/* Only jobs behind the search's place; by creation the range says so already. */
static void add_place(struct writer *writer)
{
    const struct search *search = writer->plan->search;
    int value, seq;

    if (writer->purpose != PLAN_PAGE || !writer->plan->has_place ||
        search->body->sort == SEARCH_BY_CREATED_AT) {
        return;
    }
    value = number(writer, writer->plan->place.value);
    seq = number(writer, writer->plan->place.seq);
    (void)buf_printf(&writer->conditions, " AND (%s, jobs.seq) %s (?%d, ?%d)", value_of(writer),
                     search->body->order == SEARCH_ASC ? ">" : "<", value, seq);
}

/* One SELECT: of `source`, whose sequence is `seq`, with a condition of its own. */
static void add_leg(struct writer *writer, const char *seq, const char *source, const char *own)
{
    const struct plan_range *range =
        writer->purpose == PLAN_PAGE ? &writer->plan->page : &writer->plan->range;

    (void)buf_printf(&writer->sql,
                     "%sSELECT %s, jobs.created, %s, jobs.state FROM %s CROSS JOIN queues ON "
                     "queues.id = jobs.queue WHERE %s AND %s BETWEEN %" PRIu64 " AND %" PRIu64,
                     writer->sql.size > 0 ? " UNION ALL " : "", seq, value_of(writer), source, own,
                     seq, range->first, range->last);
    (void)buf_add_slice(&writer->sql, buf_slice(&writer->conditions));
}

static void add_terms_leg(struct writer *writer, uint64_t part)
{
    char name[VIEW_TERMS_NAME_MAX], seq[64], source[128], own[96];

    view_terms_name(part, name);
    (void)snprintf(seq, sizeof(seq), "%s.rowid", name);
    (void)snprintf(source, sizeof(source), "%s CROSS JOIN jobs ON jobs.seq = %s.rowid", name, name);
    (void)snprintf(own, sizeof(own), "%s MATCH ?%d", name, text(writer, writer->plan->terms));
    add_leg(writer, seq, source, own);
}

/* In the order of creation each state is a leg, so that they are merged, not sorted. */
static void add_live_legs(struct writer *writer)
{
    const struct plan *plan = writer->plan;
    const char *source =
        plan->queue ? "jobs INDEXED BY jobs_live_queue" : "jobs INDEXED BY jobs_live";
    char own[64];

    if (plan->search->body->sort != SEARCH_BY_CREATED_AT) {
        add_leg(writer, "jobs.seq", source, "jobs.state < 6");
        return;
    }
    for (uint32_t state = JOB_PENDING; state <= JOB_HELD; state++) {
        if (plan->states >> state & 1) {
            (void)snprintf(own, sizeof(own), "jobs.state < 6 AND jobs.state = %" PRIu32, state);
            add_leg(writer, "jobs.seq", source, own);
        }
    }
}

/* True if the parts are statements of their own. */
static bool parts_in_turn(const struct plan *plan, enum plan_purpose purpose)
{
    return drive_of(plan, purpose) == PLAN_TERMS &&
           (purpose == PLAN_COUNT || plan->search->body->sort == SEARCH_BY_CREATED_AT);
}

static void add_terms_legs(struct writer *writer, uint32_t n)
{
    const struct plan *plan = writer->plan;
    const uint64_t *parts = plan->parts.items;

    if (parts_in_turn(plan, writer->purpose)) {
        bool ascending = plan->search->body->order == SEARCH_ASC;

        add_terms_leg(writer, parts[ascending ? n : plan->parts.count - 1 - n]);
        return;
    }
    for (uint32_t i = 0; i < plan->parts.count; i++) {
        add_terms_leg(writer, parts[i]);
    }
}

static void add_legs(struct writer *writer, uint32_t n)
{
    /* The first record of a job stands for all of them: they lie in the order of jobs. */
    static const char first_error[] =
        "NOT EXISTS (SELECT 1 FROM err AS f WHERE f.seq = err.seq AND f.id < err.id)";

    switch (drive_of(writer->plan, writer->purpose)) {
    case PLAN_NOTHING:
        break;
    case PLAN_ALL:
        add_leg(writer, "jobs.seq", "jobs NOT INDEXED", "1");
        break;
    case PLAN_LIVE:
        add_live_legs(writer);
        break;
    case PLAN_TERMS:
        add_terms_legs(writer, n);
        break;
    case PLAN_ERRORS:
        add_leg(writer, "err.seq", "err CROSS JOIN jobs ON jobs.seq = err.seq", first_error);
        break;
    case PLAN_COMPLETED:
        add_leg(writer, "jobs.seq", "jobs INDEXED BY jobs_completed", "jobs.completed IS NOT NULL");
        break;
    }
}

static void add_order(struct writer *writer)
{
    const struct search_body *body = writer->plan->search->body;
    const char *order = body->order == SEARCH_ASC ? "ASC" : "DESC";

    if (writer->purpose == PLAN_COUNT) {
        return;
    }
    if (body->sort == SEARCH_BY_CREATED_AT) {
        (void)buf_printf(&writer->sql, " ORDER BY 1 %s", order);
    } else {
        (void)buf_printf(&writer->sql, " ORDER BY 3 %s, 1 %s", order, order);
    }
    /* SQLite keeps no more rows than it has to give. */
    if (writer->plan->sorts) {
        (void)buf_printf(&writer->sql, " LIMIT ?%d", number(writer, writer->plan->rows_max));
    }
}

/* --- Statements ----------------------------------------------------------------------------------
 */

uint32_t plan_statements(const struct plan *plan, enum plan_purpose purpose)
{
    const struct plan_range *range = purpose == PLAN_PAGE ? &plan->page : &plan->range;

    if (plan->drive == PLAN_NOTHING || range->first > range->last ||
        (drive_of(plan, purpose) == PLAN_TERMS && plan->parts.count == 0)) {
        return 0;
    }
    return parts_in_turn(plan, purpose) ? plan->parts.count : 1;
}

static enum err_code prepare(struct writer *writer, sqlite3_stmt **ret_statement, struct err *err)
{
    sqlite3_stmt *statement = NULL;

    (void)buf_add_byte(&writer->sql, '\0');
    if (writer->sql.failed || writer->conditions.failed) {
        return err_set(err, ERR_NOMEM, "the search makes a statement that is too long");
    }
    if (sql_prepare(writer->plan->db, (const char *)writer->sql.data, &statement, err)) {
        return err->code;
    }
    for (int i = 0; i < writer->count; i++) {
        const struct value *value = &writer->values[i];

        if (value->text.data) {
            sql_bind_text(statement, i + 1, value->text);
        } else {
            sql_bind(statement, i + 1, value->number);
        }
    }
    *ret_statement = statement;
    return ERR_NONE;
}

enum err_code plan_prepare(const struct plan *plan, enum plan_purpose purpose, uint32_t n,
                           sqlite3_stmt **ret_statement, struct err *err)
{
    struct writer writer = {.plan = plan, .purpose = purpose};
    enum err_code code;

    buf_init(&writer.sql, SQL_MAX);
    buf_init(&writer.conditions, SQL_MAX);
    add_conditions(&writer);
    add_place(&writer);
    add_legs(&writer, n);
    add_order(&writer);
    code = prepare(&writer, ret_statement, err);
    buf_done(&writer.conditions);
    buf_done(&writer.sql);
    return code;
}

struct plan_row plan_row_of(sqlite3_stmt *statement)
{
    return (struct plan_row){
        .seq = (uint64_t)sqlite3_column_int64(statement, 0),
        .created = (uint64_t)sqlite3_column_int64(statement, 1),
        .value = (uint64_t)sqlite3_column_int64(statement, 2),
        .state = (uint32_t)sqlite3_column_int(statement, 3),
    };
}
