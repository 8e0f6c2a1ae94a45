/* Fork, exec, wait for the line that names the port; stop; clean up. */
#include "bench/server_process.h"

#include "bench/call.h"
#include "bench/clock.h"
#include "bench/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 60000
#define STOP_MS 30000
#define LINE_MAX_SIZE 512

static const char ready_text[] = "listening on ";

enum err_code server_process_make(const char *home, struct server_process *ret_server,
                                  struct err *err)
{
    struct server_process server = {.output_fd = -1};

    (void)snprintf(server.dir, sizeof(server.dir), "%.400s/corvo-bench.XXXXXX", home);
    if (!mkdtemp(server.dir)) {
        return err_set(err, ERR_IO, "%s: %s", server.dir, strerror(errno));
    }
    *ret_server = server;
    return ERR_NONE;
}

static void exec_server(const struct server_process *server, bool sync, int output_fd)
{
    char data[RUN_PATH_MAX + 8];
    char log[RUN_PATH_MAX + 16];
    int log_fd;

    (void)snprintf(data, sizeof(data), "%s/data", server->dir);
    (void)snprintf(log, sizeof(log), "%s/server.log", server->dir);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log_fd < 0 || dup2(output_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0) {
        _exit(127);
    }
    (void)execl("/proc/self/exe", "corvo", "server", "--data-dir", data, "--bind", "127.0.0.1:0",
                sync ? "--durable=true" : "--durable=false",
                server->no_view ? "--view=false" : "--view=true", (char *)NULL);
    _exit(127);
}

/* The last line of its log, to say why it did not start. */
static enum err_code ended(const struct server_process *server, struct err *err)
{
    char path[RUN_PATH_MAX + 16];
    char line[LINE_MAX_SIZE] = "no log";
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/server.log", server->dir);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
    }
    if (file) {
        (void)fclose(file);
    }
    return err_set(err, ERR_CLOSED, "the server did not start: %s", line);
}

/* One line of the server's output without its end; "" when it closed. False: the time is over. */
static bool read_line(int fd, uint64_t until_ns, char ret_line[LINE_MAX_SIZE])
{
    size_t size = 0;

    while (size < LINE_MAX_SIZE - 1) {
        uint64_t now_ns = clock_mono_ns();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (now_ns >= until_ns || run_interrupted()) {
            return false;
        }
        if (poll(&wait, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1) <= 0) {
            continue;
        }
        got = read(fd, ret_line + size, 1);
        if (got <= 0 || ret_line[size] == '\n') {
            break;
        }
        size++;
    }
    ret_line[size] = '\0';
    return true;
}

/* Reads the server's output up to the line with its address. */
static enum err_code wait_listening(struct server_process *server, uint64_t until_ns,
                                    struct err *err)
{
    char line[LINE_MAX_SIZE];

    for (;;) {
        const char *found;

        if (!read_line(server->output_fd, until_ns, line)) {
            return err_set(err, ERR_TIMEOUT, "the server does not say that it listens");
        }
        if (*line == '\0') {
            return ended(server, err);
        }
        found = strstr(line, ready_text);
        if (found) {
            return client_address_parse(found + strlen(ready_text), &server->address, err);
        }
    }
}

static enum err_code wait_ready(struct server_process *server, struct err *err)
{
    uint64_t until_ns = server->started_ns + START_MS * NS_PER_MS;
    struct bench at_server = {0};
    enum err_code code = wait_listening(server, until_ns, err);

    if (code != ERR_NONE) {
        return code;
    }
    at_server.address = server->address;
    return call_until_ready(&at_server, until_ns, err);
}

enum err_code server_process_start(struct server_process *server, bool sync, struct err *err)
{
    int ends[2];
    enum err_code code;

    assert(server->pid == 0);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    }
    server->started_ns = clock_mono_ns();
    server->pid = fork();
    if (server->pid == 0) {
        exec_server(server, sync, ends[1]);
    }
    (void)close(ends[1]);
    if (server->pid < 0) {
        server->pid = 0;
        (void)close(ends[0]);
        return err_set(err, ERR_IO, "fork: %s", strerror(errno));
    }
    server->output_fd = ends[0];
    code = wait_ready(server, err);
    if (code != ERR_NONE) {
        server_process_stop(server, SIGKILL);
    }
    return code;
}

void server_process_stop(struct server_process *server, int number)
{
    uint64_t until_ns = clock_mono_ns() + STOP_MS * NS_PER_MS;
    struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};

    if (server->pid == 0) {
        return;
    }
    (void)kill(server->pid, number);
    while (waitpid(server->pid, NULL, WNOHANG) == 0) {
        if (clock_mono_ns() > until_ns) {
            (void)kill(server->pid, SIGKILL);
        }
        (void)nanosleep(&pause, NULL);
    }
    (void)close(server->output_fd);
    server->output_fd = -1;
    server->pid = 0;
}

void server_process_remove(struct server_process *server)
{
    server_process_stop(server, SIGTERM);
    if (server->dir[0] != '\0') {
        machine_dir_remove(server->dir);
        server->dir[0] = '\0';
    }
}
