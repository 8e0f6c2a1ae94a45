/* The log thread: order, hand-back, waiting at the end; and a replica over the real disk on it. */
#include "base/env.h"
#include "replica/log_thread.h"
#include "replica/replica.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define JOBS 2000

/* Stands for the event loop: sleeps until it is woken. */
struct loop {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool awake;
    uint32_t wakes;
    struct log_thread *thread;
};

static void loop_wake(void *context)
{
    struct loop *loop = context;

    (void)pthread_mutex_lock(&loop->lock);
    loop->awake = true;
    loop->wakes++;
    (void)pthread_cond_signal(&loop->woken);
    (void)pthread_mutex_unlock(&loop->lock);
}

static void loop_wait(struct loop *loop)
{
    (void)pthread_mutex_lock(&loop->lock);
    while (!loop->awake) {
        (void)pthread_cond_wait(&loop->woken, &loop->lock);
    }
    loop->awake = false;
    (void)pthread_mutex_unlock(&loop->lock);
}

static void loop_turn(struct loop *loop)
{
    loop_wait(loop);
    log_thread_poll(loop->thread);
}

static void loop_init(struct loop *loop)
{
    struct err err;

    *loop = (struct loop){.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER};
    assert_int_equal(log_thread_create(loop_wake, loop, &loop->thread, &err), ERR_NONE);
}

struct counted {
    struct replica_job job; /* First. */
    uint32_t *worked, *ended;
    uint32_t number;
    struct log_thread *thread;
    struct counted *follow; /* Run by done(). */
};

static void counted_work(struct replica_job *job)
{
    struct counted *counted = (struct counted *)job;

    assert(*counted->worked == counted->number);
    ++*counted->worked;
}

static void counted_done(struct replica_job *job)
{
    struct counted *counted = (struct counted *)job;

    assert_int_equal(*counted->ended, counted->number);
    ++*counted->ended;
    if (counted->follow) {
        log_thread_run(counted->thread, &counted->follow->job);
    }
}

static struct counted counted_job(struct loop *loop, uint32_t *worked, uint32_t *ended,
                                  uint32_t number)
{
    return (struct counted){.job = {.work = counted_work, .done = counted_done},
                            .worked = worked,
                            .ended = ended,
                            .number = number,
                            .thread = loop->thread};
}

/* Work and done come in the order of the hand-over, whatever the loop does meanwhile. */
static void test_order(void **state)
{
    struct counted *jobs = calloc(JOBS, sizeof *jobs);
    uint32_t worked = 0;
    uint32_t ended = 0;
    struct loop loop;

    (void)state;
    assert_non_null(jobs);
    loop_init(&loop);
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i] = counted_job(&loop, &worked, &ended, i);
        log_thread_run(loop.thread, &jobs[i].job);
        if (i % 7 == 0) {
            log_thread_poll(loop.thread);
        }
    }
    while (ended < JOBS) {
        loop_turn(&loop);
    }
    assert_int_equal(worked, JOBS);
    log_thread_destroy(loop.thread);
    free(jobs);
}

/* One at a time: each poll ends one job, in order, and says whether more are finished, also those
 * that came meanwhile without a wake-up. */
static void test_one_at_a_time(void **state)
{
    struct counted jobs[20];
    uint32_t worked = 0;
    uint32_t ended = 0;
    struct loop loop;

    (void)state;
    loop_init(&loop);
    assert_false(log_thread_poll_one(loop.thread));
    for (uint32_t i = 0; i < ARRAY_COUNT(jobs); i++) {
        jobs[i] = counted_job(&loop, &worked, &ended, i);
        log_thread_run(loop.thread, &jobs[i].job);
    }
    while (ended < ARRAY_COUNT(jobs)) {
        bool more = true;

        loop_wait(&loop);
        while (more) {
            uint32_t before = ended;

            more = log_thread_poll_one(loop.thread);
            assert_true(ended <= before + 1);
        }
    }
    assert_false(log_thread_poll_one(loop.thread));
    assert_int_equal(worked, ARRAY_COUNT(jobs));
    log_thread_destroy(loop.thread);
}

/* The end waits for all jobs and for those that their done() adds. */
static void test_destroy_waits(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        struct counted jobs[20];
        uint32_t worked = 0;
        uint32_t ended = 0;
        struct loop loop;

        loop_init(&loop);
        for (uint32_t i = 0; i < 20; i++) {
            jobs[i] = counted_job(&loop, &worked, &ended, i);
        }
        for (uint32_t i = 10; i < 20; i++) {
            jobs[i - 1].follow = &jobs[i];
        }
        for (uint32_t i = 0; i < 10; i++) {
            log_thread_run(loop.thread, &jobs[i].job);
        }
        log_thread_destroy(loop.thread);
        assert_int_equal(ended, 20);
    }
    log_thread_destroy(NULL);
}

struct machine {
    uint64_t applied;
    uint64_t hash;
    bool leading;
};

static void machine_commit(void *self, uint64_t index, uint64_t term, struct slice bytes)
{
    struct machine *machine = self;

    (void)term;
    assert_int_equal(index, machine->applied + 1);
    machine->applied = index;
    for (size_t i = 0; i < bytes.size; i++) {
        machine->hash = machine->hash * 31 + bytes.data[i];
    }
}

static void machine_state(void *self, enum replica_state state)
{
    struct machine *machine = self;

    machine->leading = state == REPLICA_LEADER;
}

static void machine_timer(void *self, uint64_t at_ns)
{
    (void)self;
    (void)at_ns;
}

static struct replica *open_real(struct loop *loop, struct disk *disk, struct machine *machine)
{
    struct replica_options options = {.node_id = 1,
                                      .address = "127.0.0.1:1",
                                      .bootstrap = true,
                                      .durable = true,
                                      .segment_size = 1 << 20};
    struct replica_io io = {.env = env_system(),
                            .disk = disk,
                            .self = loop->thread,
                            .run = log_thread_run,
                            .set_timer = machine_timer};
    struct replica_events events = {
        .self = machine, .commit = machine_commit, .state = machine_state};
    struct replica *replica = NULL;
    struct err err = {0};

    *machine = (struct machine){0};
    if (replica_open(&options, &io, &events, &replica, &err) != ERR_NONE) {
        fail_msg("%s", err.text);
    }
    while (!machine->leading) {
        loop_turn(loop);
    }
    return replica;
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

/* A replica on the real disk and thread: thousands of entries over several segments, then the same
 * again by replay. */
static void test_replica_on_the_thread(void **state)
{
    char dir[] = "/tmp/corvo-log-XXXXXX";
    struct disk *disk = NULL;
    struct machine machine;
    struct machine again;
    struct replica *replica;
    struct loop loop;
    struct err err;
    uint64_t index;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(disk_open(dir, &disk, &err), ERR_NONE);
    loop_init(&loop);
    replica = open_real(&loop, disk, &machine);
    for (uint32_t i = 0; i < 2000; i++) {
        size_t size = (size_t)i % 3000 + 1;
        uint8_t *bytes = malloc(size);

        assert_non_null(bytes);
        memset(bytes, (int)(i & 0xff), size);
        while (!replica_writable(replica)) {
            loop_turn(&loop);
        }
        assert_int_equal(replica_submit(replica, bytes, size, &index, &err), ERR_NONE);
    }
    while (machine.applied < index || !replica_idle(replica)) {
        loop_turn(&loop);
    }
    log_thread_destroy(loop.thread);
    replica_close(replica);

    loop_init(&loop);
    replica = open_real(&loop, disk, &again);
    assert_string_equal(replica_note(replica), "");
    assert_int_equal(again.applied, machine.applied + 1);
    assert_int_equal(again.hash, machine.hash);
    log_thread_destroy(loop.thread);
    replica_close(replica);
    disk_close(disk);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_destroy_waits),
        cmocka_unit_test(test_replica_on_the_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
