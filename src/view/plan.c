/* Searches to plans: see plan.h. What drives is chosen by counting, up to a bound: live jobs when
 * they are few or nothing else is asked for, else the terms. */
#include "view/plan.h"

#include "base/limits.h"
#include "core/job.h"
#include "view/schema.h"
#include "view/sql.h"

#include <stdio.h>

#define EXPRESSION_MAX (64 * KIB)
#define PARTS_MAX 400
#define LIVE_FEW 2000   /* So many live jobs are looked through rather than a term. */
#define TERMS_FEW 20000 /* So many jobs with a term are sorted rather than all looked through. */

#define STATE_BIT(state_) (UINT32_C(1) << (state_))
#define LIVE_STATES                                                                                \
    (STATE_BIT(JOB_PENDING) | STATE_BIT(JOB_SCHEDULED) | STATE_BIT(JOB_ACTIVE) |                   \
     STATE_BIT(JOB_RETRYING) | STATE_BIT(JOB_HELD))
#define DONE_STATES (STATE_BIT(JOB_COMPLETED) | STATE_BIT(JOB_DEAD) | STATE_BIT(JOB_CANCELLED))

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "the search needs more memory than a request may use");
}

/* --- Which jobs there are ------------------------------------------------------------------------
 */

/* The first two columns of a statement's first row; `numbers` are bound. */
static enum err_code ask(sqlite3 *db, const char *sql, const uint64_t *numbers, bool *ret_row,
                         uint64_t ret_numbers[2], struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum err_code code = sql_prepare(db, sql, &statement, err);

    if (code) {
        return code;
    }
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++) {
        sql_bind(statement, i + 1, numbers[i]);
    }
    code = sql_step(statement, ret_row, err);
    for (int i = 0; !code && *ret_row && i < sqlite3_column_count(statement); i++) {
        ret_numbers[i] = (uint64_t)sqlite3_column_int64(statement, i);
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* The first job of the range that was made at `time_ns` or later; range.last + 1 when there is
 * none. Made later is numbered higher, so halving finds it. */
static enum err_code first_since(sqlite3 *db, struct plan_range range, uint64_t time_ns,
                                 uint64_t *ret_seq, struct err *err)
{
    static const char sql[] = "SELECT seq, created FROM jobs WHERE seq >= ? ORDER BY seq LIMIT 1";
    uint64_t low = range.first, end = range.last + 1;

    while (low < end) {
        uint64_t middle = low + (end - low) / 2;
        uint64_t found[2]; /* Sequence, time. */
        bool row;

        if (ask(db, sql, &middle, &row, found, err)) {
            return err->code;
        }
        if (!row || found[0] >= end || found[1] >= time_ns) {
            end = middle;
        } else {
            low = found[0] + 1;
        }
    }
    *ret_seq = low;
    return ERR_NONE;
}

static void at_least(struct plan_range *range, uint64_t first)
{
    range->first = first > range->first ? first : range->first;
}

/* Leaves what is below `end`; the first job is 1 or more. */
static void below(struct plan_range *range, uint64_t end)
{
    range->last = end <= range->last ? end - (end > 0 ? 1 : 0) : range->last;
}

/* Leaves the jobs that were made at `from_ns` or later, before `end_ns`. */
static enum err_code made_between(sqlite3 *db, struct plan_range *range, uint64_t from_ns,
                                  uint64_t end_ns, struct err *err)
{
    struct plan_range all = *range;
    uint64_t seq;

    if (from_ns > 0) {
        if (first_since(db, all, from_ns, &seq, err)) {
            return err->code;
        }
        at_least(range, seq);
    }
    if (end_ns < UINT64_MAX) {
        if (first_since(db, all, end_ns, &seq, err)) {
            return err->code;
        }
        below(range, seq);
    }
    return ERR_NONE;
}

static enum err_code find_range(struct plan *plan, struct err *err)
{
    static const char ends[] =
        "SELECT (SELECT min(seq) FROM jobs), coalesce((SELECT max(seq) FROM jobs), -1)";
    const struct search_ids *ids = &plan->search->ids;
    const struct search_body *body = plan->search->body;
    struct plan_range *range = &plan->range;
    uint64_t from_ns = 0, end_ns = UINT64_MAX;
    uint64_t found[2];
    bool row;

    if (ask(plan->db, ends, NULL, &row, found, err)) {
        return err->code;
    }
    *range = (struct plan_range){.first = 1, .last = 0};
    if (found[1] > INT64_MAX) {
        return ERR_NONE; /* There is none. */
    }
    *range = (struct plan_range){.first = found[0], .last = found[1]};
    if (search_has(body, SEARCH_HAS_AFTER + SEARCH_CREATED)) {
        from_ns = body->after[SEARCH_CREATED] + 1;
    }
    if (search_has(body, SEARCH_HAS_BEFORE + SEARCH_CREATED)) {
        end_ns = body->before[SEARCH_CREATED];
    }
    if (plan->search->has_ids) {
        from_ns = ids->time_first > from_ns ? ids->time_first : from_ns;
        end_ns = ids->time_last < end_ns ? ids->time_last + 1 : end_ns;
        at_least(range, ids->seq_first);
        below(range, ids->seq_last + 1);
    }
    return made_between(plan->db, range, from_ns, end_ns, err);
}

/* By creation, the search's place is a bound. */
static void find_page(struct plan *plan)
{
    const struct search *search = plan->search;

    plan->page = plan->range;
    plan->has_place = search->has_place;
    plan->place = search->place;
    if (!search->has_place || search->body->sort != SEARCH_BY_CREATED_AT) {
        return;
    }
    if (search->body->order == SEARCH_ASC) {
        at_least(&plan->page, search->place.seq + 1);
    } else {
        below(&plan->page, search->place.seq);
    }
}

static enum err_code find_queue(struct plan *plan, bool *ret_found, struct err *err)
{
    struct slice name = plan->search->body->queue;
    sqlite3_stmt *statement = NULL;
    enum err_code code;

    *ret_found = true;
    if (name.size == 0) {
        return ERR_NONE;
    }
    code = sql_prepare(plan->db, "SELECT id FROM queues WHERE name = ?", &statement, err);
    if (code) {
        return code;
    }
    sql_bind_text(statement, 1, name);
    code = sql_step(statement, ret_found, err);
    if (!code && *ret_found) {
        plan->queue = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* --- Terms ---------------------------------------------------------------------------------------
 */

/* The number in the name of a term table; false for SQLite's own tables behind one. */
static bool part_of_name(const char *name, uint64_t *ret_part)
{
    char again[VIEW_TERMS_NAME_MAX];
    uint64_t part = 0;

    for (const char *digit = name + strlen("terms_"); *digit >= '0' && *digit <= '9'; digit++) {
        part = part * 10 + (uint64_t)(*digit - '0');
    }
    view_terms_name(part, again);
    *ret_part = part;
    return strcmp(name, again) == 0;
}

static enum err_code find_parts(struct plan *plan, struct arena *arena, struct err *err)
{
    static const char sql[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                              "name GLOB 'terms_[0-9]*' ORDER BY length(name), name";
    uint64_t *parts = arena_array(arena, PARTS_MAX, sizeof(*parts));
    uint64_t first = view_part(plan->range.first), last = view_part(plan->range.last);
    sqlite3_stmt *statement = NULL;
    enum err_code code = parts ? sql_prepare(plan->db, sql, &statement, err) : no_memory(err);
    uint32_t count = 0;
    bool row = !code;

    while (!code && row && count < PARTS_MAX) {
        code = sql_step(statement, &row, err);
        if (!code && row &&
            part_of_name((const char *)sqlite3_column_text(statement, 0), &parts[count])) {
            count += parts[count] >= first && parts[count] <= last ? 1 : 0;
        }
    }
    (void)sqlite3_finalize(statement);
    plan->parts = (struct list){.items = parts, .count = count};
    return code;
}

static void add_token(struct buf *buf, const char *joint, struct view_token token)
{
    (void)buf_add_text(buf, buf->size > 0 ? joint : "");
    (void)buf_add_text(buf, token.text);
}

static void add_tags(struct buf *buf, const struct list *tags)
{
    const struct search_tag *tag = tags->items;

    for (uint32_t i = 0; i < tags->count; i++) {
        add_token(buf, " AND ", view_token_tag(tag[i].key, tag[i].value));
    }
}

/* One set at least; a set without tags is in every job. */
static void add_any(struct buf *buf, const struct list *sets)
{
    const struct list *set = sets->items;
    struct buf one;

    for (uint32_t i = 0; i < sets->count; i++) {
        if (set[i].count == 0) {
            return;
        }
    }
    for (uint32_t i = 0; i < sets->count; i++) {
        buf_init(&one, EXPRESSION_MAX);
        add_tags(&one, &set[i]);
        (void)buf_add_text(buf, i > 0 ? " OR (" : buf->size > 0 ? " AND ((" : "((");
        (void)buf_add_slice(buf, buf_slice(&one));
        (void)buf_add_text(buf, ")");
        buf->failed = buf->failed || one.failed;
        buf_done(&one);
    }
    (void)buf_add_text(buf, sets->count > 0 ? ")" : "");
}

static void add_done_states(struct buf *buf, uint32_t states)
{
    const char *before = buf->size > 0 ? " AND (" : "(";

    for (uint32_t state = JOB_COMPLETED; state < JOB_STATE_COUNT; state++) {
        if (states & STATE_BIT(state)) {
            (void)buf_add_text(buf, before);
            (void)buf_add_text(buf, view_token_number(VIEW_TERM_STATE, state).text);
            before = " OR ";
        }
    }
    (void)buf_add_byte(buf, ')');
}

/* What is asked for but for queue and states finds few jobs, as a rule. */
static void write_terms(const struct plan *plan, struct buf *buf, size_t *ret_hidden,
                        size_t *ret_rare)
{
    const struct search_body *body = plan->search->body;

    add_tags(buf, &plan->search->tags);
    add_any(buf, &plan->search->tags_any);
    if (body->unique_key.size > 0) {
        add_token(buf, " AND ", view_token_of(VIEW_TERM_UNIQUE, body->unique_key));
    }
    *ret_hidden = buf->size;
    if (body->worker_id.size > 0) {
        add_token(buf, " AND ", view_token_of(VIEW_TERM_WORKER, body->worker_id));
    }
    if (plan->search->has_fingerprint) {
        add_token(buf, " AND ", view_token_number(VIEW_TERM_ERROR, plan->search->fingerprint));
    }
    *ret_rare = buf->size;
    if (plan->queue) {
        add_token(buf, " AND ", view_token_number(VIEW_TERM_QUEUE, plan->queue));
    }
    if (!(plan->states & LIVE_STATES) && plan->states != DONE_STATES) {
        add_done_states(buf, plan->states);
    }
}

static enum err_code find_terms(struct plan *plan, struct arena *arena, bool *ret_rare,
                                struct err *err)
{
    size_t hidden, rare;
    struct buf buf;
    bool good;

    buf_init(&buf, EXPRESSION_MAX);
    write_terms(plan, &buf, &hidden, &rare);
    good = !buf.failed && arena_copy(arena, buf_slice(&buf), &plan->terms);
    buf_done(&buf);
    plan->hidden = slice_of(plan->terms.data, hidden);
    *ret_rare = rare > 0;
    return good ? find_parts(plan, arena, err) : no_memory(err);
}

/* --- Drive ---------------------------------------------------------------------------------------
 */

/* Some filters are of some states only. */
static uint32_t states_of(const struct search *search)
{
    const struct search_body *body = search->body;
    uint32_t states = search->states ? search->states : LIVE_STATES | DONE_STATES;

    if (body->hold_kind || search_has(body, SEARCH_HAS_AFTER + SEARCH_HELD) ||
        search_has(body, SEARCH_HAS_BEFORE + SEARCH_HELD)) {
        states &= STATE_BIT(JOB_HELD);
    }
    if (body->worker_id.size > 0) {
        states &= STATE_BIT(JOB_ACTIVE) | STATE_BIT(JOB_CANCELLED);
    }
    return states;
}

static enum err_code live_are_few(const struct plan *plan, bool *ret_few, struct err *err)
{
    static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_live "
                              "WHERE state = ? AND state < 6 LIMIT ?)";
    static const char sql_queue[] =
        "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_live_queue "
        "WHERE state = ? AND state < 6 AND queue = ?3 LIMIT ?2)";
    uint64_t total = 0;

    for (uint32_t state = JOB_PENDING; state <= JOB_HELD; state++) {
        uint64_t numbers[3] = {state, LIVE_FEW + 1, plan->queue};
        uint64_t found[2] = {0};
        bool row;

        if (!(plan->states & STATE_BIT(state))) {
            continue;
        }
        if (ask(plan->db, plan->queue ? sql_queue : sql, numbers, &row, found, err)) {
            return err->code;
        }
        total += found[0];
    }
    *ret_few = total <= LIVE_FEW;
    return ERR_NONE;
}

static enum err_code terms_are_few(const struct plan *plan, bool *ret_few, struct err *err)
{
    const uint64_t *parts = plan->parts.items;
    uint64_t total = 0;
    enum err_code code = ERR_NONE;

    for (uint32_t i = 0; i < plan->parts.count && !code && total <= TERMS_FEW; i++) {
        sqlite3_stmt *statement = NULL;
        char name[VIEW_TERMS_NAME_MAX], sql[160];
        bool row;

        view_terms_name(parts[i], name);
        (void)snprintf(sql, sizeof(sql),
                       "SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s MATCH ? LIMIT %d)", name,
                       name, TERMS_FEW + 1);
        code = sql_prepare(plan->db, sql, &statement, err);
        if (!code) {
            sql_bind_text(statement, 1, plan->terms);
            code = sql_step(statement, &row, err);
        }
        total += code ? 0 : (uint64_t)sqlite3_column_int64(statement, 0);
        (void)sqlite3_finalize(statement);
    }
    *ret_few = total <= TERMS_FEW;
    return code;
}

/* True if every job that matches has a time of completion. */
static bool all_completed(const struct plan *plan)
{
    const struct search_body *body = plan->search->body;

    return plan->states == STATE_BIT(JOB_COMPLETED) ||
           search_has(body, SEARCH_HAS_AFTER + SEARCH_COMPLETED) ||
           search_has(body, SEARCH_HAS_BEFORE + SEARCH_COMPLETED);
}

/* Most jobs are completed, as a rule, so that alone is not worth a look at terms. */
static bool has_good_terms(const struct plan *plan)
{
    return plan->terms.size > 0 && (plan->queue || !(plan->states & STATE_BIT(JOB_COMPLETED)));
}

/* What drives when the order is that of creation, or none. */
static enum err_code choose_by_seq(const struct plan *plan, bool rare, enum plan_drive *ret_drive,
                                   struct err *err)
{
    const struct search_body *body = plan->search->body;
    bool has_errors = body->has_errors || body->error_contains.size > 0;
    bool few = false;

    if (!(plan->states & DONE_STATES)) {
        if (rare && live_are_few(plan, &few, err)) {
            return err->code;
        }
        *ret_drive = !rare || few ? PLAN_LIVE : PLAN_TERMS;
    } else if (rare) {
        *ret_drive = PLAN_TERMS;
    } else if (has_errors) {
        *ret_drive = PLAN_ERRORS;
    } else {
        *ret_drive = has_good_terms(plan) ? PLAN_TERMS : PLAN_ALL;
    }
    return ERR_NONE;
}

static enum err_code choose_drive(struct plan *plan, bool rare, struct err *err)
{
    bool few = false;

    if (choose_by_seq(plan, rare, &plan->counts, err)) {
        return err->code;
    }
    plan->drive = plan->counts;
    if (plan->search->body->sort != SEARCH_BY_COMPLETED_AT || !all_completed(plan)) {
        return ERR_NONE;
    }
    if ((rare || has_good_terms(plan)) && terms_are_few(plan, &few, err)) {
        return err->code;
    }
    plan->drive = few ? PLAN_TERMS : PLAN_COMPLETED;
    return ERR_NONE;
}

enum err_code plan_make(const struct search *search, sqlite3 *db, struct arena *arena,
                        struct plan *ret_plan, struct err *err)
{
    struct plan plan = {.search = search, .db = db, .states = states_of(search)};
    bool found, rare;

    if (find_queue(&plan, &found, err) || find_range(&plan, err)) {
        return err->code;
    }
    find_page(&plan);
    if (found && !search->nothing && plan.states && plan.range.first <= plan.range.last) {
        if (find_terms(&plan, arena, &rare, err) || choose_drive(&plan, rare, err)) {
            return err->code;
        }
    }
    plan.sorts = search->body->sort != SEARCH_BY_CREATED_AT && plan.drive != PLAN_COMPLETED;
    *ret_plan = plan;
    return ERR_NONE;
}
