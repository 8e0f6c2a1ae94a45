/* A server of our own: this executable's `server` on a directory that goes away. */
#ifndef BENCH_SERVER_PROCESS_H
#define BENCH_SERVER_PROCESS_H

#include "bench/run.h"

struct server_process {
    pid_t pid;           /* 0: not running. */
    int output_fd;       /* Its stdout: kept open as long as it runs. */
    uint64_t started_ns; /* Monotonic, just before exec. */
    struct client_address address;
    bool no_view;           /* Start it without its view. */
    char dir[RUN_PATH_MAX]; /* With "data" and "server.log" in it. */
};

/* Makes a fresh directory below `home` for a server. ERR_IO. Main thread, like all of it. */
enum err_code server_process_make(const char *home, struct server_process *ret_server,
                                  struct err *err) MUST_USE;

/* Starts the server on its directory and waits until it is ready. ERR_CLOSED: it ended
 * before, the text has the end of its log; ERR_TIMEOUT: not within a minute. */
enum err_code server_process_start(struct server_process *server, bool sync,
                                   struct err *err) MUST_USE;

/* Kills the server with `number` (SIGTERM; SIGKILL as a crash) and waits for its end, at most 30 s
 * before SIGKILL. Nothing when it does not run. */
void server_process_stop(struct server_process *server, int number);

/* Stops it and removes its directory. */
void server_process_remove(struct server_process *server);

#endif
