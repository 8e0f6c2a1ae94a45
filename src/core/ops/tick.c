/* tick: the work that is due: promotion, reclaim, expiry, retention (architecture 6, A3). */
#include "base/limits.h"
#include "base/reply.h"
#include "core/job_move.h"
#include "core/kept.h"
#include "core/ops.h"
#include "core/purge.h"
#include "core/purge_own.h"
#include "core/sweep.h"

#define ROW(tag_, name_, bit_, help_)                                                              \
    {.name = #name_,                                                                               \
     .kind = FIELD_U64,                                                                            \
     .tag = tag_,                                                                                  \
     .bit = bit_,                                                                                  \
     .offset = offsetof(struct op_tick, name_),                                                    \
     .help = help_}

static const struct field fields[] = {
    ROW(1, retention_ms, OP_TICK_HAS_RETENTION, "how long terminal jobs are kept; 0 = for ever"),
    ROW(2, events_max, OP_TICK_HAS_EVENTS_MAX, "how many events are kept; 0 = none"),
    ROW(50, kept.ttl_ms, OP_TICK_HAS_KEPT, "how long outcomes of keyed requests are kept"),
    ROW(51, kept.min_ttl_ms, OP_TICK_HAS_KEPT, "how long they are kept whatever their number is"),
    ROW(52, kept.max, OP_TICK_HAS_KEPT, "how many are kept"),
};

#undef ROW

const struct message op_tick_message = {
    .name = "OpTick",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_tick),
    .has_offset = offsetof(struct op_tick, has),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    {.name = #name_,                                                                               \
     .kind = kind_,                                                                                \
     .tag = tag_,                                                                                  \
     .offset = offsetof(struct op_tick_reply, name_),                                              \
     .help = help_}

static const struct field reply_fields[] = {
    ROW(1, FIELD_U32, promoted, "jobs that became pending"),
    ROW(2, FIELD_U32, reclaimed, "leases that ran out"),
    ROW(3, FIELD_U32, expired, "jobs given up"),
    ROW(4, FIELD_U32, purged, "terminal jobs removed"),
    ROW(5, FIELD_U32, events_cut, "event rows removed"),
    ROW(6, FIELD_BOOL, more, "the bound was reached"),
    ROW(50, FIELD_U32, kept_cut, "outcomes of keyed requests removed"),
    ROW(7, FIELD_U32, swept, "jobs of cleared and destroyed queues removed"),
};

#undef ROW

const struct message op_tick_reply_message = {
    .name = "OpTickReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_tick_reply),
};

static bool reclaim(struct tx *tx, struct job *job)
{
    struct error_row error = {.error = slice_text("lease expired"),
                              .kind = slice_text("lease_expired"),
                              .outcome = OUTCOME_LEASE_EXPIRED};
    int64_t attempts_max = job->max_retries > 1 ? job->max_retries : 1;

    if (!job_add_error(tx, job, &error)) {
        return false;
    }
    if (job->attempt >= attempts_max) {
        job_move(tx, job, JOB_DEAD, EVENT_RECLAIMED);
        job_event(tx, job, EVENT_DEAD, slice_of(NULL, 0));
    } else {
        job_move(tx, job, JOB_PENDING, EVENT_RECLAIMED);
    }
    job_end_epoch(job, LEASE_VERB_RECLAIM);
    return true;
}

/* Does what is due for one job. False when it must wait for another entry. */
static bool do_job(struct tx *tx, const struct index_job *due, struct op_tick_reply *reply)
{
    enum job_state state = (enum job_state)due->state;
    struct job job;

    if (index_is_gone(tx->index, due)) {
        reply->swept++;
        return sweep_job(tx, due);
    }
    if (!job_load_live(tx, due, &job)) {
        return false;
    }
    if (state == JOB_ACTIVE) {
        if (!reclaim(tx, &job)) {
            return false;
        }
        reply->reclaimed++;
    } else if (job_is_expired(&job, tx->now_ns)) {
        if (!job_expire(tx, &job)) {
            return false;
        }
        reply->expired++;
    } else {
        job_move(tx, &job, JOB_PENDING, EVENT_PROMOTED);
        reply->promoted++;
    }
    job_save(tx, &job, state);
    return true;
}

/* Due jobs in due order; returns how many. */
static uint32_t do_jobs(struct tx *tx, struct op_tick_reply *reply)
{
    uint32_t done = 0;

    while (done < TICK_JOBS_MAX) {
        const struct index_job *due = index_first_due(tx->index);

        if (!due || due->due_ns > tx->now_ns || !do_job(tx, due, reply)) {
            break;
        }
        done++;
    }
    return done;
}

static void configure(struct tx *tx, const struct op_tick *op)
{
    if (op->has & (1u << (OP_TICK_HAS_RETENTION - 1))) {
        tx->meta->retention_ms = op->retention_ms;
        purge_note_change(tx->meta);
    }
    if (op->has & (1u << (OP_TICK_HAS_EVENTS_MAX - 1))) {
        tx->meta->events_max = op->events_max;
        tx->meta->event_cut = 0;
    }
    if (op->has & (1u << (OP_TICK_HAS_KEPT - 1))) {
        tx->meta->kept_ttl_ms = op->kept.ttl_ms;
        tx->meta->kept_min_ttl_ms = op->kept.min_ttl_ms;
        tx->meta->kept_max = op->kept.max;
    }
}

static uint32_t sweep(struct tx *tx, uint32_t count_max, struct op_tick_reply *reply)
{
    uint32_t swept = 0;
    uint32_t done = 0;

    if (count_max > 0) {
        done = sweep_queues(tx, count_max < SWEEP_JOBS_MAX ? count_max : SWEEP_JOBS_MAX, &swept);
    }
    reply->swept += swept;
    return done;
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    struct op_tick_reply *reply = ret_reply;
    struct purged purged = {0};
    uint32_t done;

    if (tx->in_unit) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "a tick can not be part of a unit");
    }
    configure(tx, request);
    done = do_jobs(tx, reply);
    done += sweep(tx, TICK_JOBS_MAX - done, reply);
    if (done < TICK_JOBS_MAX && purge_due_ns(tx->meta) <= tx->now_ns) {
        done += purge_jobs(tx, TICK_JOBS_MAX - done, &purged);
    }
    if (done < TICK_JOBS_MAX && purge_own_due_ns(tx->meta) <= tx->now_ns) {
        done += purge_own_jobs(tx, TICK_JOBS_MAX - done, &purged);
    }
    if (done < TICK_JOBS_MAX && purge_events_due(tx->meta)) {
        reply->events_cut = purge_events(tx, TICK_JOBS_MAX - done);
        done += reply->events_cut;
    }
    if (done < TICK_JOBS_MAX && kept_due_ns(tx->meta) <= tx->now_ns) {
        reply->kept_cut = kept_sweep(tx, TICK_JOBS_MAX - done);
        done += reply->kept_cut;
    }
    reply->purged = purged.old;
    reply->swept += purged.gone;
    reply->more = done >= TICK_JOBS_MAX;
    return ERR_NONE;
}

const struct op_spec op_tick_spec = {
    .code = OP_TICK,
    .name = "tick",
    .request = &op_tick_message,
    .reply = &op_tick_reply_message,
    .apply = apply,
    .help = "does the work that is due",
};
