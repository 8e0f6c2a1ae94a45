/* corvo search and corvo held: jobs by what is known of them. */
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/list.h"
#include "cli/plain.h"
#include "core/job.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <inttypes.h>

#define PAGE_SIZE_ALL "1000"
#define HELD_LIMIT "100"

static const char *const sort_names[] = {"created_at", "priority", "started_at", "completed_at",
                                         "attempt"};
static const struct words sort_words = {.names = sort_names, .count = ARRAY_COUNT(sort_names)};
static const char *const order_names[] = {"asc", "desc"};
static const struct words order_words = {.names = order_names, .count = ARRAY_COUNT(order_names)};
static const char *const count_names[] = {"exact"};
static const struct words count_words = {.names = count_names, .count = 1};

#define BODY(name_, kind_, help_) {.name = name_, .kind = kind_, .place = FLAG_BODY, .help = help_}
#define BETWEEN(what_)                                                                             \
    BODY(what_ "_after", FLAG_SINCE, what_ " after that time, or less than that long ago"),        \
        BODY(what_ "_before", FLAG_SINCE, what_ " before that time, or longer ago than that")

static const struct flag search_flags[] = {
    {.name = "queue", .kind = FLAG_TEXT, .place = FLAG_BODY, .help = "in that queue"},
    {.name = "state",
     .alias = "states",
     .kind = FLAG_WORDS,
     .place = FLAG_BODY,
     .value = "STATE,...",
     .words = &job_state_words,
     .help = "in one of these states"},
    {.name = "priority",
     .kind = FLAG_WORD,
     .place = FLAG_BODY,
     .words = &job_priority_words,
     .help = "of that priority"},
    {.name = "tag",
     .alias = "tags",
     .member = "tags",
     .kind = FLAG_PAIRS,
     .place = FLAG_BODY,
     .help = "with that tag"},
    BODY("tags_any", FLAG_JSON, "with any of these: [{\"k\":\"v\"},...]"),
    BODY("payload_contains", FLAG_TEXT, "with that text in the payload"),
    BODY("payload_jq", FLAG_TEXT, "whose payload makes that jq filter true"),
    BODY("error_contains", FLAG_TEXT, "with that text in a recorded error"),
    BODY("error_fingerprint", FLAG_TEXT, "that failed like that; 'corvo errors' has fingerprints"),
    BODY("has_errors", FLAG_SWITCH, "that failed at least once"),
    BETWEEN("created"),
    BETWEEN("scheduled"),
    BETWEEN("started"),
    BETWEEN("completed"),
    BETWEEN("expire"),
    BETWEEN("held"),
    BODY("attempt_min", FLAG_NUMBER, "tried at least that often"),
    BODY("attempt_max", FLAG_NUMBER, "tried at most that often"),
    BODY("unique_key", FLAG_TEXT, "with that unique key"),
    BODY("batch_id", FLAG_TEXT, "of that batch"),
    BODY("worker_id", FLAG_TEXT, "that this worker has or had last"),
    BODY("parent_id", FLAG_TEXT, "that this job enqueued"),
    BODY("chain_id", FLAG_TEXT, "of that chain"),
    BODY("chain_step", FLAG_NUMBER, "at that step of its chain"),
    BODY("schedule_id", FLAG_TEXT, "made by that schedule"),
    BODY("hold_kind", FLAG_TEXT, "held by that: api, agent, guardrail, budget, policy, dependency"),
    BODY("job_id_prefix", FLAG_TEXT, "whose id starts so"),
    {.name = "sort",
     .kind = FLAG_WORD,
     .place = FLAG_BODY,
     .words = &sort_words,
     .help = "order by that; created_at when not given"},
    {.name = "order",
     .kind = FLAG_WORD,
     .place = FLAG_BODY,
     .words = &order_words,
     .help = "direction; desc when not given"},
    {.name = "limit", .kind = FLAG_NUMBER, .help = "jobs a page, at most 1000; 50 when not given"},
    {.name = "cursor", .kind = FLAG_TEXT, .help = "the page behind that cursor"},
    {.name = "count",
     .kind = FLAG_WORD,
     .place = FLAG_BODY,
     .words = &count_words,
     .help = "count all matches, however many"},
    {.name = "all", .kind = FLAG_SWITCH, .help = "every page, one after the other"},
    {.name = "ids", .kind = FLAG_SWITCH, .help = "print ids alone, one a line, for other commands"},
    {.name = "output_json", .kind = FLAG_SWITCH, .help = "the same as --ids (older name)"},
};

static const struct flag held_flags[] = {
    {.name = "queue", .kind = FLAG_TEXT, .place = FLAG_BODY, .help = "in that queue"},
    BODY("hold_kind", FLAG_TEXT, "held by that: api, agent, guardrail, budget, policy, dependency"),
    {.name = "limit", .kind = FLAG_NUMBER, .initial = HELD_LIMIT, .help = "jobs shown at most"},
};

#undef BODY
#undef BETWEEN

static const struct table_column search_columns[] = {
    {"ID", 0, 0, 0},
    {"QUEUE", TABLE_SHRINKS, 0, 8},
    {"STATE", 0, 0, 0},
    {"PRIORITY", 0, 4, 0},
    {"TRIES", TABLE_RIGHT, 4, 0},
    {"CREATED", TABLE_RIGHT, 1, 0},
    {"PAYLOAD", TABLE_SHRINKS, 2, 10},
};

static const struct table_column held_columns[] = {
    {"ID", 0, 0, 0}, {"QUEUE", TABLE_SHRINKS, 0, 8},   {"HELD", TABLE_RIGHT, 0, 0},
    {"BY", 0, 2, 0}, {"REASON", TABLE_SHRINKS, 1, 12},
};

/* --- Rows ----------------------------------------------------------------------------------------
 */

static void add_found(struct session *session, struct slice job, struct table *table)
{
    struct slice state = session_text(session, job, "state");
    uint64_t priority = JOB_NORMAL;

    table_cell(table, PAINT_NONE, session_text(session, job, "id"));
    table_cell(table, PAINT_NONE, session_text(session, job, "queue"));
    table_cell(table, paint_of(state), state);
    (void)json_whole_of(json_member(job, "priority"), &priority);
    table_cell_printf(table, priority < JOB_NORMAL ? PAINT_YELLOW : PAINT_NONE, "%s",
                      priority < JOB_PRIORITY_COUNT ? job_priority_words.names[priority] : "-");
    table_cell_printf(table, PAINT_NONE, "%" PRIu64, session_number(job, "attempt"));
    list_add_age(session, job, "created_at", table);
    buf_clear(&session->lines);
    json_write_compact(&session->lines, json_member(job, "payload"));
    table_cell(table, PAINT_NONE, buf_slice(&session->lines));
    session->screen.failed = session->screen.failed || session->lines.failed;
}

static void add_held(struct session *session, struct slice job, struct table *table)
{
    struct slice hold = json_member(job, "hold");
    struct slice reason = session_text(session, hold, "reason");
    struct slice by = session_text(session, hold, "by");

    table_cell(table, PAINT_NONE, session_text(session, job, "id"));
    table_cell(table, PAINT_NONE, session_text(session, job, "queue"));
    list_add_age(session, hold, "at", table);
    table_cell(table, PAINT_NONE, by.size ? by : session_text(session, hold, "kind"));
    table_cell(table, PAINT_NONE, reason.size ? reason : session_text(session, job, "hold_reason"));
}

/* --- Pages ---------------------------------------------------------------------------------------
 */

struct listing {
    struct session *session;
    const struct command *command;
    void (*add_row)(struct session *session, struct slice job, struct table *table);
    const char *nothing; /* What is said when there is none. */
    const char *state;   /* A filter of the command itself, as a member; "" for none. */
    const char *limit;   /* Jobs a page; NULL: the server's own. */
    bool ids;
    bool all;
    struct table table;
    struct buf cursor;
    uint64_t shown;
    bool at_least;   /* The total is more than was counted. */
    bool incomplete; /* The server gave up before it had looked at everything. */
};

static void write_body(struct listing *listing)
{
    struct session *session = listing->session;
    bool comma = *listing->state != 0;

    buf_clear(&session->body);
    (void)buf_printf(&session->body, "{%s", listing->state);
    args_write_members(session->args, session->now_ns, &comma, &session->body);
    if (listing->limit) {
        (void)buf_printf(&session->body, "%s\"limit\":%s", comma ? "," : "", listing->limit);
        comma = true;
    }
    if (listing->cursor.size > 0) {
        (void)buf_add_text(&session->body, comma ? ",\"cursor\":" : "\"cursor\":");
        json_write_text(&session->body, buf_slice(&listing->cursor));
    }
    (void)buf_add_byte(&session->body, '}');
}

static void print_jobs(struct listing *listing, struct slice jobs)
{
    struct session *session = listing->session;
    struct json_walk walk = json_walk_of(jobs);
    struct slice name, job;

    while (json_walk_next(&walk, &name, &job)) {
        listing->shown++;
        if (listing->ids) {
            plain_add(&session->out, session_text(session, job, "id"));
            (void)buf_add_byte(&session->out, '\n');
        } else {
            listing->add_row(session, job, &listing->table);
        }
    }
    if (!listing->ids && listing->shown > 0) {
        table_print(&listing->table, session->screen.columns, session->screen.colour,
                    &session->out);
    }
    (void)session_flush(session);
}

/* One page; *ret_more when there is another one behind it. */
static int print_page(struct listing *listing, bool *ret_more, struct slice *ret_total)
{
    struct session *session = listing->session;
    struct request request = {0};
    struct answer answer;
    struct slice cursor;

    write_body(listing);
    request.body = buf_slice(&session->body);
    answer = session_ask(session, &request);
    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, NULL);
    }
    if (session->json) {
        (void)session_print_json(session, &answer);
    } else {
        print_jobs(listing, json_member(answer.json, "jobs"));
    }
    listing->at_least = slice_is(json_member(answer.json, "total_exact"), "false");
    listing->incomplete = listing->incomplete || json_true(json_member(answer.json, "incomplete"));
    cursor = session_text(session, answer.json, "cursor");
    *ret_total = json_member(answer.json, "total");
    /* A page that is followed by itself would have no end. */
    *ret_more = json_true(json_member(answer.json, "has_more")) && cursor.size > 0 &&
                !slice_equal(cursor, buf_slice(&listing->cursor));
    buf_clear(&listing->cursor);
    (void)buf_add_slice(&listing->cursor, cursor);
    return EXIT_DONE;
}

/* Last lines for people. */
static void print_foot(struct listing *listing, bool more, struct slice total)
{
    struct session *session = listing->session;
    struct screen *screen = &session->screen;

    if (session->json || listing->ids || screen->quiet) {
        return;
    }
    if (listing->incomplete) {
        screen_say(screen, "The server ran out of time for this search: there may be more. "
                           "--queue, --state and times make it quicker.");
    } else if (listing->shown == 0) {
        screen_say(screen, "%s", listing->nothing);
    }
    if (more && screen->out_terminal) {
        buf_clear(&session->lines);
        (void)buf_printf(&session->lines, "%" PRIu64 " of %s", listing->shown,
                         listing->at_least ? "more than " : "");
        plain_add(&session->lines, total);
        (void)buf_add_text(&session->lines, " shown; more with --all, or --cursor ");
        plain_add(&session->lines, buf_slice(&listing->cursor));
        screen_say(screen, "%.*s", (int)session->lines.size, (const char *)session->lines.data);
    }
}

static int list(struct listing *listing, const struct table_column *columns, uint32_t column_count)
{
    struct session *session = listing->session;
    const char *cursor =
        listing->command == &command_search ? args_text(session->args, "cursor") : NULL;
    struct slice total = {0};
    bool more = false;
    int code;

    table_init(&listing->table, columns, column_count);
    buf_init(&listing->cursor, 64 * KIB);
    (void)buf_add_text(&listing->cursor, cursor ? cursor : "");
    do {
        arena_clear(&session->arena);
        code = print_page(listing, &more, &total);
    } while (code == EXIT_DONE && more && listing->all && !interrupt_seen());
    if (code == EXIT_DONE) {
        print_foot(listing, more, total);
    }
    table_done(&listing->table);
    buf_done(&listing->cursor);
    return code;
}

static int run_search(struct session *session)
{
    const struct args *args = session->args;
    struct listing listing = {
        .session = session,
        .command = &command_search,
        .add_row = add_found,
        .nothing = "No job matches.",
        .state = "",
        .limit = args_text(args, "limit"),
        .all = args_switch(args, "all"),
    };

    /* --output-json meant bare ids here, before there was --output json. */
    session->json = strcmp(args_text(args, "output"), "json") == 0;
    listing.ids = args_switch(args, "ids") || session->screen.quiet ||
                  (args_switch(args, "output_json") && !session->json);
    if (listing.ids) {
        session->json = false;
    }
    if (listing.all && !listing.limit) {
        listing.limit = PAGE_SIZE_ALL;
    }
    return list(&listing, search_columns, ARRAY_COUNT(search_columns));
}

static int run_held(struct session *session)
{
    struct listing listing = {
        .session = session,
        .command = &command_held,
        .add_row = add_held,
        .nothing = "No job is held.",
        .state = "\"state\":[\"held\"],\"sort\":\"created_at\",\"order\":\"desc\"",
        .limit = args_text(session->args, "limit"),
        .ids = session->screen.quiet,
    };

    return list(&listing, held_columns, ARRAY_COUNT(held_columns));
}

const struct command command_search = {
    .name = "search",
    .arguments = "",
    .group = "Jobs",
    .summary = "find jobs by queue, state, tags, times, payload, errors",
    .help = "All that is given has to match. Newest first, fifty a page. Times are RFC 3339\n"
            "or an age: --created-after 2h finds what is younger than two hours.\n"
            "--output json prints the server's reply, one for each page.\n",
    .examples = "# what died today, and how\n"
                "corvo search --state dead --created-after 24h\n"
                "# retry all of it\n"
                "corvo search --state dead --created-after 24h --all --ids | corvo retry -\n"
                "# by tag and payload\n"
                "corvo search --tag customer=42 --payload-contains invoice\n",
    .routes = {"POST /api/v1/jobs/search"},
    .also = "list ls find jobs query ps",
    .flags = search_flags,
    .flag_count = ARRAY_COUNT(search_flags),
    .run = run_search,
};

const struct command command_held = {
    .name = "held",
    .arguments = "",
    .group = "Jobs",
    .summary = "list the jobs that wait for somebody's approval",
    .help = "",
    .examples = "# who waits, since when, and why?\n"
                "corvo held\n"
                "# approve all of one queue\n"
                "corvo held --queue agents --quiet | corvo approve -\n",
    .routes = {"POST /api/v1/jobs/search"},
    .flags = held_flags,
    .flag_count = ARRAY_COUNT(held_flags),
    .run = run_held,
};
