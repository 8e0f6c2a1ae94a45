/* Reading the events of entries: see event_read.h.
 *
 * A row holds the events of one entry under the number of the first, so the row of a number may
 * begin before it. It is looked for in growing steps backwards: a step is only taken when no row
 * begins within the one before, so it passes few rows. */
#include "core/event_read.h"

#include "core/core_state.h"
#include "core/event.h"
#include "core/job_read.h"

#define STEP_FIRST 64
#define STEP_FACTOR 8

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct event_object, name_),    \
    .help = help_

static const struct field fields[] = {
    {ROW(1, FIELD_U64, seq, "1, 2, 3 ... over the cluster's life"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_ENUM, type, "what happened"), .flags = FIELD_ALWAYS, .words = &event_type_words},
    {ROW(3, FIELD_TEXT, job_id, "to which job; empty for queues"), .flags = FIELD_ALWAYS},
    {ROW(4, FIELD_TEXT, queue, "its queue"), .flags = FIELD_ALWAYS},
    {ROW(5, FIELD_U64, at_ns, "when, in nanoseconds since 1970"), .flags = FIELD_ALWAYS},
    {ROW(6, FIELD_JSON, data, "what belongs to it")},
    {ROW(7, FIELD_U32, job_seq, "1, 2, 3 ... of the job")},
    {ROW(8, FIELD_U32, attempt, "of the job")},
    {ROW(9, FIELD_ENUM, state, "of the job after it"), .words = &job_state_words},
    {ROW(10, FIELD_TEXT, namespace, "of the queue"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message event_object_message = {
    .name = "Event",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct event_object),
};

struct event_scan {
    struct core *core;
    struct arena *arena;
    uint64_t from_seq;
    uint64_t row_seq; /* The last row that begins at or before from_seq; 0 = none was met. */
    struct event_object *events;
    uint32_t count;
    uint32_t limit;
};

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "the answer needs more memory than a request may use");
}

/* ERR_CLOSED ends a scan without being a failure. */
static enum err_code look_for_row(void *context, struct slice key, struct slice value,
                                  struct err *err)
{
    struct event_scan *scan = context;
    uint64_t seq;

    (void)value;
    if (!number_key_read(key, &seq)) {
        return err_set(err, ERR_CORRUPT, "the key of an event row has %zu bytes", key.size);
    }
    if (seq > scan->from_seq) {
        return ERR_CLOSED;
    }
    scan->row_seq = seq;
    return ERR_NONE;
}

static enum err_code scan_events(struct event_scan *scan, uint64_t from, kv_row_fn look,
                                 struct err *err)
{
    struct kv *kv = scan->core->kv;
    struct row_key key = number_row_key(from);
    enum err_code code = kv->scan(kv->self, TABLE_EVENT, row_key_slice(&key), look, scan, err);

    return code == ERR_CLOSED ? ERR_NONE : code;
}

/* Finds the row that holds from_seq. */
static enum err_code find_row(struct event_scan *scan, uint64_t oldest, struct err *err)
{
    for (uint64_t step = STEP_FIRST;; step *= STEP_FACTOR) {
        bool all = scan->from_seq - oldest <= step;

        if (scan_events(scan, all ? oldest : scan->from_seq - step, look_for_row, err) !=
            ERR_NONE) {
            return err->code;
        }
        if (scan->row_seq) {
            return ERR_NONE;
        }
        if (all) {
            return err_set(err, ERR_CORRUPT, "event %llu has no row",
                           (unsigned long long)scan->from_seq);
        }
    }
}

static enum err_code show(struct event_scan *scan, const struct event *event, uint64_t seq,
                          uint64_t at_ns, struct err *err)
{
    struct event_object *object = &scan->events[scan->count];
    struct job_key job;

    *object = (struct event_object){
        .seq = seq,
        .type = event->type,
        .at_ns = at_ns,
        .job_seq = event->job_seq,
        .attempt = event->attempt,
        .state = event->state,
        .namespace = slice_text("default"),
    };
    if (event->queue > 0 && event->queue <= scan->core->index.queue_count) {
        object->queue = index_queue(&scan->core->index, event->queue)->row.name;
    }
    if (event->job.size > 0 && job_key_read(event->job, &job)) {
        object->job_id = job_id_text(job, scan->arena);
    }
    if (event->data.size > 0 && !arena_copy(scan->arena, event->data, &object->data)) {
        return no_memory(err);
    }
    if (event->job.size > 0 && !object->job_id.data) {
        return no_memory(err);
    }
    scan->count++;
    return ERR_NONE;
}

static enum err_code take_row(void *context, struct slice key, struct slice value, struct err *err)
{
    struct event_scan *scan = context;
    struct event_pack pack;
    uint64_t first;

    if (scan->count == scan->limit) {
        return ERR_CLOSED;
    }
    if (!number_key_read(key, &first) ||
        protobuf_read(&event_pack_message, value, scan->arena, &pack, err) != ERR_NONE) {
        return err_set(err, err->code == ERR_NOMEM ? ERR_NOMEM : ERR_CORRUPT,
                       "an event row does not decode");
    }
    for (uint32_t i = 0; i < pack.events.count && scan->count < scan->limit; i++) {
        if (first + i >= scan->from_seq && show(scan, (const struct event *)pack.events.items + i,
                                                first + i, pack.at_ns, err) != ERR_NONE) {
            return err->code;
        }
    }
    return ERR_NONE;
}

bool core_keeps_events(const struct core *core)
{
    return core->meta.events_max > 0;
}

enum err_code core_events_get(struct core *core, uint64_t from_seq, uint32_t limit,
                              struct arena *arena, struct event_page *ret_page, struct err *err)
{
    uint64_t oldest = core->meta.event_oldest;
    uint64_t last = core->meta.event_seq;
    struct event_scan scan = {.core = core, .arena = arena, .limit = limit};

    scan.from_seq = from_seq > oldest ? from_seq : oldest;
    *ret_page = (struct event_page){.oldest_seq = oldest, .last_seq = last};
    if (scan.from_seq > last) {
        return ERR_NONE;
    }
    scan.events = arena_array(arena, limit, sizeof(*scan.events));
    if (!scan.events) {
        return no_memory(err);
    }
    err->code = ERR_NONE;
    if (find_row(&scan, oldest, err) != ERR_NONE ||
        scan_events(&scan, scan.row_seq, take_row, err) != ERR_NONE) {
        return err->code;
    }
    ret_page->events = (struct list){.items = scan.events, .count = scan.count};
    return ERR_NONE;
}
