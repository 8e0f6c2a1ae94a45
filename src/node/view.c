/* The view beside the node: fed from the store's written rows, told what the node has applied.
 *
 * The loop only passes indexes on; the work is done on the view's threads (view/view.h). */
#include "base/log.h"
#include "node/node_internal.h"

#include <inttypes.h>
#include <stdio.h>

static enum err_code open_rows(void *self, struct kv_reader **ret_reader, struct err *err)
{
    return store_reader_open(self, ret_reader, err);
}

static void close_rows(void *self, struct kv_reader *reader)
{
    (void)self;
    store_reader_close(reader);
}

static void wake_view(void *context)
{
    (void)uv_async_send(&((struct node *)context)->wake_view);
}

/* What is wrong with the view is told once, and when it is over. */
static void tell(struct node *node, const struct view_status *status)
{
    struct node_view *own = &node->view;

    if (status->rebuilds_total != own->status.rebuilds_total) {
        log_write(LOG_INFO, "the view was made anew from rows, in %" PRIu64 " ms",
                  status->rebuild_duration_ms);
    }
    if (status->state == VIEW_STOPPED && !own->told_trouble) {
        own->told_trouble = true;
        log_write(LOG_ERROR, "the view does not follow, searches are answered from what it has: %s",
                  status->trouble.text);
    }
    if (status->state == VIEW_READY && own->told_trouble) {
        own->told_trouble = false;
        log_write(LOG_INFO, "the view follows again");
    }
}

void node_view_take(struct node *node)
{
    struct view_status status;

    if (!node->view.view) {
        return;
    }
    status = view_status(node->view.view);
    tell(node, &status);
    node->view.status = status;
    view_poll(node->view.view);
}

/* With a view, change records stay until it has passed them; without one they are of no use. */
void node_view_cut(struct node *node)
{
    if (node->view.view) {
        store_changes_cut(node->store, node->view.status.passed);
    } else if (!node->options.view) {
        store_changes_cut(node->store, store_written_index(node->store));
    }
}

/* The store has written more. */
void node_view_written(struct node *node)
{
    if (!node->view.view) {
        return;
    }
    view_written(node->view.view, store_written_index(node->store));
    if (node->reads.view_count > 0) {
        view_hurry(node->view.view);
    }
}

/* At the end of a turn: what was applied is noted, and hurried along if somebody waits for it. */
void node_view_turn(struct node *node)
{
    uint64_t index;

    if (!node->view.view) {
        return;
    }
    index = core_mark(node->core).index;
    if (index != node->view.noted_index) {
        view_lag_note(&node->view.lag, index, uv_now(node->loop));
        node->view.noted_index = index;
    }
    if (node->reads.view_count > 0 && store_written_index(node->store) < index) {
        store_hurry(node->store);
    }
}

/* A view that can not be opened is no reason not to serve. */
void node_view_open(struct node *node)
{
    char dir[4096];
    struct view_options options = {
        .dir = dir,
        .source = {node->store, open_rows, close_rows},
        .cluster_id = replica_status(node->replica).cluster_id,
        .applied_index = core_mark(node->core).index,
        .env = node->options.env,
        .wake = wake_view,
        .wake_context = node,
    };
    struct err err;

    if (!node->options.view || node->view.view || node->closing) {
        return;
    }
    if ((size_t)snprintf(dir, sizeof(dir), "%s/view", node->data_dir) >= sizeof(dir)) {
        log_write(LOG_ERROR, "there is no view: the data directory's name is too long");
        node->options.view = false;
        return;
    }
    if (view_open(&options, &node->view.view, &err)) {
        log_write(LOG_ERROR, "there is no view until a restart: %s", err.text);
        node->options.view = false;
        return;
    }
    node_view_take(node);
    node_view_written(node);
}

void node_view_close(struct node *node)
{
    view_close(node->view.view);
    node->view.view = NULL;
}

struct view *node_view(struct node *node)
{
    return node->view.view;
}

struct node_view_figures node_view_figures(struct node *node)
{
    uint64_t index = node->view.status.index;

    return (struct node_view_figures){
        .on = node->options.view,
        .status = node->view.status,
        .lag_ms = view_lag_ms(&node->view.lag, index, uv_now(node->loop)),
    };
}
