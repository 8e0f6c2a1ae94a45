/* What the clients know for certain, and the invariants judged by it (numbers of the reliability
 * page). */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "core/job.h"
#include "core/ops.h"

enum invariant {
    I1_ENQUEUE_KEPT,   /* No acknowledged enqueue is lost. */
    I2_NO_PHANTOM,     /* No job that nobody asked for, none twice. */
    I3_TERMINAL_FINAL, /* What was acknowledged as ended stays so and is not handed out again. */
    I4_EPOCHS_GROW, /* Each delivery has a newer lease than all before; a stale token is refused. */
    I5_LEGAL_EDGES, /* A refused or accepted move fits what the client saw last. */
    I12_INDEXES,    /* Indexes rebuilt from rows equal the live ones. */
    I14_STATE_HASH, /* The same index has the same state hash, whoever applies it and how often. */
    I16_PAUSED,     /* A paused queue hands out nothing. */
    I17_STRUCK,   /* What a clear or destroy struck is never handed out and nobody can change it. */
    ILIVE_DRAINS, /* When faults stop, every job gets to its end. */
    INVARIANT_COUNT
};

extern const char *const invariant_names[INVARIANT_COUNT];

/* What clears and destroys of its queue did to a job. */
enum fate {
    FATE_SPARED,
    FATE_UNKNOWN,   /* It may be gone: their answer got lost, or it is not known that it waited. */
    FATE_CLEARED,   /* It waited for sure, or had expired. */
    FATE_DESTROYED, /* It has no row. */
};

struct known_job {
    char id[40];
    uint32_t queue;
    uint32_t epoch;     /* Of the newest lease that anybody was given. */
    bool ended;         /* A terminal state was acknowledged. */
    bool end_unknown;   /* An ack, fail or cancel is or was under way with no answer. */
    enum job_state end; /* When ended. */
    bool claim_unknown; /* A fetch of its queue got no answer: it may have been given to nobody. */
    enum fate fate;
};

struct ledger {
    struct known_job *jobs;
    uint32_t job_count, job_capacity;
    uint32_t *buckets; /* Positions + 1 by hash of the id. */
    uint32_t bucket_count;
    uint32_t unknown_enqueues; /* Calls that never got an answer. */
    uint64_t checks[INVARIANT_COUNT];
    char violation[300]; /* The first one; empty = none. */
};

void ledger_init(struct ledger *ledger);
void ledger_done(struct ledger *ledger);

/* Counts a check of an invariant; a failed one is kept as the violation. Returns `holds`. */
bool ledger_judge(struct ledger *ledger, enum invariant invariant, bool holds, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* The job with this id; NULL when nobody was told of it. */
struct known_job *ledger_find(struct ledger *ledger, struct slice id);

/* An enqueue was acknowledged. */
struct known_job *ledger_add(struct ledger *ledger, struct slice id, uint32_t queue);

/* A job was delivered: judges I3 and I4. Jobs of unknown enqueues become known here. */
struct known_job *ledger_delivered(struct ledger *ledger, const struct op_fetch_job *job,
                                   uint32_t queue);

/* A clear or destroy of the queue: `fate` is what it does to jobs that it strikes. */
void ledger_strike(struct ledger *ledger, uint32_t queue, enum fate fate);

/* A fetch of the queue got no answer. */
void ledger_claim_unknown(struct ledger *ledger, uint32_t queue);

/* The epoch that a lease token names; 0 when it has none. */
uint32_t ledger_token_epoch(struct slice token);

#endif
