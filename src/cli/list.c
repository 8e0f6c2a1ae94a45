/* Lists: see list.h. */
#include "cli/list.h"

#include "cli/human.h"
#include "cli/plain.h"
#include "wire/json_look.h"

static void print_ids(struct session *session, struct slice items, const char *id)
{
    struct json_walk walk = json_walk_of(items);
    struct slice name, item;

    while (json_walk_next(&walk, &name, &item)) {
        struct slice value = json_member(item, id), text;

        plain_add(&session->out, json_string_of(value, &session->arena, &text) ? text : value);
        (void)buf_add_byte(&session->out, '\n');
    }
}

static void print_table(struct session *session, struct slice items, const struct list_row *row)
{
    struct json_walk walk = json_walk_of(items);
    struct slice name, item;
    struct table table;

    table_init(&table, row->columns, row->column_count);
    while (json_walk_next(&walk, &name, &item)) {
        row->add(session, item, &table);
    }
    if (table_row_count(&table) == 0) {
        screen_say(&session->screen, "%s", row->nothing);
    } else {
        table_print(&table, session->screen.columns, session->screen.colour, &session->out);
    }
    table_done(&table);
}

int list_run(struct session *session, const struct list_row *row)
{
    const struct args *args = session->args;
    struct request request = {.params = {args->word_count > 0 ? args->words[0] : NULL}};
    struct answer answer;
    struct slice items;

    buf_clear(&session->body);
    args_write_query(args, &session->body);
    request.query = buf_slice(&session->body);
    answer = session_ask(session, &request);
    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, request.params[0]);
    }
    if (session->json) {
        return session_print_json(session, &answer);
    }
    items = row->member ? json_member(answer.json, row->member) : answer.json;
    if (session->screen.quiet) {
        print_ids(session, items, row->id);
    } else {
        print_table(session, items, row);
    }
    return session_flush(session);
}

void list_add_age(struct session *session, struct slice item, const char *name, struct table *table)
{
    uint64_t time_ns = session_time(session, item, name);
    char text[HUMAN_TEXT_MAX];

    table_cell_printf(table, PAINT_NONE, "%s",
                      time_ns ? human_age(time_ns, session->now_ns, text) : "-");
}
