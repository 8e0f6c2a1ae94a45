/* Opening and closing a replica: the log is read, libraft is started on it, what is committed is
 * replayed. */
#include "replica/driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_SIZE_DEFAULT (64 * MIB)
#define FIRST_SEGMENT_SIZE (8 * MIB)
#define ELECTION_TIMEOUT_MS 300
#define HEARTBEAT_MS 75

/* Who owns which memory changed after 0.22.1. */
_Static_assert(RAFT_VERSION_NUMBER == 2201, "the driver is written for libraft 0.22.1");

/* The packaged shared library hides it, a static or later one does not: NULL when hidden. */
#pragma weak raft_version_number

/* What libraft wants to know of each entry, gathered while the log is read. */
struct start {
    struct replica *replica;
    struct raft_entry *entries; /* From raft_malloc: raft_step frees them when it fails. */
    unsigned count, capacity;
};

static enum err_code add_entry(struct start *start, const struct record *record, struct err *err)
{
    if (start->count == start->capacity) {
        unsigned capacity = start->capacity * 2 + 1024;
        struct raft_entry *grown =
            raft_realloc(start->entries, (size_t)capacity * sizeof *start->entries);

        if (!grown) {
            return err_set(err, ERR_NOMEM, "no memory for the terms of %u entries", capacity);
        }
        start->entries = grown;
        start->capacity = capacity;
    }
    start->entries[start->count] = (struct raft_entry){
        .term = record->term,
        .type = (enum raft_entry_type)record->type,
    };
    start->count++;
    return ERR_NONE;
}

static enum err_code visit_record(void *self, const struct record *record, struct err *err)
{
    struct start *start = self;
    enum err_code code = add_entry(start, record, err);

    if (code == ERR_NONE && record->type == RECORD_CHANGE) {
        code = driver_add_configuration(start->replica, record->index, record->payload, err);
    }
    return code;
}

static enum err_code open_meta(struct replica *replica, struct err *err)
{
    struct meta *meta = &replica->meta;
    enum err_code code = meta_open(meta, replica->io.disk, err);
    bool exist = false;

    if (code == ERR_NONE && !meta->found) {
        code = segments_exist(replica->io.disk, &exist, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    if (exist) {
        return err_set(err, ERR_CORRUPT,
                       "meta-0: offset 0: missing or damaged, and meta-1 too, but there is a log");
    }
    if (!meta->found && !replica->options.bootstrap) {
        return err_set(err, ERR_STATE, "there is no log, and forming a new cluster was not asked");
    }
    if (meta->found && meta->damaged) {
        (void)snprintf(replica->note, sizeof replica->note,
                       "meta-%u was missing or damaged and is written anew", 1 - meta->newer);
    }
    while (!meta->found && meta->slot.cluster_id == 0) {
        replica->io.env->random(replica->io.env->self, &meta->slot.cluster_id,
                                sizeof meta->slot.cluster_id);
    }
    return ERR_NONE;
}

static enum err_code open_segments(struct start *start, struct segments_found *ret_found,
                                   struct err *err)
{
    struct replica *replica = start->replica;
    struct segments_options options = {
        .env = replica->io.env,
        .disk = replica->io.disk,
        .durable = replica->options.durable,
        .segment_size = replica->options.segment_size,
        .first_size = FIRST_SEGMENT_SIZE,
        .cluster_id = replica->meta.slot.cluster_id,
        .durable_index = replica->meta.slot.durable_index,
        .needed_index = replica->options.applied + 1,
    };
    enum err_code code;

    if (options.first_size > options.segment_size) {
        options.first_size = options.segment_size;
    }
    /* What the state machine holds had been committed. */
    if (options.durable_index < replica->options.applied) {
        options.durable_index = replica->options.applied;
    }
    code = segments_open(&options, visit_record, start, &replica->segments, ret_found, err);
    if (code == ERR_NONE && ret_found->note[0]) {
        (void)snprintf(replica->note, sizeof replica->note, "%s", ret_found->note);
    }
    return code;
}

/* Writes entry 1, which says that this node is the cluster. */
static enum err_code write_first_entry(struct replica *replica, struct raft_buffer *configuration,
                                       struct err *err)
{
    struct segments_write *write = calloc(1, sizeof *write);
    struct log_entry entry = {
        .index = 1,
        .term = replica->meta.slot.term,
        .type = RECORD_CHANGE,
        .size = configuration->len,
        .bytes = configuration->base,
    };
    enum err_code code;

    if (!write) {
        return err_set(err, ERR_NOMEM, "no memory for a log write");
    }
    code = segments_room(replica->segments, record_size(entry.size), true, err);
    if (code == ERR_NONE) {
        segments_plan(replica->segments, &entry, 1, (struct segments_configuration){0}, write);
        segments_write_work(replica->segments, write);
        code = write->err.code;
        if (code != ERR_NONE && err) {
            *err = write->err;
        }
    }
    /* Without the sync of each batch this one is still to be found again. */
    if (code == ERR_NONE) {
        code = segments_sync(replica->segments, err);
    }
    free(write);
    return code;
}

static enum err_code bootstrap(struct start *start, struct err *err)
{
    struct replica *replica = start->replica;
    struct meta *meta = &replica->meta;
    struct raft_configuration configuration;
    struct raft_buffer buffer = {0};
    enum err_code code = ERR_NONE;
    int raft_code;

    if (!replica->options.bootstrap) {
        return err_set(err, ERR_STATE, "the log is empty, and forming a new cluster was not asked");
    }
    raft_configuration_init(&configuration);
    raft_code = raft_configuration_add(&configuration, replica->options.node_id, replica->address,
                                       RAFT_VOTER);
    if (raft_code == 0) {
        raft_code = raft_configuration_encode(&configuration, &buffer);
    }
    raft_configuration_close(&configuration);
    if (raft_code != 0) {
        return err_set(err, ERR_NOMEM, "no memory for a configuration");
    }
    if (buffer.len > SEGMENT_CONFIGURATION_MAX) {
        code = err_set(err, ERR_TOO_LARGE, "an address of %zu bytes", strlen(replica->address));
    }
    if (code == ERR_NONE && !meta->found) {
        meta->slot.term = 1;
        meta->slot.vote = replica->options.node_id;
        code = meta_store(meta, err);
    }
    if (code == ERR_NONE) {
        code = write_first_entry(replica, &buffer, err);
    }
    if (code == ERR_NONE) {
        struct record record = {
            .type = RECORD_CHANGE,
            .index = 1,
            .term = meta->slot.term,
            .payload = slice_of(buffer.base, buffer.len),
        };

        code = visit_record(start, &record, err);
    }
    raft_free(buffer.base);
    return code;
}

static enum err_code check_log(const struct replica *replica, struct err *err)
{
    if (segments_last_term(replica->segments) > replica->meta.slot.term) {
        return err_set(
            err, ERR_CORRUPT, "meta-%u: offset 40: term %" PRIu64 ", but the log has term %" PRIu64,
            replica->meta.newer, replica->meta.slot.term, segments_last_term(replica->segments));
    }
    return ERR_NONE;
}

/* This build is a cluster of one: it can not reach other members, so it must not run beside them.
 */
static enum err_code check_members(const struct replica *replica, struct err *err)
{
    const struct driver_configuration *stored =
        driver_configuration_at(replica, segments_last_index(replica->segments));
    struct raft_configuration configuration;
    bool alone;
    enum err_code code;

    if (!stored) {
        return err_set(err, ERR_CORRUPT, "the log does not say who its members are");
    }
    code = driver_decode_configuration(stored, &configuration, err);
    if (code != ERR_NONE) {
        return code;
    }
    alone = configuration.n == 1 && configuration.servers[0].id == replica->options.node_id &&
            configuration.servers[0].role == RAFT_VOTER;
    raft_configuration_close(&configuration);
    if (!alone) {
        return err_set(err, ERR_UNSUPPORTED, "node %" PRIu64 " is not the only member of the log",
                       replica->options.node_id);
    }
    return ERR_NONE;
}

/* libraft makes a lone voter leader without a new term. We give it one, voted for by itself as in
 * any election, so that each leadership has its own term and no entry can be mistaken for one of an
 * earlier, lost tail. The same write records how much of the log is durable now. */
static enum err_code begin_term(struct replica *replica, struct err *err)
{
    replica->meta.slot.term++;
    replica->meta.slot.vote = replica->options.node_id;
    replica->meta.slot.durable_index = segments_last_index(replica->segments);
    return meta_store(&replica->meta, err);
}

static enum err_code open_log(struct start *start, struct err *err)
{
    struct replica *replica = start->replica;
    struct segments_found *found = calloc(1, sizeof *found);
    enum err_code code;

    if (!found) {
        return err_set(err, ERR_NOMEM, "no memory to open the log");
    }
    code = open_meta(replica, err);
    if (code == ERR_NONE) {
        code = open_segments(start, found, err);
    }
    if (code == ERR_NONE && found->empty) {
        code = bootstrap(start, err);
    }
    if (code == ERR_NONE && found->configuration_size > 0) {
        code = driver_add_configuration(replica, found->configuration_index,
                                        slice_of(found->configuration, found->configuration_size),
                                        err);
        /* The visits came first, but it precedes them all. */
        if (code == ERR_NONE && replica->configuration_count > 1) {
            uint32_t last = replica->configuration_count - 1;
            struct driver_configuration base = replica->configurations[last];

            memmove(replica->configurations + 1, replica->configurations,
                    last * sizeof *replica->configurations);
            replica->configurations[0] = base;
        }
    }
    free(found);
    if (code == ERR_NONE) {
        code = check_log(replica, err);
    }
    if (code == ERR_NONE) {
        code = check_members(replica, err);
    }
    return code == ERR_NONE ? begin_term(replica, err) : code;
}

static enum err_code init_raft(struct replica *replica, struct err *err)
{
    const struct replica_options *options = &replica->options;
    unsigned seed;
    int code = raft_init(&replica->raft, NULL, NULL, options->node_id, replica->address);

    if (code != 0) {
        return err_set(err, ERR_NOMEM, "no memory for libraft");
    }
    replica->raft_ready = true;
    replica->raft.tracer = NULL; /* It would format every message, wanted or not. */
    replica->io.env->random(replica->io.env->self, &seed, sizeof seed);
    raft_seed(&replica->raft, seed);
    raft_set_election_timeout(&replica->raft, options->election_timeout_ms);
    raft_set_heartbeat_timeout(&replica->raft, options->heartbeat_ms);
    raft_set_pre_vote(&replica->raft, true);
    /* The library's name does not tell its version, so see whether it lays out its struct as our
     * header does. */
    if (replica->raft.election_timeout != options->election_timeout_ms ||
        replica->raft.heartbeat_timeout != options->heartbeat_ms || !replica->raft.pre_vote ||
        replica->raft.max_inflight_entries != 32) {
        return err_set(err, ERR_UNSUPPORTED, "another libraft is installed than 0.22.1");
    }
    return ERR_NONE;
}

/* What precedes the first entry, as the snapshot that it comes after. */
static enum err_code base_metadata(const struct replica *replica,
                                   struct raft_snapshot_metadata *ret_metadata, struct err *err)
{
    uint64_t last_index;
    uint64_t last_term;
    const struct driver_configuration *stored;

    segments_base(replica->segments, &last_index, &last_term);
    stored = driver_configuration_at(replica, last_index);
    if (!stored || last_term == 0) {
        return err_set(err, ERR_CORRUPT,
                       "the first segment (offset 48) does not say what precedes it");
    }
    ret_metadata->index = last_index;
    ret_metadata->term = last_term;
    ret_metadata->configuration_index = stored->index;
    return driver_decode_configuration(stored, &ret_metadata->configuration, err);
}

static enum err_code start_raft(struct start *start, struct err *err)
{
    struct replica *replica = start->replica;
    struct raft_snapshot_metadata metadata;
    struct raft_event event = {.type = RAFT_START};
    uint64_t first_index = segments_first_index(replica->segments);
    enum err_code code;

    event.start.term = replica->meta.slot.term;
    event.start.voted_for = replica->meta.slot.vote;
    event.start.start_index = first_index;
    event.start.n_entries = start->count;
    event.start.entries = start->count > 0 ? start->entries : NULL;
    for (uint32_t i = 0; i < replica->configuration_count; i++) {
        const struct driver_configuration *stored = &replica->configurations[i];

        if (stored->index >= first_index) {
            start->entries[stored->index - first_index].buf =
                (struct raft_buffer){.base = stored->bytes, .len = stored->size};
        }
    }
    if (first_index > 1) {
        code = base_metadata(replica, &metadata, err);
        if (code != ERR_NONE) {
            return code;
        }
        event.start.metadata = &metadata;
    }
    code = driver_step(replica, &event, err);
    if (code != ERR_NONE && raft_state(&replica->raft) == RAFT_FOLLOWER) {
        start->entries = NULL; /* Freed by libraft; in later states it failed after reading them. */
    }
    return code;
}

/* libraft holds the last configuration for uncommitted when it is not entry 1. Those that were
 * applied are committed; the others become so when they are replayed. */
static enum err_code commit_configurations(struct replica *replica, struct err *err)
{
    uint64_t first_index = segments_first_index(replica->segments);

    for (uint32_t i = 0; i < replica->configuration_count; i++) {
        uint64_t index = replica->configurations[i].index;

        if (index >= first_index && index <= replica->applied) {
            enum err_code code = driver_commit_configuration(replica, index, err);

            if (code != ERR_NONE) {
                return code;
            }
        }
    }
    return ERR_NONE;
}

static enum err_code start_replica(struct replica *replica, struct err *err)
{
    struct start start = {.replica = replica};
    enum err_code code = open_log(&start, err);

    if (code == ERR_NONE) {
        replica->stored = segments_last_index(replica->segments);
        replica->applied = replica->options.applied;
        code = init_raft(replica, err);
    }
    if (code == ERR_NONE) {
        code = start_raft(&start, err);
    }
    raft_free(start.entries);
    if (code == ERR_NONE) {
        code = commit_configurations(replica, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    driver_settle(replica);
    if (replica->state == REPLICA_FAILED) {
        return err_set(err, replica->failure.code, "%s", replica->failure.text);
    }
    return ERR_NONE;
}

static enum err_code check_options(const struct replica_options *options, struct err *err)
{
    if (raft_version_number && raft_version_number() != RAFT_VERSION_NUMBER) {
        return err_set(err, ERR_UNSUPPORTED, "libraft %d is installed, but this needs 0.22.1",
                       raft_version_number());
    }
    if (options->node_id == 0 || !options->address || !options->address[0]) {
        return err_set(err, ERR_INVALID, "a replica needs a node id above 0 and an address");
    }
    if (options->segment_size != 0 && options->segment_size < SEGMENT_SIZE_MIN) {
        return err_set(err, ERR_INVALID, "a segment has at least %zu bytes", SEGMENT_SIZE_MIN);
    }
    return ERR_NONE;
}

static void set_defaults(struct replica_options *options)
{
    if (options->segment_size == 0) {
        options->segment_size = SEGMENT_SIZE_DEFAULT;
    }
    if (options->election_timeout_ms == 0) {
        options->election_timeout_ms = ELECTION_TIMEOUT_MS;
    }
    if (options->heartbeat_ms == 0) {
        options->heartbeat_ms = HEARTBEAT_MS;
    }
}

static void destroy(struct replica *replica)
{
    segments_cursor_close(replica->cursor);
    for (struct log_entry *entry = replica->head; entry;) {
        struct log_entry *next = entry->next;

        free(entry->bytes);
        free(entry);
        entry = next;
    }
    for (struct driver_write *write = replica->writes; write;) {
        struct driver_write *next = write->next;

        free(write);
        write = next;
    }
    if (replica->raft_ready) {
        raft_close(&replica->raft, NULL);
    }
    segments_close(replica->segments);
    meta_done(&replica->meta);
    for (uint32_t i = 0; i < replica->configuration_count; i++) {
        free(replica->configurations[i].bytes);
    }
    free(replica->configurations);
    free(replica->address);
    free(replica);
}

enum err_code replica_open(const struct replica_options *options, const struct replica_io *io,
                           const struct replica_events *events, struct replica **ret_replica,
                           struct err *err)
{
    struct replica *replica;
    enum err_code code = check_options(options, err);

    if (code != ERR_NONE) {
        return code;
    }
    replica = calloc(1, sizeof *replica);
    if (!replica) {
        return err_set(err, ERR_NOMEM, "no memory for the replica");
    }
    replica->options = *options;
    set_defaults(&replica->options);
    replica->io = *io;
    replica->events = *events;
    replica->address = strdup(options->address);
    replica->options.address = replica->address;
    replica->opening = true;
    code = replica->address ? start_replica(replica, err)
                            : err_set(err, ERR_NOMEM, "no memory for the replica");
    replica->opening = false;
    if (code != ERR_NONE) {
        destroy(replica);
        return code;
    }
    *ret_replica = replica;
    return ERR_NONE;
}

/* A clean end: records that all of the log is durable, so that damage to its last batch can be told
 * from a torn tail. */
static void seal(struct replica *replica)
{
    uint64_t last_index = segments_last_index(replica->segments);
    struct err ignored;

    if (replica->state == REPLICA_FAILED || !replica_idle(replica) ||
        replica->stored != last_index || replica->meta.slot.durable_index == last_index) {
        return;
    }
    if (!replica->options.durable && segments_sync(replica->segments, &ignored) != ERR_NONE) {
        return;
    }
    replica->meta.slot.durable_index = last_index;
    if (meta_store(&replica->meta, &ignored) != ERR_NONE) {
        return; /* The log is as after a crash, which is good enough. */
    }
}

void replica_close(struct replica *replica)
{
    if (!replica) {
        return;
    }
    seal(replica);
    destroy(replica);
}
