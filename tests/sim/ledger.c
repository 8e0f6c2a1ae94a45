/* What the clients know: see ledger.h. */
#include "ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const invariant_names[INVARIANT_COUNT] = {
    [I1_ENQUEUE_KEPT] = "I1 kept",       [I2_NO_PHANTOM] = "I2 phantom",
    [I3_TERMINAL_FINAL] = "I3 terminal", [I4_EPOCHS_GROW] = "I4 epochs",
    [I5_LEGAL_EDGES] = "I5 edges",       [I12_INDEXES] = "I12 indexes",
    [I14_STATE_HASH] = "I14 hash",       [I16_PAUSED] = "I16 paused",
    [I17_STRUCK] = "I17 struck",         [ILIVE_DRAINS] = "drains",
};

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){.bucket_count = 8192};
    ledger->buckets = calloc(ledger->bucket_count, sizeof(*ledger->buckets));
    assert(ledger->buckets);
}

void ledger_done(struct ledger *ledger)
{
    free(ledger->jobs);
    free(ledger->buckets);
}

bool ledger_judge(struct ledger *ledger, enum invariant invariant, bool holds, const char *format,
                  ...)
{
    char text[200];
    va_list args;

    ledger->checks[invariant]++;
    if (holds || ledger->violation[0]) {
        return holds;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)snprintf(ledger->violation, sizeof(ledger->violation), "%s: %s",
                   invariant_names[invariant], text);
    return false;
}

static uint32_t *bucket_of(const struct ledger *ledger, struct slice id)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ id.data[i]) * 16777619u;
    }
    hash &= ledger->bucket_count - 1;
    while (ledger->buckets[hash] && !slice_is(id, ledger->jobs[ledger->buckets[hash] - 1].id)) {
        hash = (hash + 1) & (ledger->bucket_count - 1);
    }
    return &ledger->buckets[hash];
}

struct known_job *ledger_find(struct ledger *ledger, struct slice id)
{
    uint32_t position = *bucket_of(ledger, id);

    return position ? &ledger->jobs[position - 1] : NULL;
}

struct known_job *ledger_add(struct ledger *ledger, struct slice id, uint32_t queue)
{
    struct known_job *job = ledger_find(ledger, id);

    ledger_judge(ledger, I2_NO_PHANTOM, !job, "%.*s was made twice", (int)id.size,
                 (const char *)id.data);
    if (job) {
        return job;
    }
    assert(ledger->job_count < ledger->bucket_count / 2);
    if (ledger->job_count == ledger->job_capacity) {
        ledger->job_capacity = ledger->job_capacity ? ledger->job_capacity * 2 : 256;
        ledger->jobs = realloc(ledger->jobs, ledger->job_capacity * sizeof(*ledger->jobs));
        assert(ledger->jobs);
    }
    *bucket_of(ledger, id) = ledger->job_count + 1;
    job = &ledger->jobs[ledger->job_count++];
    *job = (struct known_job){.queue = queue};
    assert(id.size < sizeof(job->id));
    memcpy(job->id, id.data, id.size);
    return job;
}

uint32_t ledger_token_epoch(struct slice token)
{
    uint32_t epoch = 0;
    size_t i = token.size;

    while (i > 0 && token.data[i - 1] != '.') {
        i--;
    }
    for (; i > 0 && i < token.size; i++) {
        epoch = epoch * 10 + (uint32_t)(token.data[i] - '0');
    }
    return epoch;
}

struct known_job *ledger_delivered(struct ledger *ledger, const struct op_fetch_job *delivered,
                                   uint32_t queue)
{
    struct known_job *job = ledger_find(ledger, delivered->job_id);
    uint32_t epoch = ledger_token_epoch(delivered->lease_token);

    if (!job) {
        /* Only an enqueue whose answer got lost may explain it. */
        ledger_judge(ledger, I2_NO_PHANTOM, ledger->unknown_enqueues > 0,
                     "%.*s was delivered and never asked for", (int)delivered->job_id.size,
                     (const char *)delivered->job_id.data);
        if (ledger->unknown_enqueues > 0) {
            ledger->unknown_enqueues--;
        }
        job = ledger_add(ledger, delivered->job_id, queue);
    }
    ledger_judge(ledger, I17_STRUCK, job->fate < FATE_CLEARED,
                 "%s was %s with its queue and handed out afterwards", job->id,
                 job->fate == FATE_CLEARED ? "cleared" : "destroyed");
    ledger_judge(ledger, I3_TERMINAL_FINAL, !job->ended, "%s ended as %s and was handed out again",
                 job->id, job_state_name(job->end));
    ledger_judge(ledger, I4_EPOCHS_GROW, epoch > job->epoch, "%s: epoch %u after %u", job->id,
                 epoch, job->epoch);
    job->epoch = epoch;
    return job;
}

/* True if the job was waiting, as far as anybody can know: a clear does not strike active ones. */
static bool waits_for_sure(const struct known_job *job)
{
    return job->epoch == 0 && !job->claim_unknown && !job->end_unknown;
}

void ledger_strike(struct ledger *ledger, uint32_t queue, enum fate fate)
{
    for (uint32_t i = 0; i < ledger->job_count; i++) {
        struct known_job *job = &ledger->jobs[i];
        bool spared = job->queue != queue || (fate == FATE_CLEARED && job->ended);
        enum fate now = fate == FATE_CLEARED && !waits_for_sure(job) ? FATE_UNKNOWN : fate;

        if (!spared && now > job->fate) {
            job->fate = now;
        }
    }
}

void ledger_claim_unknown(struct ledger *ledger, uint32_t queue)
{
    for (uint32_t i = 0; i < ledger->job_count; i++) {
        ledger->jobs[i].claim_unknown |= ledger->jobs[i].queue == queue;
    }
}
