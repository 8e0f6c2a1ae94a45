/* One thread, two lists, one lock. No pool: the log is written in order. */
#include "replica/log_thread.h"

#include <pthread.h>
#include <stdlib.h>

struct job_list {
    struct replica_job *head, *tail;
};

struct log_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted;   /* A job was handed over, or it is time to end. */
    pthread_cond_t finished; /* The thread ran out of jobs. */
    struct job_list jobs, done;
    bool working; /* A job's work is under way. */
    bool ending;
    void (*wake)(void *context);
    void *context;
};

static void list_add(struct job_list *list, struct replica_job *job)
{
    job->next = NULL;
    if (list->tail) {
        list->tail->next = job;
    } else {
        list->head = job;
    }
    list->tail = job;
}

static struct replica_job *list_take(struct job_list *list)
{
    struct replica_job *job = list->head;

    if (job) {
        list->head = job->next;
        if (!list->head) {
            list->tail = NULL;
        }
    }
    return job;
}

/* One job, or the wait for one. Enters and leaves with the lock held. */
static void work_once(struct log_thread *thread)
{
    struct replica_job *job = list_take(&thread->jobs);
    bool first;

    if (!job) {
        (void)pthread_cond_broadcast(&thread->finished);
        (void)pthread_cond_wait(&thread->wanted, &thread->lock);
        return;
    }
    thread->working = true;
    (void)pthread_mutex_unlock(&thread->lock);
    job->work(job);
    (void)pthread_mutex_lock(&thread->lock);
    thread->working = false;
    first = thread->done.head == NULL;
    list_add(&thread->done, job);
    if (first) {
        (void)pthread_mutex_unlock(&thread->lock);
        thread->wake(thread->context);
        (void)pthread_mutex_lock(&thread->lock);
    }
}

static void *thread_main(void *argument)
{
    struct log_thread *thread = argument;

    (void)pthread_mutex_lock(&thread->lock);
    while (!thread->ending || thread->jobs.head) {
        work_once(thread);
    }
    (void)pthread_mutex_unlock(&thread->lock);
    return NULL;
}

enum err_code log_thread_create(void (*wake)(void *context), void *context,
                                struct log_thread **ret_thread, struct err *err)
{
    struct log_thread *thread = calloc(1, sizeof *thread);

    if (!thread) {
        return err_set(err, ERR_NOMEM, "no memory for the log thread");
    }
    thread->wake = wake;
    thread->context = context;
    (void)pthread_mutex_init(&thread->lock, NULL);
    (void)pthread_cond_init(&thread->wanted, NULL);
    (void)pthread_cond_init(&thread->finished, NULL);
    if (pthread_create(&thread->thread, NULL, thread_main, thread) != 0) {
        (void)pthread_cond_destroy(&thread->finished);
        (void)pthread_cond_destroy(&thread->wanted);
        (void)pthread_mutex_destroy(&thread->lock);
        free(thread);
        return err_set(err, ERR_NOMEM, "the log thread can not be started");
    }
    (void)pthread_setname_np(thread->thread, "log");
    *ret_thread = thread;
    return ERR_NONE;
}

void log_thread_run(void *self, struct replica_job *job)
{
    struct log_thread *thread = self;

    (void)pthread_mutex_lock(&thread->lock);
    list_add(&thread->jobs, job);
    (void)pthread_mutex_unlock(&thread->lock);
    (void)pthread_cond_signal(&thread->wanted);
}

void log_thread_poll(struct log_thread *thread)
{
    struct job_list done;
    struct replica_job *job;

    (void)pthread_mutex_lock(&thread->lock);
    done = thread->done;
    thread->done = (struct job_list){0};
    (void)pthread_mutex_unlock(&thread->lock);
    while ((job = list_take(&done))) {
        job->done(job);
    }
}

bool log_thread_poll_one(struct log_thread *thread)
{
    struct replica_job *job;
    bool more;

    (void)pthread_mutex_lock(&thread->lock);
    job = list_take(&thread->done);
    (void)pthread_mutex_unlock(&thread->lock);
    if (job) {
        job->done(job);
    }
    (void)pthread_mutex_lock(&thread->lock);
    more = thread->done.head != NULL;
    (void)pthread_mutex_unlock(&thread->lock);
    return more;
}

/* True when nothing is left to do. */
static bool drain(struct log_thread *thread)
{
    bool empty;

    (void)pthread_mutex_lock(&thread->lock);
    while (thread->jobs.head || thread->working) {
        (void)pthread_cond_wait(&thread->finished, &thread->lock);
    }
    empty = thread->done.head == NULL;
    (void)pthread_mutex_unlock(&thread->lock);
    return empty;
}

void log_thread_destroy(struct log_thread *thread)
{
    if (!thread) {
        return;
    }
    while (!drain(thread)) {
        log_thread_poll(thread);
    }
    (void)pthread_mutex_lock(&thread->lock);
    thread->ending = true;
    (void)pthread_mutex_unlock(&thread->lock);
    (void)pthread_cond_signal(&thread->wanted);
    (void)pthread_join(thread->thread, NULL);
    (void)pthread_cond_destroy(&thread->finished);
    (void)pthread_cond_destroy(&thread->wanted);
    (void)pthread_mutex_destroy(&thread->lock);
    free(thread);
}
