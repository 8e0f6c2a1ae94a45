/* The consensus driver: feeds libraft's step core with events and carries out its updates.
 *
 * libraft decides and keeps (index, term) only; the entries' bytes are kept here until they are
 * applied, the log store has them for good. There is one member for now, so there is no transport:
 * messages to send and followers' truncations are asserted away. It refuses to know what an entry
 * means. */
#include "replica/driver.h"

#include <inttypes.h>
#include <stdlib.h>

_Static_assert(RECORD_COMMAND == (int)RAFT_COMMAND && RECORD_BARRIER == (int)RAFT_BARRIER &&
                   RECORD_CHANGE == (int)RAFT_CHANGE,
               "record types are stored and are libraft's");

static uint64_t now_ns(const struct replica *replica)
{
    return replica->io.env->monotonic_ns(replica->io.env->self);
}

static void entry_destroy(struct log_entry *entry)
{
    if (entry) {
        free(entry->bytes);
        free(entry);
    }
}

void driver_fail(struct replica *replica, const struct err *why)
{
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    replica->failure = *why;
    replica->state = REPLICA_FAILED;
    if (!replica->opening) {
        replica->events.state(replica->events.self, REPLICA_FAILED);
    }
}

/* What a new segment's header says about members. */
static struct segments_configuration configuration_before(const struct replica *replica,
                                                          uint64_t index)
{
    const struct driver_configuration *stored = driver_configuration_at(replica, index - 1);

    if (!stored) {
        return (struct segments_configuration){0};
    }
    return (struct segments_configuration){.index = stored->index,
                                           .bytes = slice_of(stored->bytes, stored->size)};
}

static void take_outcome(struct replica *replica, const struct segments_write *plan)
{
    if (plan->syncs > 0) {
        replica->syncs += plan->syncs;
        replica->sync_ns_last = plan->sync_ns;
    }
}

static void write_work(struct replica_job *job)
{
    struct driver_write *write = (struct driver_write *)job;

    segments_write_work(write->replica->segments, &write->plan);
}

static void write_done(struct replica_job *job);

static void run_write(struct replica *replica, struct driver_write *write)
{
    write->running = true;
    write->job = (struct replica_job){.work = write_work, .done = write_done};
    replica->io.run(replica->io.self, &write->job);
}

bool driver_is_held(const struct replica *replica)
{
    /* While it runs its outcome is the log thread's. */
    return replica->writes && !replica->writes->running &&
           replica->writes->plan.err.code == ERR_NO_SPACE;
}

static bool any_running(const struct replica *replica)
{
    for (const struct driver_write *write = replica->writes; write; write = write->next) {
        if (write->running) {
            return true;
        }
    }
    return false;
}

static void stored_up_to(struct replica *replica, uint64_t index)
{
    struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES};
    struct err err;

    /* libraft does not check this: an index that is not new, or not in its log, would corrupt it
     * silently. */
    assert(index > replica->stored && index <= raft_last_index(&replica->raft));
    replica->stored = index;
    event.persisted_entries.index = index;
    if (driver_step(replica, &event, &err) != ERR_NONE) {
        driver_fail(replica, &err);
    }
}

static void write_done(struct replica_job *job)
{
    struct driver_write *write = (struct driver_write *)job;
    struct replica *replica = write->replica;

    write->running = false;
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    if (write->plan.err.code == ERR_NO_SPACE) {
        /* It stays in the list, and so do the later ones: they are tried again in order. */
        replica->no_space = write->plan.err;
        driver_settle(replica);
        return;
    }
    if (write->plan.err.code != ERR_NONE) {
        driver_fail(replica, &write->plan.err);
        return;
    }
    assert(write == replica->writes);
    take_outcome(replica, &write->plan);
    replica->writes = write->next;
    if (!replica->writes) {
        replica->writes_tail = NULL;
    }
    replica->write_count--;
    stored_up_to(replica, write->plan.last_index);
    free(write);
    driver_settle(replica);
}

/* An entry that libraft made by itself (its barrier as a new leader); its bytes become ours. */
static struct log_entry *own_entry(const struct raft_entry *from)
{
    struct log_entry *entry = calloc(1, sizeof *entry);

    if (entry) {
        entry->bytes = from->buf.base;
        entry->size = from->buf.len;
    }
    return entry;
}

/* Queues the entries of an update and starts writing them, as one batch. */
static enum err_code persist(struct replica *replica, const struct raft_update *update,
                             struct err *err)
{
    struct driver_write *write = replica->staged_write;
    struct log_entry *first = NULL;
    uint64_t index = update->entries.index;

    /* Below would be a follower's truncation. */
    assert(index == segments_last_index(replica->segments) + 1);
    replica->staged_write = NULL;
    if (!write) {
        write = calloc(1, sizeof *write);
    }
    if (!write) {
        return err_set(err, ERR_NOMEM, "no memory for a log write");
    }
    for (unsigned i = 0; i < update->entries.n; i++) {
        const struct raft_entry *from = &update->entries.batch[i];
        struct log_entry *entry = replica->staged_entry ? replica->staged_entry : own_entry(from);

        replica->staged_entry = NULL;
        if (!entry) {
            free(write);
            return err_set(err, ERR_NOMEM, "no memory for a log entry");
        }
        entry->next = NULL;
        entry->index = index + i;
        entry->term = from->term;
        entry->type = (enum record_type)from->type;
        if (replica->tail) {
            replica->tail->next = entry;
        } else {
            replica->head = entry;
        }
        replica->tail = entry;
        first = first ? first : entry;
    }
    segments_plan(replica->segments, first, update->entries.n, configuration_before(replica, index),
                  &write->plan);
    write->replica = replica;
    if (replica->writes_tail) {
        replica->writes_tail->next = write;
    } else {
        replica->writes = write;
    }
    replica->writes_tail = write;
    replica->write_count++;
    if (!driver_is_held(replica)) {
        run_write(replica, write);
    }
    return ERR_NONE;
}

static enum err_code store_vote(struct replica *replica, struct err *err)
{
    replica->meta.slot.term = raft_current_term(&replica->raft);
    replica->meta.slot.vote = raft_voted_for(&replica->raft);
    replica->meta.slot.durable_index = replica->stored;
    return meta_store(&replica->meta, err);
}

static void note_state(struct replica *replica, const struct raft_update *update)
{
    enum replica_state state = REPLICA_FOLLOWER;

    replica->barrier_index = 0;
    replica->barrier_wanted = false;
    switch (raft_state(&replica->raft)) {
    case RAFT_LEADER:
        /* It may answer only when an entry of its own term is committed and all before it are
         * applied. */
        if (update->flags & (RAFT_UPDATE_ENTRIES)) {
            replica->barrier_index = update->entries.index;
        } else {
            replica->barrier_wanted = true;
        }
        return;
    case RAFT_CANDIDATE:
        state = REPLICA_CANDIDATE;
        break;
    default:
        break;
    }
    if (replica->state != REPLICA_FAILED && replica->state != state) {
        replica->state = state;
        replica->events.state(replica->events.self, state);
    }
}

enum err_code driver_step(struct replica *replica, struct raft_event *event, struct err *err)
{
    struct raft_update update = {0};
    enum err_code code;

    event->time = now_ns(replica) / NS_PER_MS;
    code = driver_raft_error(replica, raft_step(&replica->raft, event, &update), err);
    if (code != ERR_NONE) {
        return code;
    }
    /* Term and vote first: nothing may follow from them before they are durable. */
    if (update.flags & ((RAFT_UPDATE_CURRENT_TERM) | (RAFT_UPDATE_VOTED_FOR))) {
        code = store_vote(replica, err);
        if (code != ERR_NONE) {
            driver_fail(replica, err);
            return code;
        }
    }
    /* One member has nobody to send to and nobody to get a snapshot from. */
    assert(!(update.flags & ((RAFT_UPDATE_MESSAGES) | (RAFT_UPDATE_SNAPSHOT))));
    if (update.flags & (RAFT_UPDATE_ENTRIES)) {
        code = persist(replica, &update, err);
        if (code != ERR_NONE) {
            /* libraft has the entries in its log and can not give them back. */
            driver_fail(replica, err);
            return code;
        }
    }
    if (update.flags & (RAFT_UPDATE_STATE)) {
        note_state(replica, &update);
    }
    return ERR_NONE;
}

static void deliver(struct replica *replica, const struct record *record)
{
    struct err err;

    assert(record->index == replica->applied + 1);
    if (record->type == RECORD_CHANGE &&
        driver_commit_configuration(replica, record->index, &err) != ERR_NONE) {
        driver_fail(replica, &err);
        return;
    }
    replica->applied = record->index;
    replica->events.commit(replica->events.self, record->index, record->term,
                           record->type == RECORD_COMMAND ? record->payload : slice_of(NULL, 0));
}

static void deliver_from_memory(struct replica *replica)
{
    struct log_entry *entry = replica->head;
    struct record record = {
        .type = entry->type,
        .index = entry->index,
        .term = entry->term,
        .payload = slice_of(entry->bytes, entry->size),
    };

    replica->head = entry->next;
    if (!replica->head) {
        replica->tail = NULL;
    }
    deliver(replica, &record);
    entry_destroy(entry);
}

/* Replay: the entry is not in memory, so it comes from the log. */
static void deliver_from_log(struct replica *replica)
{
    struct record record;
    struct err err;
    enum err_code code = ERR_NONE;

    if (!replica->cursor) {
        code =
            segments_cursor_open(replica->segments, replica->applied + 1, &replica->cursor, &err);
    }
    if (code == ERR_NONE) {
        code = segments_cursor_next(replica->cursor, &record, &err);
    }
    if (code != ERR_NONE) {
        driver_fail(replica, &err);
        return;
    }
    deliver(replica, &record);
}

/* Gives all entries that are committed and durable to the state machine. A commit callback may
 * submit: what that makes possible is done by the loop that is already running. */
static void apply(struct replica *replica)
{
    if (replica->applying) {
        return;
    }
    replica->applying = true;
    while (replica->state != REPLICA_FAILED) {
        uint64_t limit = raft_commit_index(&replica->raft);

        if (limit > replica->stored) {
            limit = replica->stored;
        }
        if (replica->applied >= limit) {
            break;
        }
        if (replica->head && replica->head->index == replica->applied + 1) {
            deliver_from_memory(replica);
        } else {
            deliver_from_log(replica);
        }
    }
    segments_cursor_close(replica->cursor);
    replica->cursor = NULL;
    replica->applying = false;
}

static enum err_code submit_entry(struct replica *replica, enum raft_entry_type type,
                                  uint8_t *owned_bytes, size_t size, struct err *err)
{
    static uint8_t nothing;
    struct log_entry *entry = calloc(1, sizeof *entry);
    struct driver_write *write = calloc(1, sizeof *write);
    struct raft_entry raft_entry = {
        .term = raft_current_term(&replica->raft),
        .type = type,
        .buf = {.base = owned_bytes ? owned_bytes : &nothing, .len = size},
        .batch = owned_bytes ? owned_bytes : &nothing,
    };
    struct raft_event event = {.type = RAFT_SUBMIT, .submit = {.entries = &raft_entry, .n = 1}};
    enum err_code code;

    if (!entry || !write) {
        free(entry);
        free(write);
        return err_set(err, ERR_NOMEM, "no memory for a log entry");
    }
    entry->size = size;
    entry->bytes = owned_bytes;
    replica->staged_entry = entry;
    replica->staged_write = write;
    code = driver_step(replica, &event, err);
    if (code != ERR_NONE) {
        /* Refused: the bytes stay the caller's. */
        assert(replica->staged_entry == entry);
        free(replica->staged_entry);
        free(replica->staged_write);
        replica->staged_entry = NULL;
        replica->staged_write = NULL;
    }
    return code;
}

static void submit_barrier(struct replica *replica)
{
    struct err err;
    enum err_code code = segments_room(replica->segments, record_size(0), true, &err);

    replica->barrier_wanted = false;
    if (code == ERR_NONE) {
        code = submit_entry(replica, RAFT_BARRIER, NULL, 0, &err);
    }
    if (code != ERR_NONE) {
        driver_fail(replica, &err);
        return;
    }
    replica->barrier_index = segments_last_index(replica->segments);
}

static void arm_timer(struct replica *replica)
{
    uint64_t at_ns = raft_timeout(&replica->raft) * NS_PER_MS;

    if (replica->retry_at_ns > 0 && replica->retry_at_ns < at_ns) {
        at_ns = replica->retry_at_ns;
    }
    if (at_ns != replica->timer_at_ns) {
        replica->timer_at_ns = at_ns;
        replica->io.set_timer(replica->io.self, at_ns);
    }
}

/* The writes that had no space wait for the timer; all of them, so that none overtakes. */
static void maybe_hold(struct replica *replica)
{
    if (driver_is_held(replica) && !any_running(replica) && replica->retry_at_ns == 0) {
        replica->retry_at_ns = now_ns(replica) + DRIVER_RETRY_NS;
    }
}

static bool has_space(const struct replica *replica)
{
    bool retrying = replica->writes && replica->writes->plan.resume;

    return !driver_is_held(replica) && !retrying && !segments_lacks_space(replica->segments);
}

static void retry(struct replica *replica)
{
    replica->retry_at_ns = 0;
    if (!driver_is_held(replica) || any_running(replica)) {
        return;
    }
    for (struct driver_write *write = replica->writes; write; write = write->next) {
        write->plan.err = (struct err){0};
        write->plan.resume = write == replica->writes;
        run_write(replica, write);
    }
}

void driver_settle(struct replica *replica)
{
    apply(replica);
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    if (replica->barrier_wanted) {
        submit_barrier(replica);
    }
    if (replica->barrier_index > 0 && replica->applied >= replica->barrier_index &&
        replica->state != REPLICA_LEADER && replica->state != REPLICA_FAILED) {
        replica->state = REPLICA_LEADER;
        replica->events.state(replica->events.self, REPLICA_LEADER);
    }
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    if (has_space(replica)) {
        replica->no_space = (struct err){0};
    }
    maybe_hold(replica);
    driver_prepare_segment(replica);
    arm_timer(replica);
}

static enum err_code check_submit(struct replica *replica, size_t size, struct err *err)
{
    enum err_code code;

    if (replica->state == REPLICA_FAILED) {
        return err_set(err, ERR_IO, "the log failed: %s", replica->failure.text);
    }
    if (replica->state != REPLICA_LEADER) {
        return err_set(err, ERR_NOT_LEADER, "this node is not the leader");
    }
    if (size == 0 || size > ENTRY_SIZE_MAX) {
        return err_set(err, size == 0 ? ERR_INVALID : ERR_TOO_LARGE,
                       "an entry of %zu bytes, not 1 to %zu", size, ENTRY_SIZE_MAX);
    }
    if (driver_is_held(replica)) {
        return err_set(err, ERR_NO_SPACE, "%s", replica->no_space.text);
    }
    if (replica->write_count >= LOG_WRITES_IN_FLIGHT) {
        return err_set(err, ERR_BUSY, "%u log writes are in flight", replica->write_count);
    }
    code = segments_room(replica->segments, record_size(size), false, err);
    if (code == ERR_NO_SPACE && err) {
        replica->no_space = *err;
    }
    return code;
}

enum err_code replica_submit(struct replica *replica, uint8_t *owned_bytes, size_t size,
                             uint64_t *ret_index, struct err *err)
{
    struct err local;
    struct err *why = err ? err : &local;
    enum err_code code = check_submit(replica, size, why);

    if (code == ERR_NONE) {
        code = submit_entry(replica, RAFT_COMMAND, owned_bytes, size, why);
    }
    if (code != ERR_NONE) {
        return code;
    }
    *ret_index = segments_last_index(replica->segments);
    driver_settle(replica);
    return ERR_NONE;
}

bool replica_writable(const struct replica *replica)
{
    return replica->state == REPLICA_LEADER && replica->write_count < LOG_WRITES_IN_FLIGHT &&
           !driver_is_held(replica);
}

bool replica_idle(const struct replica *replica)
{
    return !any_running(replica) && !replica->prepare.running && !replica->cut.running;
}

struct replica_status replica_status(const struct replica *replica)
{
    struct replica_status status = {
        .state = replica->state,
        .term = raft_current_term(&replica->raft),
        .commit_index = raft_commit_index(&replica->raft),
        .last_index = segments_last_index(replica->segments),
        .first_index = segments_first_index(replica->segments),
        .log_bytes = segments_bytes(replica->segments),
        .writes_in_flight = replica->write_count,
        .syncs = replica->syncs,
        .sync_ns_last = replica->sync_ns_last,
        .cluster_id = replica->meta.slot.cluster_id,
        .failure = replica->no_space,
    };

    if (replica->state == REPLICA_FAILED) {
        status.failure = replica->failure;
    }
    return status;
}

const char *replica_note(const struct replica *replica)
{
    return replica->note;
}

void replica_timeout(struct replica *replica)
{
    struct raft_event event = {.type = RAFT_TIMEOUT};
    struct err err;
    uint64_t now = now_ns(replica);

    replica->timer_at_ns = 0;
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    if (replica->retry_at_ns > 0 && now >= replica->retry_at_ns) {
        retry(replica);
    }
    if (now >= raft_timeout(&replica->raft) * NS_PER_MS &&
        driver_step(replica, &event, &err) != ERR_NONE) {
        driver_fail(replica, &err);
        return;
    }
    driver_settle(replica);
}
