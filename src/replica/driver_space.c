/* The driver's housekeeping of segments: the next one is made ahead of time, old ones are cut. */
#include "replica/driver.h"

#include <stdlib.h>

static void prepare_work(struct replica_job *job)
{
    struct driver_prepare *prepare = (struct driver_prepare *)job;

    segments_prepare_work(prepare->replica->segments, &prepare->plan);
}

static void prepare_done(struct replica_job *job)
{
    struct driver_prepare *prepare = (struct driver_prepare *)job;
    struct replica *replica = prepare->replica;

    prepare->running = false;
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    if (prepare->plan.err.code != ERR_NONE && prepare->plan.err.code != ERR_NO_SPACE) {
        driver_fail(replica, &prepare->plan.err);
        return;
    }
    segments_prepare_done(replica->segments, &prepare->plan);
    if (prepare->plan.err.code == ERR_NO_SPACE && replica->retry_at_ns == 0) {
        replica->retry_at_ns =
            replica->io.env->monotonic_ns(replica->io.env->self) + DRIVER_RETRY_NS;
    }
    driver_settle(replica);
}

void driver_prepare_segment(struct replica *replica)
{
    if (replica->prepare.running || replica->retry_at_ns > 0 ||
        !segments_wants_prepare(replica->segments)) {
        return;
    }
    segments_prepare_plan(replica->segments, &replica->prepare.plan);
    replica->prepare.running = true;
    replica->prepare.replica = replica;
    replica->prepare.job = (struct replica_job){.work = prepare_work, .done = prepare_done};
    replica->io.run(replica->io.self, &replica->prepare.job);
}

static void cut_work(struct replica_job *job)
{
    struct driver_cut *cut = (struct driver_cut *)job;

    segments_cut_work(cut->replica->segments, &cut->plan);
}

/* Entries up to last_index are no longer in the log: libraft must not offer them to followers. */
static enum err_code tell_cut(struct replica *replica, uint64_t last_index, uint64_t last_term,
                              struct err *err)
{
    const struct driver_configuration *stored = driver_configuration_at(replica, last_index);
    struct raft_event event = {.type = RAFT_SNAPSHOT};
    struct raft_snapshot_metadata *metadata = &event.snapshot.metadata;
    enum err_code code;

    /* libraft checks none of this. */
    assert(stored && last_term > 0 && last_index <= replica->applied);
    code = driver_decode_configuration(stored, &metadata->configuration, err);
    if (code != ERR_NONE) {
        return code;
    }
    metadata->index = last_index;
    metadata->term = last_term;
    metadata->configuration_index = stored->index;
    event.snapshot.trailing = 0;
    return driver_step(replica, &event, err); /* Takes the configuration over. */
}

/* Only the newest configuration at or before the cut is still wanted of those before it. */
static void drop_configurations(struct replica *replica, uint64_t last_index)
{
    uint32_t drop = 0;

    while (drop + 1 < replica->configuration_count &&
           replica->configurations[drop + 1].index <= last_index) {
        free(replica->configurations[drop].bytes);
        drop++;
    }
    replica->configuration_count -= drop;
    memmove(replica->configurations, replica->configurations + drop,
            replica->configuration_count * sizeof *replica->configurations);
}

static void cut_done(struct replica_job *job)
{
    struct driver_cut *cut = (struct driver_cut *)job;
    struct replica *replica = cut->replica;
    uint64_t last_index;
    uint64_t last_term;
    struct err err;

    cut->running = false;
    if (replica->state == REPLICA_FAILED) {
        return;
    }
    if (segments_cut_done(replica->segments, &cut->plan, &last_index, &last_term)) {
        if (tell_cut(replica, last_index, last_term, &err) != ERR_NONE) {
            driver_fail(replica, &err);
            return;
        }
        drop_configurations(replica, last_index);
    }
    /* For want of space (some file systems need it to remove) the next cut tries again. */
    if (cut->plan.err.code != ERR_NONE && cut->plan.err.code != ERR_NO_SPACE) {
        driver_fail(replica, &cut->plan.err);
        return;
    }
    if (cut->plan.err.code == ERR_NONE) {
        replica_cut(replica, cut->wanted);
    }
    driver_settle(replica);
}

void replica_cut(struct replica *replica, uint64_t index)
{
    struct driver_cut *cut = &replica->cut;
    uint64_t limit;

    if (cut->wanted < index) {
        cut->wanted = index;
    }
    limit = cut->wanted < replica->applied ? cut->wanted : replica->applied;
    if (cut->running || replica->state == REPLICA_FAILED ||
        !segments_cut_plan(replica->segments, limit, replica->stored, &cut->plan)) {
        return;
    }
    cut->running = true;
    cut->replica = replica;
    cut->job = (struct replica_job){.work = cut_work, .done = cut_done};
    replica->io.run(replica->io.self, &cut->job);
}

uint64_t replica_bytes_after(const struct replica *replica, uint64_t index)
{
    return segments_bytes_after(replica->segments, index);
}
