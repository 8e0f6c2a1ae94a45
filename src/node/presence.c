/* Workers in memory: see presence.h. */
#include "node/presence.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "wire/json.h"

#include <stdlib.h>

#define LOST_NS ((uint64_t)WORKER_LOST_MS * NS_PER_MS)
#define GONE_NS ((uint64_t)WORKER_GONE_MS * NS_PER_MS)

struct worker {
    uint32_t map_link;
    uint32_t next, previous; /* By when they were heard of. */
    uint32_t first_job, last_job;
    uint32_t job_count;
    uint64_t hash; /* Of the id. */
    uint64_t started_ns, heard_ns;
    uint64_t queues_hash; /* Of what `owned_queues` was made of. */
    char *owned_id;
    char *owned_hostname; /* NULL = it told none. Likewise the next. */
    char *owned_queues;   /* A JSON array. */
};

/* A job that was given to a worker and may have ended since: only core knows. */
struct worker_job {
    uint32_t map_link;
    uint32_t next, previous; /* Of the worker's. */
    uint32_t worker;
    struct job_key key;
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct worker_object, name_),   \
    .help = help_

static const struct field fields[] = {
    {ROW(1, FIELD_TEXT, id, "the worker"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_JSON, hostname, "where it runs"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_JSON, queues, "what it asked for: an array, as a string"), .flags = FIELD_ALWAYS},
    {ROW(4, FIELD_TIME, last_heartbeat, "when it was last heard of"), .flags = FIELD_ALWAYS},
    {ROW(5, FIELD_TIME, started_at, "since when it is known"), .flags = FIELD_ALWAYS},
    {ROW(6, FIELD_TEXT, active_jobs, "jobs that it runs, at most 100"),
     .flags = FIELD_LIST | FIELD_ALWAYS},
    {ROW(7, FIELD_U32, active, "how many it runs"), .flags = FIELD_ALWAYS},
    {ROW(8, FIELD_TEXT, state, "idle, busy or lost"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message worker_message = {
    .name = "Worker",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct worker_object),
};

static uint64_t worker_hash(const void *item)
{
    return ((const struct worker *)item)->hash;
}

static uint32_t *worker_link(void *item)
{
    return &((struct worker *)item)->map_link;
}

static uint64_t job_hash(const void *item)
{
    return map_mix(((const struct worker_job *)item)->key.seq);
}

static uint32_t *job_link(void *item)
{
    return &((struct worker_job *)item)->map_link;
}

static const struct map_item worker_item = {worker_hash, worker_link};
static const struct map_item job_item = {job_hash, job_link};

static struct worker *worker_at(const struct presence *presence, uint32_t id)
{
    return slab_at(&presence->workers, id);
}

static struct worker_job *job_at(const struct presence *presence, uint32_t id)
{
    return slab_at(&presence->jobs, id);
}

void presence_init(struct presence *presence)
{
    *presence = (struct presence){0};
    slab_init(&presence->workers, sizeof(struct worker));
    slab_init(&presence->jobs, sizeof(struct worker_job));
    map_init(&presence->ids, &presence->workers, &worker_item);
    map_init(&presence->job_seqs, &presence->jobs, &job_item);
}

/* --- A worker's jobs -----------------------------------------------------------------------------
 */

static void unlink_job(struct presence *presence, uint32_t id)
{
    struct worker_job *job = job_at(presence, id);
    struct worker *worker = worker_at(presence, job->worker);

    if (job->previous) {
        job_at(presence, job->previous)->next = job->next;
    } else {
        worker->first_job = job->next;
    }
    if (job->next) {
        job_at(presence, job->next)->previous = job->previous;
    } else {
        worker->last_job = job->previous;
    }
    worker->job_count--;
}

static void link_job(struct presence *presence, uint32_t id, uint32_t worker_id)
{
    struct worker_job *job = job_at(presence, id);
    struct worker *worker = worker_at(presence, worker_id);

    job->worker = worker_id;
    job->next = 0;
    job->previous = worker->last_job;
    if (worker->last_job) {
        job_at(presence, worker->last_job)->next = id;
    } else {
        worker->first_job = id;
    }
    worker->last_job = id;
    worker->job_count++;
}

static void forget_job(struct presence *presence, uint32_t id)
{
    unlink_job(presence, id);
    map_remove(&presence->job_seqs, id);
    slab_give(&presence->jobs, id);
    presence->job_count--;
}

static uint32_t find_job(const struct presence *presence, uint64_t seq)
{
    uint32_t id = map_first(&presence->job_seqs, map_mix(seq));

    while (id && job_at(presence, id)->key.seq != seq) {
        id = map_next(&presence->job_seqs, id);
    }
    return id;
}

/* The worker runs the job now, whoever did before. */
static void give_job(struct presence *presence, uint32_t worker, struct job_key key)
{
    uint32_t id = find_job(presence, key.seq);

    if (id) {
        unlink_job(presence, id);
        link_job(presence, id, worker);
        return;
    }
    id = presence->job_count < WORKER_JOBS_MAX ? slab_take(&presence->jobs) : 0;
    if (!id) {
        return;
    }
    job_at(presence, id)->key = key;
    if (!map_add(&presence->job_seqs, id)) {
        slab_give(&presence->jobs, id);
        return;
    }
    presence->job_count++;
    link_job(presence, id, worker);
}

/* Looks at some of the worker's jobs, those longest not looked at first, and forgets what ended. */
static void look_at_jobs(struct presence *presence, const struct core *core, uint32_t worker,
                         uint32_t count)
{
    uint32_t jobs = worker_at(presence, worker)->job_count;

    for (count = count < jobs ? count : jobs; count > 0; count--) {
        uint32_t id = worker_at(presence, worker)->first_job;

        struct job_key key = job_at(presence, id)->key;

        if (core_is_active(core, key.time_ns, key.seq)) {
            unlink_job(presence, id);
            link_job(presence, id, worker);
        } else {
            forget_job(presence, id);
        }
    }
}

/* --- Workers -------------------------------------------------------------------------------------
 */

static void unlink_worker(struct presence *presence, uint32_t id)
{
    struct worker *worker = worker_at(presence, id);

    if (worker->previous) {
        worker_at(presence, worker->previous)->next = worker->next;
    } else {
        presence->first = worker->next;
    }
    if (worker->next) {
        worker_at(presence, worker->next)->previous = worker->previous;
    } else {
        presence->last = worker->previous;
    }
}

static void link_first(struct presence *presence, uint32_t id)
{
    struct worker *worker = worker_at(presence, id);

    worker->previous = 0;
    worker->next = presence->first;
    if (presence->first) {
        worker_at(presence, presence->first)->previous = id;
    } else {
        presence->last = id;
    }
    presence->first = id;
}

static void forget_worker(struct presence *presence, uint32_t id)
{
    struct worker *worker = worker_at(presence, id);

    while (worker->first_job) {
        forget_job(presence, worker->first_job);
    }
    unlink_worker(presence, id);
    map_remove(&presence->ids, id);
    free(worker->owned_id);
    free(worker->owned_hostname);
    free(worker->owned_queues);
    slab_give(&presence->workers, id);
    presence->count--;
}

void presence_done(struct presence *presence)
{
    while (presence->first) {
        forget_worker(presence, presence->first);
    }
    map_done(&presence->ids);
    map_done(&presence->job_seqs);
    slab_done(&presence->workers);
    slab_done(&presence->jobs);
}

/* Forgets those that are silent for too long, and one more when there is no room. */
static void forget_silent(struct presence *presence, uint64_t now_ns, bool make_room)
{
    while (presence->last && worker_at(presence, presence->last)->heard_ns + GONE_NS <= now_ns) {
        forget_worker(presence, presence->last);
    }
    if (make_room && presence->count >= WORKERS_MAX) {
        forget_worker(presence, presence->last);
    }
}

static uint32_t find_worker(const struct presence *presence, struct slice name, uint64_t hash)
{
    uint32_t id = map_first(&presence->ids, hash);

    while (id && !slice_is(name, worker_at(presence, id)->owned_id)) {
        id = map_next(&presence->ids, id);
    }
    return id;
}

static char *copy_text(struct slice text)
{
    return text.size ? strndup((const char *)text.data, text.size) : NULL;
}

static uint32_t make_worker(struct presence *presence, uint64_t now_ns, struct slice name,
                            uint64_t hash)
{
    uint32_t id = slab_take(&presence->workers);
    struct worker *worker;

    if (!id) {
        return 0;
    }
    worker = worker_at(presence, id);
    *worker = (struct worker){.hash = hash, .started_ns = now_ns, .owned_id = copy_text(name)};
    if (!worker->owned_id || !map_add(&presence->ids, id)) {
        free(worker->owned_id);
        slab_give(&presence->workers, id);
        return 0;
    }
    presence->count++;
    link_first(presence, id);
    return id;
}

/* The worker, heard of now; 0: it told no name, or there is no memory. */
static uint32_t hear(struct presence *presence, uint64_t now_ns, struct slice name,
                     struct slice hostname)
{
    uint64_t hash = hash_bytes(name);
    uint32_t id = name.size ? find_worker(presence, name, hash) : 0;
    struct worker *worker;

    forget_silent(presence, id ? 0 : now_ns, name.size && !id);
    if (name.size && !id) {
        id = make_worker(presence, now_ns, name, hash);
    }
    if (!id) {
        return 0;
    }
    worker = worker_at(presence, id);
    unlink_worker(presence, id);
    link_first(presence, id);
    worker->heard_ns = now_ns > worker->heard_ns ? now_ns : worker->heard_ns;
    if (hostname.size && !slice_equal(hostname, slice_text(worker->owned_hostname))) {
        free(worker->owned_hostname);
        worker->owned_hostname = copy_text(hostname);
    }
    return id;
}

static uint64_t queues_hash(const struct op_fetch *fetch)
{
    const struct slice *names = fetch->queues.items;
    uint64_t hash = fetch->queues.count;

    for (uint32_t i = 0; i < fetch->queues.count; i++) {
        hash = map_mix(hash) ^ hash_bytes(names[i]);
    }
    return hash;
}

/* Most workers ask for the same queues each time. */
static void note_queues(struct worker *worker, const struct op_fetch *fetch)
{
    const struct slice *names = fetch->queues.items;
    uint64_t hash = queues_hash(fetch);
    struct buf buf;

    if (worker->owned_queues && worker->queues_hash == hash) {
        return;
    }
    buf_init(&buf, 256 * KIB);
    for (uint32_t i = 0; i < fetch->queues.count; i++) {
        (void)buf_add_byte(&buf, i ? ',' : '[');
        json_write_text(&buf, names[i]);
    }
    (void)buf_add_byte(&buf, ']');
    free(worker->owned_queues);
    worker->owned_queues = buf.failed ? NULL : copy_text(buf_slice(&buf));
    worker->queues_hash = hash;
    buf_done(&buf);
}

void presence_asks(struct presence *presence, uint64_t now_ns, const struct op_fetch *fetch)
{
    uint32_t id = hear(presence, now_ns, fetch->worker_id, fetch->hostname);

    if (id) {
        note_queues(worker_at(presence, id), fetch);
    }
}

void presence_took(struct presence *presence, const struct core *core, uint64_t now_ns,
                   const struct op_fetch *fetch, const struct list *jobs)
{
    uint32_t id = hear(presence, now_ns, fetch->worker_id, fetch->hostname);

    for (uint32_t i = 0; id && i < jobs->count; i++) {
        struct job_key key;

        if (job_id_parse(((const struct op_fetch_job *)jobs->items)[i].job_id, &key)) {
            give_job(presence, id, key);
        }
    }
    if (id) {
        look_at_jobs(presence, core, id, 2 * jobs->count);
    }
}

void presence_beats(struct presence *presence, uint64_t now_ns, struct slice worker_id,
                    struct slice hostname, struct job_key job)
{
    uint32_t id = hear(presence, now_ns, worker_id, hostname);

    if (id) {
        give_job(presence, id, job);
    }
}

/* --- The list ------------------------------------------------------------------------------------
 */

/* The text as a JSON string in the arena; empty when there is none or no memory. */
static struct slice as_json(struct arena *arena, const char *text)
{
    struct slice json = {0};
    struct buf buf;

    if (!text) {
        return json;
    }
    buf_init(&buf, MIB);
    json_write_text(&buf, slice_text(text));
    if (buf.failed || !arena_copy(arena, buf_slice(&buf), &json)) {
        json = slice_of(NULL, 0);
    }
    buf_done(&buf);
    return json;
}

static bool list_jobs(struct presence *presence, const struct worker *worker, struct arena *arena,
                      struct list *ret_ids)
{
    uint32_t count = worker->job_count < WORKER_JOBS_SHOWN ? worker->job_count : WORKER_JOBS_SHOWN;
    struct slice *ids = arena_array(arena, count, sizeof(*ids));
    uint32_t at = worker->first_job;

    for (uint32_t i = 0; ids && i < count; i++) {
        ids[i] = job_id_text(job_at(presence, at)->key, arena);
        at = job_at(presence, at)->next;
    }
    *ret_ids = (struct list){.items = ids, .count = count};
    return ids != NULL;
}

static const char *state_of(const struct worker *worker, uint64_t now_ns)
{
    if (worker->heard_ns + LOST_NS <= now_ns) {
        return "lost";
    }
    return worker->job_count > 0 ? "busy" : "idle";
}

uint32_t presence_heard(const struct presence *presence, uint64_t now_ns)
{
    uint32_t count = 0;

    for (uint32_t id = presence->first; id && worker_at(presence, id)->heard_ns + LOST_NS > now_ns;
         id = worker_at(presence, id)->next) {
        count++;
    }
    return count;
}

enum err_code presence_list(struct presence *presence, const struct core *core, uint64_t now_ns,
                            struct arena *arena, struct list *ret_workers, struct err *err)
{
    struct worker_object *objects;
    uint32_t count = 0;

    forget_silent(presence, now_ns, false);
    objects = arena_array(arena, presence->count, sizeof(*objects));
    for (uint32_t id = presence->first; objects && id; id = worker_at(presence, id)->next) {
        struct worker *worker = worker_at(presence, id);
        struct worker_object *object = &objects[count++];

        look_at_jobs(presence, core, id, worker->job_count);
        *object = (struct worker_object){
            .id = slice_text(worker->owned_id),
            .hostname = as_json(arena, worker->owned_hostname),
            .queues = as_json(arena, worker->owned_queues),
            .last_heartbeat = worker->heard_ns,
            .started_at = worker->started_ns,
            .active = worker->job_count,
            .state = slice_text(state_of(worker, now_ns)),
        };
        if (!list_jobs(presence, worker, arena, &object->active_jobs)) {
            objects = NULL;
        }
    }
    if (!objects) {
        return err_set(err, ERR_NOMEM, "the answer needs more memory than a request may use");
    }
    *ret_workers = (struct list){.items = objects, .count = count};
    return ERR_NONE;
}
