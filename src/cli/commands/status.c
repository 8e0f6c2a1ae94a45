/* corvo status: is the server well, how far is it, what is in its queues. */
#include "cli/commands.h"
#include "cli/commands/queue_table.h"
#include "cli/human.h"
#include "cli/page.h"
#include "cli/plain.h"
#include "cli/table.h"
#include "wire/json_look.h"

#include <ctype.h>
#include <inttypes.h>

static const struct table_column node_columns[] = {
    {"NODE", 0, 0, 0},
    {"ROLE", 0, 0, 0},
    {"ADDRESS", TABLE_SHRINKS, 1, 12},
    {"BEHIND", TABLE_RIGHT, 0, 0},
    {"LAST HEARD", TABLE_RIGHT, 2, 0},
    {"VERSION", 0, 3, 0},
};

static void show_head(struct session *session, struct slice status)
{
    struct slice health = session_text(session, status, "status");
    struct slice node = session_text(session, status, "node_id");
    struct slice role = session_text(session, status, "state");
    char word[64]; /* "Leader" stands in a sentence here. */
    size_t size = 0;

    plain_add(&session->out, node);
    (void)buf_add_text(&session->out, " is ");
    session_paint(session, paint_of(health), health.size ? health : slice_text("there"));
    (void)buf_add_text(&session->out, ", ");
    for (size_t i = 0; i < role.size && i < sizeof(word); i++, size++) {
        word[i] = (char)tolower(role.data[i]);
    }
    plain_add(&session->out, slice_of(word, size));
    (void)buf_printf(&session->out, " at %s\n", session->client.server);
}

static void show_index(struct session *session, struct slice status)
{
    uint64_t applied = session_number(status, "applied_index");
    uint64_t committed = session_number(status, "commit_index");
    uint64_t view = session_number(status, "view_index");
    struct slice lag = json_member(json_member(status, "sqlite_mirror"), "lag");

    page_printf(session, "Index", "%" PRIu64 ", %" PRIu64 " behind; term %" PRIu64, applied,
                committed > applied ? committed - applied : 0, session_number(status, "term"));
    if (json_member(status, "view_index").size > 0) {
        page_printf(session, "Search", "index %" PRIu64 ", %" PRIu64 " behind", view,
                    applied > view ? applied - view : 0);
    } else if (lag.size > 0) {
        page_printf(session, "Search", "%" PRIu64 " behind", session_number(lag, "lag"));
    }
}

static void show_disk(struct session *session, struct slice status)
{
    struct slice log = json_member(status, "log");
    struct slice disk = json_member(status, "disk");
    struct slice state = session_text(session, disk, "state");
    char bytes[HUMAN_TEXT_MAX], total[HUMAN_TEXT_MAX];

    if (log.size > 0) {
        page_printf(session, "Log", "%" PRIu64 " entries, %s", session_number(log, "entries"),
                    human_size(session_number(log, "bytes"), bytes));
    }
    if (disk.size > 0) {
        page_printf(session, "Disk", "%.*s, %s free of %s", (int)state.size,
                    (const char *)state.data, human_size(session_number(disk, "free"), bytes),
                    human_size(session_number(disk, "total"), total));
    }
}

static void show_durability(struct session *session, struct slice status)
{
    struct slice durable = json_member(status, "durable");

    if (durable.size > 0) {
        page_text(session, "Durability", json_true(durable) ? PAINT_NONE : PAINT_YELLOW,
                  slice_text(json_true(durable)
                                 ? "synced to disk before each reply"
                                 : "not synced: a power cut can lose acknowledged work"));
    }
}

/* A server that is not well says why at another place. */
static void show_reason(struct session *session)
{
    const struct request request = {.route = 2};
    struct answer answer = session_ask(session, &request);
    struct slice reason = session_text(session, answer.json, "reason");
    struct slice error = session_text(session, answer.json, "error");

    page_text(session, "Not ready", PAINT_RED, reason);
    page_text(session, "Because", PAINT_RED, error);
}

static void show_server(struct session *session, struct slice status)
{
    show_head(session, status);
    if (slice_is(session_text(session, status, "status"), "degraded")) {
        show_reason(session);
    }
    show_durability(session, status);
    show_index(session, status);
    show_disk(session, status);
    page_text(session, "Leader", PAINT_NONE, session_text(session, status, "leader_id"));
    page_text(session, "Cluster", PAINT_NONE, session_text(session, status, "cluster_id"));
    page_text(session, "Version", PAINT_NONE, session_text(session, status, "version"));
}

/* The members, where there are several. */
static void show_nodes(struct session *session, struct slice status)
{
    struct slice nodes = json_member(status, "nodes");
    uint64_t committed = session_number(status, "commit_index");
    struct json_walk walk = json_walk_of(nodes);
    struct slice name, node;
    struct table table;
    char age[HUMAN_TEXT_MAX];

    if (json_walk_count(nodes) < 2) {
        return;
    }
    table_init(&table, node_columns, ARRAY_COUNT(node_columns));
    while (json_walk_next(&walk, &name, &node)) {
        uint64_t match = session_number(node, "match_index");
        struct slice http = session_text(session, node, "http_addr");

        table_cell(&table, PAINT_NONE, session_text(session, node, "id"));
        table_cell(&table, PAINT_NONE, session_text(session, node, "role"));
        table_cell(&table, PAINT_NONE, http.size ? http : session_text(session, node, "address"));
        table_cell_printf(&table, PAINT_NONE, "%" PRIu64,
                          committed > match ? committed - match : 0);
        table_cell_printf(&table, PAINT_NONE, "%s",
                          human_duration(session_number(node, "last_contact_ms"), age));
        table_cell(&table, PAINT_NONE, session_text(session, node, "version"));
    }
    (void)buf_add_byte(&session->out, '\n');
    table_print(&table, session->screen.columns, session->screen.colour, &session->out);
    table_done(&table);
}

/* Both replies as one object (reference 6.8). */
static int print_both(struct session *session, struct slice status, struct slice queues)
{
    struct buf both;

    buf_init(&both, CLI_REPLY_MAX);
    (void)buf_add_text(&both, "{\"cluster\":");
    (void)buf_add_slice(&both, status);
    (void)buf_add_text(&both, ",\"queues\":");
    (void)buf_add_slice(&both, queues);
    (void)buf_add_byte(&both, '}');
    screen_write_json(&session->screen, session->screen.out, buf_slice(&both));
    session->screen.failed = session->screen.failed || both.failed;
    buf_done(&both);
    return EXIT_DONE;
}

/* A reply that outlives the next request. */
static bool get_copy(struct session *session, uint32_t route, struct slice *ret_json, int *ret_code)
{
    struct answer answer;

    if (!session_get(session, route, NULL, &answer)) {
        *ret_code = (int)answer.exit;
        return false;
    }
    if (!arena_copy(&session->arena, answer.json, ret_json)) {
        *ret_code = session_misuse(session, "no memory for %zu bytes", answer.json.size);
        return false;
    }
    return true;
}

static int run(struct session *session)
{
    struct slice status, queues;
    int code;

    if (!get_copy(session, 0, &status, &code) || !get_copy(session, 1, &queues, &code)) {
        return code;
    }
    if (session->json) {
        return print_both(session, status, queues);
    }
    if (session->screen.quiet) {
        show_head(session, status);
        return session_flush(session);
    }
    show_server(session, status);
    show_nodes(session, status);
    if (json_walk_count(queues) > 0) {
        (void)buf_add_byte(&session->out, '\n');
        (void)queue_table_print(session, queues);
    }
    return session_flush(session);
}

const struct command command_status = {
    .name = "status",
    .arguments = "",
    .group = "Server",
    .summary = "tell whether the server is well, how far it is, and what is queued",
    .help = "With --quiet its first line alone.\n",
    .examples = "# at a glance\n"
                "corvo status\n"
                "# another server\n"
                "corvo status --server http://jobs.example.org:8080\n",
    .routes = {"GET /api/v1/cluster/status", "GET /api/v1/queues", "GET /readyz"},
    .also = "health info cluster",
    .run = run,
};
