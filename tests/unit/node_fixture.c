/* A node for tests: see node_fixture.h. */
#include "tests/unit/node_fixture.h"

#include "base/log.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_NS (60 * NS_PER_SECOND)

/* --- The disk ------------------------------------------------------------------------------------
 */

static struct disk *enter(void *self)
{
    struct fixture_disk *disk = self;

    (void)pthread_mutex_lock(&disk->lock);
    return mem_disk_interface(disk->mem);
}

static enum err_code leave(void *self, enum err_code code)
{
    (void)pthread_mutex_unlock(&((struct fixture_disk *)self)->lock);
    return code;
}

static enum err_code disk_open_file(void *self, const char *path, bool create, uint64_t size,
                                    int *ret_file, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->open(below->self, path, create, size, ret_file, err));
}

static void disk_close_file(void *self, int file)
{
    struct disk *below = enter(self);

    below->close(below->self, file);
    (void)leave(self, ERR_NONE);
}

static enum err_code disk_read(void *self, int file, uint64_t offset, void *bytes, size_t size,
                               size_t *ret_size, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->read(below->self, file, offset, bytes, size, ret_size, err));
}

static enum err_code disk_write(void *self, int file, uint64_t offset, const void *bytes,
                                size_t size, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->write(below->self, file, offset, bytes, size, err));
}

static enum err_code disk_sync(void *self, int file, struct err *err)
{
    struct fixture_disk *disk = self;
    struct disk *below = enter(self);

    disk->syncs_waiting++;
    while (disk->syncs_allowed == 0) {
        (void)pthread_cond_wait(&disk->moved, &disk->lock);
    }
    disk->syncs_waiting--;
    if (disk->syncs_allowed != UINT64_MAX) {
        disk->syncs_allowed--;
    }
    return leave(self, below->sync(below->self, file, err));
}

static enum err_code disk_size(void *self, int file, uint64_t *ret_size, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->size(below->self, file, ret_size, err));
}

static enum err_code disk_sync_dir(void *self, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->sync_dir(below->self, err));
}

static enum err_code disk_rename(void *self, const char *from, const char *to, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->rename(below->self, from, to, err));
}

static enum err_code disk_remove(void *self, const char *path, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->remove(below->self, path, err));
}

static enum err_code disk_list(void *self, struct arena *arena, const char ***ret_names,
                               uint32_t *ret_count, struct err *err)
{
    struct disk *below = enter(self);

    return leave(self, below->list(below->self, arena, ret_names, ret_count, err));
}

static void disk_init(struct fixture_disk *disk)
{
    disk->disk = (struct disk){
        .self = disk,
        .open = disk_open_file,
        .close = disk_close_file,
        .read = disk_read,
        .write = disk_write,
        .sync = disk_sync,
        .size = disk_size,
        .sync_dir = disk_sync_dir,
        .rename = disk_rename,
        .remove = disk_remove,
        .list = disk_list,
    };
    disk->mem = mem_disk_create(1);
    assert_non_null(disk->mem);
    disk->syncs_allowed = UINT64_MAX;
    (void)pthread_mutex_init(&disk->lock, NULL);
    (void)pthread_cond_init(&disk->moved, NULL);
}

void node_fixture_allow_syncs(struct node_fixture *fixture, uint64_t count)
{
    (void)enter(&fixture->disk);
    fixture->disk.syncs_allowed = count;
    (void)pthread_cond_broadcast(&fixture->disk.moved);
    (void)leave(&fixture->disk, ERR_NONE);
}

struct mem_disk *node_fixture_lock_disk(struct node_fixture *fixture)
{
    (void)enter(&fixture->disk);
    return fixture->disk.mem;
}

void node_fixture_unlock_disk(struct node_fixture *fixture)
{
    (void)leave(&fixture->disk, ERR_NONE);
}

/* --- The clock -----------------------------------------------------------------------------------
 */

static uint64_t fixture_wall(void *self)
{
    const struct node_fixture *fixture = self;

    return env_system()->wall_ns(NULL) + (uint64_t)fixture->wall_offset_ns;
}

static uint64_t fixture_monotonic(void *self)
{
    (void)self;
    return env_system()->monotonic_ns(NULL);
}

static void fixture_random(void *self, void *ret_bytes, size_t size)
{
    (void)self;
    env_system()->random(NULL, ret_bytes, size);
}

/* --- Opening and closing -------------------------------------------------------------------------
 */

enum err_code node_fixture_open(struct node_fixture *fixture)
{
    return node_open(&fixture->loop, &fixture->options, &fixture->node, &fixture->err);
}

/* A new core first writes its settings, with a tick, and the log makes a segment in advance: that
 * is waited for, so that the next sync is of the next entry. */
static bool is_ready(void *context)
{
    struct node_fixture *fixture = context;
    struct node_status status = node_status(fixture->node);

    return status.health == NODE_READY && status.pending_ops == 0 &&
           replica_idle(fixture->node->replica) &&
           core_next_due_ns(node_core(fixture->node)) > node_now_ns(fixture->node);
}

void node_fixture_must_open(struct node_fixture *fixture)
{
    if (node_fixture_open(fixture)) {
        fail_msg("open: %s", fixture->err.text);
    }
    node_fixture_run(fixture, is_ready, fixture);
}

void node_fixture_close(struct node_fixture *fixture)
{
    node_fixture_allow_syncs(fixture, UINT64_MAX);
    node_close(fixture->node);
    fixture->node = NULL;
}

void node_fixture_reopen(struct node_fixture *fixture)
{
    node_fixture_close(fixture);
    node_fixture_must_open(fixture);
}

struct node_fixture *node_fixture_create(void)
{
    struct node_fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    log_setup(LOG_ERROR, LOG_TEXT);
    fixture->outcomes = calloc(FIXTURE_OUTCOMES_MAX, sizeof(*fixture->outcomes));
    assert_non_null(fixture->outcomes);
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/corvo-node-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    disk_init(&fixture->disk);
    fixture->env = (struct env){.self = fixture,
                                .wall_ns = fixture_wall,
                                .monotonic_ns = fixture_monotonic,
                                .random = fixture_random};
    fixture->options = (struct node_options){.data_dir = fixture->dir,
                                             .node_id = 1,
                                             .address = "127.0.0.1:1",
                                             .durable = true,
                                             .env = &fixture->env,
                                             .log_disk = &fixture->disk.disk};
    return fixture;
}

int node_fixture_setup(void **state)
{
    struct node_fixture *fixture = node_fixture_create();

    node_fixture_must_open(fixture);
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

int node_fixture_teardown(void **state)
{
    struct node_fixture *fixture = *state;

    node_fixture_close(fixture);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    for (uint32_t i = 0; i < fixture->outcome_count; i++) {
        assert_true(fixture->outcomes[i].answers <= 1);
    }
    mem_disk_destroy(fixture->disk.mem);
    (void)pthread_mutex_destroy(&fixture->disk.lock);
    (void)pthread_cond_destroy(&fixture->disk.moved);
    (void)nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture->outcomes);
    free(fixture);
    return 0;
}

/* --- Running the loop ----------------------------------------------------------------------------
 */

void node_fixture_run(struct node_fixture *fixture, bool (*fact)(void *context), void *context)
{
    uint64_t deadline_ns = uv_hrtime() + DEADLINE_NS;

    /* The node's own timers see to it that no turn blocks for long. */
    while (!fact(context)) {
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
        if (uv_hrtime() > deadline_ns) {
            fail_msg("the fact did not come to hold");
        }
    }
}

void node_fixture_turn(struct node_fixture *fixture, uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++) {
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
}

static bool is_answered(void *context)
{
    return ((const struct outcome *)context)->answers > 0;
}

void node_fixture_wait(struct node_fixture *fixture, const struct outcome *outcome)
{
    node_fixture_run(fixture, is_answered, &fixture->outcomes[outcome - fixture->outcomes]);
}

static bool are_all_answered(void *context)
{
    const struct node_fixture *fixture = context;

    return fixture->answers == fixture->outcome_count;
}

void node_fixture_wait_all(struct node_fixture *fixture)
{
    node_fixture_run(fixture, are_all_answered, fixture);
}

/* --- Calls ---------------------------------------------------------------------------------------
 */

struct outcome *node_fixture_outcome(struct node_fixture *fixture)
{
    struct outcome *outcome = &fixture->outcomes[fixture->outcome_count++];

    assert_true(fixture->outcome_count <= FIXTURE_OUTCOMES_MAX);
    *outcome = (struct outcome){.fixture = fixture};
    return outcome;
}

static void copy_text(char *to, size_t size, struct slice text)
{
    (void)snprintf(to, size, "%.*s", (int)text.size, (const char *)text.data);
}

static void note_result(struct outcome *outcome, const struct op_result *result)
{
    const struct op_enqueue_reply *enqueued = result->reply;
    const struct op_fetch_reply *fetched = result->reply;
    const struct op_fetch_job *job;

    outcome->result = result->err.code;
    if (result->err.code) {
        return;
    }
    if (result->spec == &op_enqueue_spec) {
        copy_text(outcome->job_id, sizeof(outcome->job_id), enqueued->job_id);
    } else if (result->spec == &op_fetch_spec && fetched->jobs.count > 0) {
        job = fetched->jobs.items;
        outcome->jobs = fetched->jobs.count;
        copy_text(outcome->job_id, sizeof(outcome->job_id), job->job_id);
        copy_text(outcome->queue, sizeof(outcome->queue), job->queue);
    }
}

void outcome_done(void *context, const struct node_reply *reply)
{
    struct outcome *outcome = context;

    outcome->answers++;
    outcome->order = ++outcome->fixture->answers;
    outcome->code = reply->err.code;
    outcome->count = reply->count;
    outcome->index = reply->index;
    if (!reply->err.code) {
        note_result(outcome, &reply->results[0]);
    }
    if (outcome->then) {
        outcome->then(outcome, outcome->context);
    }
}

void node_fixture_submit(struct node_fixture *fixture, const char *op, const void *request,
                         struct outcome *outcome)
{
    static const struct op_head head;
    struct node_op row = {.spec = op_find_name(op), .request = request};

    outcome->code =
        node_submit(fixture->node, &head, &row, 1, false, outcome_done, outcome, &fixture->err);
    if (outcome->code) {
        fixture->answers++; /* There is none to wait for. */
    }
}

static struct outcome *enqueue(struct node_fixture *fixture, const struct op_enqueue *request)
{
    struct outcome *outcome = node_fixture_outcome(fixture);

    node_fixture_submit(fixture, "enqueue", request, outcome);
    return outcome;
}

struct outcome *node_fixture_enqueue(struct node_fixture *fixture, const char *queue)
{
    struct op_enqueue request = {.queue = slice_text(queue)};

    return enqueue(fixture, &request);
}

struct outcome *node_fixture_enqueue_at(struct node_fixture *fixture, const char *queue,
                                        uint64_t scheduled_at_ns)
{
    struct op_enqueue request = {.has = UINT64_C(1) << (OP_ENQUEUE_HAS_SCHEDULED_AT - 1),
                                 .queue = slice_text(queue),
                                 .scheduled_at = scheduled_at_ns};

    return enqueue(fixture, &request);
}

struct outcome *node_fixture_enqueue_sized(struct node_fixture *fixture, const char *queue,
                                           size_t payload_size)
{
    struct op_enqueue request = {.queue = slice_text(queue)};
    struct outcome *outcome;
    uint8_t *payload = malloc(payload_size);

    assert_non_null(payload);
    assert_true(payload_size >= 2);
    memset(payload, 'x', payload_size);
    payload[0] = payload[payload_size - 1] = '"';
    request.payload = slice_of(payload, payload_size);
    outcome = enqueue(fixture, &request);
    free(payload);
    return outcome;
}

struct outcome *node_fixture_cancel(struct node_fixture *fixture, const char *job_id)
{
    struct op_job request = {.job_id = slice_text(job_id)};
    struct outcome *outcome = node_fixture_outcome(fixture);

    node_fixture_submit(fixture, "cancel", &request, outcome);
    return outcome;
}

void node_fixture_fetch(struct node_fixture *fixture, struct fetching *fetching, const char *queues,
                        uint64_t wait_ms)
{
    uint32_t count = 0;

    while (*queues) {
        size_t size = strcspn(queues, ",");

        assert_true(count < ARRAY_COUNT(fetching->names));
        fetching->names[count++] = slice_of(queues, size);
        queues += size + (queues[size] == ',');
    }
    fetching->fetch.queues = (struct list){.items = fetching->names, .count = count};
    fetching->outcome = node_fixture_outcome(fixture);
    fetching->outcome->code =
        node_fetch(fixture->node, &fetching->head, &fetching->fetch, wait_ms, outcome_done,
                   fetching->outcome, &fetching->waiter, &fixture->err);
    if (fetching->outcome->code && fetching->outcome->answers == 0) {
        fixture->answers++;
    }
}

uint64_t node_fixture_index(const struct node_fixture *fixture)
{
    return node_status(fixture->node).commit_index;
}
