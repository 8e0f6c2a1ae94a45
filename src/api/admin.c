/* POST /admin/rebuild-sqlite (3.15): the view is made anew from rows, while it and all else serves.
 */
#include "api/api_internal.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdlib.h>

/* Outlives its call when the client goes away. */
struct rebuild_call {
    struct view_rebuild rebuild; /* First: what the view gives back. */
    struct call *call;           /* NULL: nobody waits any more. */
};

struct rebuild_reply {
    struct slice status;
    bool rebuilt;
    uint64_t duration_ms;
};

static const struct field rebuild_reply_fields[] = {
    {.name = "status",
     .kind = FIELD_TEXT,
     .tag = 1,
     .offset = offsetof(struct rebuild_reply, status),
     .help = "ok"},
    {.name = "rebuilt",
     .kind = FIELD_BOOL,
     .tag = 2,
     .flags = FIELD_ALWAYS,
     .offset = offsetof(struct rebuild_reply, rebuilt),
     .help = "true"},
    {.name = "duration_ms",
     .kind = FIELD_U64,
     .tag = 3,
     .flags = FIELD_ALWAYS,
     .offset = offsetof(struct rebuild_reply, duration_ms),
     .help = "how long it took"},
};

const struct message rebuild_reply_message = {
    .name = "RebuildReply",
    .fields = rebuild_reply_fields,
    .field_count = ARRAY_COUNT(rebuild_reply_fields),
    .size = sizeof(struct rebuild_reply),
};

static void on_rebuilt(struct view_rebuild *rebuild, const struct err *err)
{
    struct rebuild_call *own = (struct rebuild_call *)rebuild;
    struct rebuild_reply reply = {
        .status = slice_text("ok"), .rebuilt = true, .duration_ms = rebuild->duration_ms};

    if (own->call) {
        http_on_gone(own->call->request, NULL, NULL);
        if (err->code) {
            reply_error(own->call, err);
        } else {
            json_write(&rebuild_reply_message, JSON_REST, &reply, &own->call->api->body);
            reply_read(own->call, 200);
        }
    }
    free(own);
}

static void on_gone(void *context)
{
    struct rebuild_call *own = context;
    struct http_output nothing = {.status = 204};

    http_reply(own->call->request, &nothing);
    own->call = NULL;
}

static enum err_code begin(struct call *call, struct view *view, struct err *err)
{
    struct rebuild_call *own = calloc(1, sizeof(*own));

    if (!own) {
        return err_set(err, ERR_NOMEM, "no memory for the request");
    }
    own->call = call;
    own->rebuild.done = on_rebuilt;
    if (view_rebuild(view, &own->rebuild, err)) {
        free(own);
        return err->code;
    }
    http_on_gone(call->request, on_gone, own);
    return ERR_NONE;
}

void handle_rebuild(struct call *call)
{
    struct node *node = call->api->options.node;
    struct view *view = node_view(node);
    struct err err = {0};

    if (!node_view_figures(node).on) {
        (void)err_set(&err, ERR_UNSUPPORTED, "this server keeps no view (--view=false)");
    } else if (!view) {
        (void)err_set(&err, ERR_BUSY, "the view is not open yet");
    } else {
        (void)begin(call, view, &err);
    }
    if (err.code) {
        reply_error(call, &err);
    }
}
