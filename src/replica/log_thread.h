/* The executor behind replica_io.run in the server: one thread that does the jobs' work in order.
 *
 * A finished job waits until the loop calls log_thread_poll, which calls its done(). */
#ifndef REPLICA_LOG_THREAD_H
#define REPLICA_LOG_THREAD_H

#include "replica/replica.h"

struct log_thread;

/* Starts the thread. `wake` is called on it when a job has finished and none was waiting for a
 * poll: it must make the loop call log_thread_poll soon (uv_async_send). ERR_NOMEM. Loop thread. */
enum err_code log_thread_create(void (*wake)(void *context), void *context,
                                struct log_thread **ret_thread, struct err *err) MUST_USE;

/* Hands a job over; fits replica_io.run with self = the log_thread. Loop thread. */
void log_thread_run(void *thread, struct replica_job *job);

/* Calls done() of all finished jobs, in the order in which they were handed over. done() may run
 * more jobs. Loop thread. */
void log_thread_poll(struct log_thread *thread);

/* The same for the first finished job only. True: more are finished, and nobody will be woken for
 * them. Loop thread. */
bool log_thread_poll_one(struct log_thread *thread);

/* Waits for all jobs, calls their done(), also of those that these add, and ends the thread. Takes
 * NULL. Before replica_close. Loop thread. */
void log_thread_destroy(struct log_thread *thread);

#endif
