/* The store thread: see drain.h. It has two tasks, write and flush; each is wanted or not, and may
 * have to wait for its next attempt. All that the two threads share is under one mutex, but for the
 * persisted index. */
#include "store/drain.h"

#include "base/env.h"
#include "base/limits.h"
#include "store/epoch.h"
#include "store/rocks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (1000 * NS_PER_MS)

/* What must be left on the disk beside what is to be written. */
#define ROOM_MIN (16 * MIB)

/* RocksDB looks every five seconds whether a full disk has room again. When there was some all this
 * time and it still says full, then it hangs (seen: an atomic flush whose manifest write failed):
 * only opening the files again helps. */
#define STUCK_NS (30 * NS_PER_SECOND)

/* When this much was written and then nothing for so long, it is flushed: memtables go, and a
 * restart replays little. */
#define IDLE_FLUSH_BYTES (1 * MIB)
#define IDLE_FLUSH_NS (3 * NS_PER_SECOND)

struct task {
    bool wanted;
    uint64_t attempts;
    uint64_t backoff_ns;  /* 0 = the last attempt did not fail. */
    uint64_t retry_at_ns; /* Monotonic; 0 = at once. */
    uint64_t stuck_at_ns; /* Since when it fails though there is room; 0 = it does not. */
    struct err failure;
};

enum { TASK_WRITE, TASK_FLUSH, TASK_COUNT };

struct drain {
    struct drain_options options;
    struct store_hooks hooks;
    pthread_t thread;
    _Atomic uint64_t persisted;

    pthread_mutex_t mutex; /* Guards all below. */
    pthread_cond_t work;   /* For the thread: something is wanted, or stop. */
    pthread_cond_t news;   /* For apply: an attempt ended. */
    bool stop;
    bool dead; /* A failure was final. */
    struct task tasks[TASK_COUNT];
    struct epoch *epoch;    /* To be written; apply's. */
    struct epoch *disposed; /* To be freed. */
    uint64_t changes_cut;
    uint64_t changes_cut_written;
    uint64_t idle_flush_at_ns; /* 0 = there is too little to flush. */
    struct drain_state state;
};

static uint64_t now_ns(void)
{
    const struct env *env = env_system();

    return env->monotonic_ns(env->self);
}

static enum err_code at_point(const struct drain *drain, enum store_point point, struct err *err)
{
    return drain->hooks.at ? drain->hooks.at(drain->hooks.context, point, err) : ERR_NONE;
}

/* Asks RocksDB what a power cut would leave; it may have flushed on its own account too. */
static enum err_code refresh_persisted(struct drain *drain, struct err *err)
{
    struct kv_mark mark;
    enum err_code code = rocks_mark(drain->options.rocks, true, &mark, err);

    if (!code) {
        atomic_store_explicit(&drain->persisted, mark.index, memory_order_release);
    }
    return code;
}

static enum err_code attempt_write(struct drain *drain, uint64_t changes_cut,
                                   struct rocks_written *ret_written, struct err *err)
{
    enum err_code code = at_point(drain, STORE_BEFORE_WRITE, err);

    if (!code) {
        code = rocks_write(drain->options.rocks, drain->epoch, changes_cut, ret_written, err);
    }
    if (!code) {
        code = at_point(drain, STORE_AFTER_WRITE, err);
    }
    return code ? code : refresh_persisted(drain, err);
}

static enum err_code attempt_flush(struct drain *drain, struct err *err)
{
    enum err_code code = at_point(drain, STORE_BEFORE_FLUSH, err);

    if (!code) {
        code = rocks_flush(drain->options.rocks, err);
    }
    if (!code) {
        code = at_point(drain, STORE_AFTER_FLUSH, err);
    }
    return code ? code : refresh_persisted(drain, err);
}

/* True when a disk that has room was called full for too long. With the mutex. */
static bool is_stuck(const struct drain *drain, struct task *task, bool has_room)
{
    uint64_t limit_ns = drain->hooks.stuck_ns ? drain->hooks.stuck_ns : STUCK_NS;

    if (!has_room) {
        task->stuck_at_ns = 0;
        return false;
    }
    if (!task->stuck_at_ns) {
        task->stuck_at_ns = now_ns();
    }
    return now_ns() - task->stuck_at_ns >= limit_ns;
}

/* Notes how an attempt ended. With the mutex. */
static void end_attempt(struct drain *drain, struct task *task, const struct err *failure,
                        bool has_room)
{
    task->attempts++;
    task->failure = *failure;
    if (!failure->code) {
        *task = (struct task){.attempts = task->attempts};
        return;
    }
    if (failure->code == ERR_NO_SPACE && is_stuck(drain, task, has_room)) {
        task->failure.code = ERR_IO;
        (void)err_prefix(&task->failure, "restart to recover");
    }
    if (task->failure.code != ERR_NO_SPACE) {
        drain->dead = true;
        return;
    }
    task->backoff_ns = task->backoff_ns ? task->backoff_ns * 2 : BACKOFF_MIN_NS;
    if (task->backoff_ns > BACKOFF_MAX_NS) {
        task->backoff_ns = BACKOFF_MAX_NS;
    }
    task->retry_at_ns = now_ns() + task->backoff_ns;
}

/* With the mutex, which is let go during the work. */
static void run_write(struct drain *drain)
{
    uint64_t cut = drain->changes_cut > drain->changes_cut_written ? drain->changes_cut : 0;
    struct rocks_written written = {0};
    struct err err = {0};
    bool has_room;

    pthread_mutex_unlock(&drain->mutex);
    /* The write may set off a flush of all that is in memory. */
    has_room = !rocks_room(drain->options.rocks, ROOM_MIN + epoch_bytes(drain->epoch), &err);
    if (has_room) {
        err.code = attempt_write(drain, cut, &written, &err);
    }
    pthread_mutex_lock(&drain->mutex);
    end_attempt(drain, &drain->tasks[TASK_WRITE], &err, has_room);
    if (err.code) {
        return;
    }
    drain->state.written = *epoch_mark(drain->epoch);
    drain->state.keys_written += written.keys;
    drain->state.bytes_written += written.bytes;
    drain->state.unflushed += written.bytes;
    drain->state.epochs_written++;
    drain->epoch = NULL;
    if (drain->state.unflushed >= IDLE_FLUSH_BYTES) {
        drain->idle_flush_at_ns = now_ns() + IDLE_FLUSH_NS;
    }
    if (cut) {
        drain->changes_cut_written = cut;
    }
}

/* With the mutex, which is let go during the work. */
static void run_flush(struct drain *drain)
{
    struct err err = {0};
    bool has_room;

    pthread_mutex_unlock(&drain->mutex);
    has_room = !rocks_room(drain->options.rocks, ROOM_MIN, &err);
    if (has_room) {
        err.code = attempt_flush(drain, &err);
    }
    pthread_mutex_lock(&drain->mutex);
    end_attempt(drain, &drain->tasks[TASK_FLUSH], &err, has_room);
    if (!err.code) {
        drain->state.flushes++;
        drain->state.unflushed = 0;
        drain->idle_flush_at_ns = 0;
    }
}

/* With the mutex, which is let go during the work. */
static void run_dispose(struct drain *drain)
{
    struct epoch *epoch = drain->disposed;

    drain->disposed = NULL;
    pthread_mutex_unlock(&drain->mutex);
    epoch_destroy(epoch);
    pthread_mutex_lock(&drain->mutex);
}

static bool task_due(const struct drain *drain, int task, uint64_t now)
{
    return drain->tasks[task].wanted && !drain->dead && drain->tasks[task].retry_at_ns <= now;
}

static bool idle_flush_due(const struct drain *drain, uint64_t now)
{
    return drain->idle_flush_at_ns && drain->idle_flush_at_ns <= now && !drain->dead;
}

/* When the thread has to look again without being told; UINT64_MAX when it need not. */
static uint64_t next_look_ns(const struct drain *drain)
{
    uint64_t until = drain->idle_flush_at_ns ? drain->idle_flush_at_ns : UINT64_MAX;

    for (int i = 0; i < TASK_COUNT; i++) {
        const struct task *task = &drain->tasks[i];

        if (task->wanted && task->retry_at_ns < until) {
            until = task->retry_at_ns;
        }
    }
    return drain->dead ? UINT64_MAX : until;
}

/* Waits for work, or until an attempt is due. */
static void wait_for_work(struct drain *drain)
{
    uint64_t until = next_look_ns(drain);
    struct timespec at;

    if (until == UINT64_MAX) {
        pthread_cond_wait(&drain->work, &drain->mutex);
        return;
    }
    at.tv_sec = (time_t)(until / NS_PER_SECOND);
    at.tv_nsec = (long)(until % NS_PER_SECOND);
    (void)pthread_cond_timedwait(&drain->work, &drain->mutex, &at);
}

static void tell(struct drain *drain)
{
    pthread_cond_broadcast(&drain->news);
    if (drain->options.wake) {
        pthread_mutex_unlock(&drain->mutex);
        drain->options.wake(drain->options.wake_context);
        pthread_mutex_lock(&drain->mutex);
    }
}

static void *run(void *context)
{
    struct drain *drain = context;

    pthread_mutex_lock(&drain->mutex);
    while (!drain->stop) {
        uint64_t now = now_ns();

        if (drain->disposed) {
            run_dispose(drain);
        } else if (task_due(drain, TASK_WRITE, now)) {
            run_write(drain);
            tell(drain);
        } else if (task_due(drain, TASK_FLUSH, now)) {
            run_flush(drain);
            tell(drain);
        } else if (idle_flush_due(drain, now)) {
            drain->idle_flush_at_ns = 0;
            drain->tasks[TASK_FLUSH].wanted = true;
        } else {
            wait_for_work(drain);
        }
    }
    pthread_mutex_unlock(&drain->mutex);
    return NULL;
}

static void want(struct drain *drain, int task)
{
    drain->tasks[task].wanted = true;
    pthread_cond_signal(&drain->work);
}

void drain_write(struct drain *drain, struct epoch *epoch, uint64_t changes_cut)
{
    pthread_mutex_lock(&drain->mutex);
    assert(!drain->epoch); /* Never a second frozen epoch. */
    drain->epoch = epoch;
    drain->changes_cut = changes_cut;
    want(drain, TASK_WRITE);
    pthread_mutex_unlock(&drain->mutex);
}

void drain_flush(struct drain *drain)
{
    pthread_mutex_lock(&drain->mutex);
    want(drain, TASK_FLUSH);
    pthread_mutex_unlock(&drain->mutex);
}

void drain_dispose(struct drain *drain, struct epoch *owned_epoch)
{
    pthread_mutex_lock(&drain->mutex);
    assert(!drain->disposed); /* The thread frees before it writes the next one. */
    drain->disposed = owned_epoch;
    pthread_cond_signal(&drain->work);
    pthread_mutex_unlock(&drain->mutex);
}

struct drain_state drain_state(struct drain *drain)
{
    struct drain_state state;

    pthread_mutex_lock(&drain->mutex);
    state = drain->state;
    state.writing = drain->tasks[TASK_WRITE].wanted;
    state.flushing = drain->tasks[TASK_FLUSH].wanted;
    state.failure = drain->tasks[TASK_WRITE].failure;
    if (!state.failure.code) {
        state.failure = drain->tasks[TASK_FLUSH].failure;
    }
    pthread_mutex_unlock(&drain->mutex);
    return state;
}

/* True when the task is done or its attempt since `attempts` failed. With the mutex. */
static bool settled(const struct drain *drain, int task, uint64_t attempts)
{
    const struct task *waited = &drain->tasks[task];

    return !waited->wanted || drain->dead || (waited->attempts > attempts && waited->failure.code);
}

enum err_code drain_wait(struct drain *drain, struct err *err)
{
    enum err_code code = ERR_NONE;

    pthread_mutex_lock(&drain->mutex);
    for (int i = 0; i < TASK_COUNT && !code; i++) {
        struct task *task = &drain->tasks[i];
        uint64_t attempts = task->attempts;

        task->retry_at_ns = 0;
        pthread_cond_signal(&drain->work);
        while (!settled(drain, i, attempts)) {
            pthread_cond_wait(&drain->news, &drain->mutex);
        }
        if (task->failure.code) {
            code = err_set(err, task->failure.code, "%s", task->failure.text);
        }
    }
    pthread_mutex_unlock(&drain->mutex);
    return code;
}

uint64_t drain_persisted(const struct drain *drain)
{
    return atomic_load_explicit(&drain->persisted, memory_order_acquire);
}

void drain_set_hooks(struct drain *drain, const struct store_hooks *hooks)
{
    pthread_mutex_lock(&drain->mutex);
    drain->hooks = *hooks;
    pthread_mutex_unlock(&drain->mutex);
}

static void init_locks(struct drain *drain)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&drain->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&drain->work, &monotonic);
    (void)pthread_cond_init(&drain->news, NULL);
    (void)pthread_condattr_destroy(&monotonic);
}

static void done_locks(struct drain *drain)
{
    (void)pthread_mutex_destroy(&drain->mutex);
    (void)pthread_cond_destroy(&drain->work);
    (void)pthread_cond_destroy(&drain->news);
}

enum err_code drain_create(const struct drain_options *options, struct drain **ret_drain,
                           struct err *err)
{
    struct drain *drain = calloc(1, sizeof(*drain));
    enum err_code code;
    int number;

    if (!drain) {
        return err_set(err, ERR_NOMEM, "no memory for the store thread");
    }
    drain->options = *options;
    drain->state.written = options->written;
    init_locks(drain);
    code = refresh_persisted(drain, err);
    if (code) {
        goto out;
    }
    number = pthread_create(&drain->thread, NULL, run, drain);
    if (number) {
        code = err_set(err, ERR_NOMEM, "no store thread: %s", strerrordesc_np(number));
        goto out;
    }
    (void)pthread_setname_np(drain->thread, "store");
    *ret_drain = drain;
    drain = NULL;
out:
    if (drain) {
        done_locks(drain);
        free(drain);
    }
    return code;
}

void drain_destroy(struct drain *drain)
{
    if (!drain) {
        return;
    }
    pthread_mutex_lock(&drain->mutex);
    drain->stop = true;
    pthread_cond_signal(&drain->work);
    pthread_mutex_unlock(&drain->mutex);
    (void)pthread_join(drain->thread, NULL);
    epoch_destroy(drain->disposed);
    done_locks(drain);
    free(drain);
}
