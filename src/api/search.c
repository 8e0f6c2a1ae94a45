/* Searches and groups of errors: what is asked of the view, on its threads.
 *
 * A query can not be taken back. When its client goes it runs to its end and its answer is thrown
 * away; until then it counts among those that are under way. */
#include "api/api_internal.h"
#include "view/query.h"
#include "wire/json.h"

#include <stdlib.h>

/* Who asked. */
struct asker {
    struct api *api;
    struct call *call; /* NULL: gone. */
    struct page_query *query;
};

/* Nothing that the file of the view, or memory, does to a query is the client's fault. */
static void answer_error(struct call *call, const struct err *err)
{
    struct err said = *err;

    if (err->code == ERR_TIMEOUT) {
        (void)err_reply(&said, REPLY_OVERLOADED, "%s", err->text);
    } else if (err->code == ERR_INVALID || err->code == ERR_NO_SPACE) {
        (void)err_reply(&said, REPLY_INTERNAL_ERROR, "%s", err->text);
    }
    reply_error(call, &said);
}

/* The bodies are exchanged, not copied. */
static void answer(struct call *call, struct page_query *query)
{
    struct api *api = call->api;
    struct page_figures figures = {
        .duration_ms = (uv_hrtime() - call->input->started_ns) / NS_PER_MS,
        .lag_ms = node_view_figures(api->options.node).lag_ms,
    };
    struct buf body = api->body;

    page_query_finish(query, &figures);
    api->queries_incomplete += query->incomplete ? 1 : 0;
    api->body = query->json;
    api->body.size_max = body.size_max;
    query->json = body;
    reply_view(call, 200, query->view_index);
}

static void end_query(struct asker *asker)
{
    asker->api->queries--;
    page_query_destroy(asker->query);
    free(asker);
}

static void on_done(struct view_query *done, const struct err *err)
{
    struct page_query *query = (struct page_query *)done;
    struct asker *asker = query->context;
    struct call *call = asker->call;

    if (call) {
        http_on_gone(call->request, NULL, NULL);
        if (err->code) {
            answer_error(call, err);
        } else {
            answer(call, query);
        }
    }
    end_query(asker);
}

static void on_gone(void *context)
{
    struct asker *asker = context;
    struct http_output nothing = {.status = 204};
    struct call *call = asker->call;

    asker->call = NULL;
    http_reply(call->request, &nothing);
}

/* Sends the query on its way; its owner is the asker from then on. */
static enum err_code submit(struct call *call, struct page_query *query, struct err *err)
{
    struct api *api = call->api;
    struct asker *asker = calloc(1, sizeof(*asker));

    if (!asker) {
        return err_set(err, ERR_NOMEM, "no memory for a query");
    }
    *asker = (struct asker){.api = api, .call = call, .query = query};
    query->context = asker;
    query->query.done = on_done;
    query->query.limit_ms = api->options.query_timeout_ms;
    if (view_submit(node_view(api->options.node), &query->query, err)) {
        free(asker);
        return err->code;
    }
    api->queries++;
    http_on_gone(call->request, on_gone, asker);
    return ERR_NONE;
}

static enum err_code check_view(const struct api *api, struct err *err)
{
    if (!node_view_figures(api->options.node).on) {
        return err_reply(err, REPLY_UNSUPPORTED,
                         "there is no search: the server runs with --view=false");
    }
    if (!node_view(api->options.node)) {
        return err_set(err, ERR_BUSY, "the view is not open yet");
    }
    if (api->queries >= QUERIES_MAX) {
        return err_set(err, ERR_BUSY, "%d queries are under way", QUERIES_MAX);
    }
    return ERR_NONE;
}

void handle_search(struct call *call)
{
    struct slice body = call->input->body;
    struct page_query *query = NULL;
    struct err err;

    if (check_view(call->api, &err) ||
        search_query_create(body.size > 0 ? body : slice_text("{}"), &query, &err) ||
        submit(call, query, &err)) {
        page_query_destroy(query);
        reply_error(call, &err);
    }
}

/* --- GET /errors ---------------------------------------------------------------------------------
 */

/* The wall clock's milliseconds at the beginning of the period. */
static enum err_code read_period(struct call *call, uint64_t *ret_since_ms, struct err *err)
{
    struct slice text = http_query_find(call->input, "period");
    uint64_t now_ms = node_now_ns(call->api->options.node) / NS_PER_MS;
    uint64_t period_ms = ERRORS_PERIOD_MS_DEFAULT;

    if (text.size > 0 && json_parse_duration(text, &period_ms, err)) {
        return err_prefix(err, "period");
    }
    *ret_since_ms = period_ms < now_ms ? now_ms - period_ms : 0;
    return ERR_NONE;
}

void handle_errors_get(struct call *call)
{
    struct errors_wish wish = {.queue = http_query_find(call->input, "queue")};
    struct page_query *query = NULL;
    uint64_t limit;
    struct err err;

    if (check_view(call->api, &err) || read_period(call, &wish.since_ms, &err) ||
        query_number(http_query_find(call->input, "limit"), "limit", UINT32_MAX,
                     ERROR_GROUPS_DEFAULT, &limit, &err)) {
        reply_error(call, &err);
        return;
    }
    wish.limit = limit == 0 ? ERROR_GROUPS_DEFAULT : (uint32_t)limit;
    if (errors_query_create(&wish, &query, &err) || submit(call, query, &err)) {
        page_query_destroy(query);
        reply_error(call, &err);
    }
}
