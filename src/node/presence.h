/* Which workers there are: from what they ask and report, in memory only (A16).
 *
 * A worker is known by its id since it first asked or was heard, lost after WORKER_LOST_MS of
 * silence and forgotten after WORKER_GONE_MS. After a restart or an election all of them come back
 * within a poll or a heartbeat. Times are the cluster's. Loop thread. */
#ifndef NODE_PRESENCE_H
#define NODE_PRESENCE_H

#include "core/key.h"
#include "core/map.h"
#include "core/ops.h"

struct presence {
    struct slab workers; /* struct worker. */
    struct slab jobs;    /* struct worker_job. */
    struct map ids;
    struct map job_seqs;
    uint32_t first, last; /* Heard of last, and longest ago. */
    uint32_t count;
    uint32_t job_count;
};

/* A worker as the API shows it. */
struct worker_object {
    struct slice id;
    struct slice hostname;   /* JSON: a string or empty. */
    struct slice queues;     /* JSON: a string that holds an array of names (T13), or empty. */
    uint64_t last_heartbeat; /* ns; when it was last heard of, by whatever. */
    uint64_t started_at;
    struct list active_jobs; /* struct slice: ids, the first WORKER_JOBS_SHOWN. */
    uint32_t active;
    struct slice state; /* "idle", "busy", "lost". */
};

extern const struct message worker_message;

/* Must not be moved afterwards. */
void presence_init(struct presence *presence);
void presence_done(struct presence *presence);

/* A worker asks for jobs; one was given these; one was heard of while it runs this job. Without
 * memory, and above WORKERS_MAX and WORKER_JOBS_MAX, what is known longest is forgotten. */
void presence_asks(struct presence *presence, uint64_t now_ns, const struct op_fetch *fetch);
void presence_took(struct presence *presence, const struct core *core, uint64_t now_ns,
                   const struct op_fetch *fetch, const struct list *jobs);
void presence_beats(struct presence *presence, uint64_t now_ns, struct slice worker_id,
                    struct slice hostname, struct job_key job);

/* How many workers are not lost. */
uint32_t presence_heard(const struct presence *presence, uint64_t now_ns);

/* All workers, those heard of last first, as a list of worker_object in the arena. */
enum err_code presence_list(struct presence *presence, const struct core *core, uint64_t now_ns,
                            struct arena *arena, struct list *ret_workers,
                            struct err *err) MUST_USE;

#endif
