/* The sync yardstick: what one durable write after another costs on this disk. */
#include "bench/clock.h"
#include "bench/yardstick.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITE_SIZE 4096
#define FILE_SIZE ((off_t)64 << 20)
#define WINDOW_NS NS_PER_SECOND

/* What the child tells through the pipe. */
struct sync_report {
    int error; /* errno, 0 = measured. */
    uint64_t count;
    uint64_t elapsed_ns;
};

/* Writes zeros rather than only reserving blocks: a reserved block's first write changes metadata,
 * so it would time the journal too. */
static bool fill(int fd, const char *block)
{
    for (off_t at = 0; at < FILE_SIZE; at += WRITE_SIZE) {
        if (pwrite(fd, block, WRITE_SIZE, at) != WRITE_SIZE) {
            return false;
        }
    }
    return fsync(fd) == 0;
}

static bool measure(int fd, const char *block, struct sync_report *report)
{
    uint64_t start_ns = clock_mono_ns();
    uint64_t now_ns = start_ns;
    off_t at = 0;

    while (now_ns - start_ns < WINDOW_NS) {
        if (pwrite(fd, block, WRITE_SIZE, at) != WRITE_SIZE || fdatasync(fd) != 0) {
            return false;
        }
        at = (at + WRITE_SIZE) % FILE_SIZE;
        report->count++;
        now_ns = clock_mono_ns();
    }
    report->elapsed_ns = now_ns - start_ns;
    return true;
}

static void child(const char *path, int report_fd)
{
    static char block[WRITE_SIZE];
    struct sync_report report = {0};
    int fd;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    errno = 0; /* A short write sets none. */
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        report.error = errno;
    } else if (unlink(path) != 0 ||
               !fill(fd, block)) { /* Gone with the process, however it ends. */
        report.error = errno ? errno : ENOSPC;
    } else {
        memset(block, 'c', sizeof(block));
        if (!measure(fd, block, &report)) {
            report.error = errno ? errno : ENOSPC;
        }
    }
    _exit(write(report_fd, &report, sizeof(report)) == (ssize_t)sizeof(report) ? 0 : 1);
}

static enum err_code run_child(const char *path, struct sync_report *ret_report, struct err *err)
{
    int ends[2];
    ssize_t got;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    }
    pid = fork();
    if (pid == 0) {
        child(path, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return err_set(err, ERR_IO, "fork: %s", strerror(errno));
    }
    do {
        got = read(ends[0], ret_report, sizeof(*ret_report));
    } while (got < 0 && errno == EINTR);
    (void)close(ends[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (got != (ssize_t)sizeof(*ret_report)) {
        return err_set(err, ERR_IO, "the sync yardstick's process died");
    }
    return ERR_NONE;
}

static void warn_of_memory(const char *path)
{
    struct statfs info;

    if (statfs(path, &info) == 0 && info.f_type == TMPFS_MAGIC) {
        (void)fprintf(
            stderr, "corvo bench: %s is in memory: sync and durable figures mean nothing\n", path);
    }
}

enum err_code yardstick_sync(struct bench *bench, struct err *err)
{
    char path[RUN_PATH_MAX + 32];
    struct sync_report report = {0};
    enum err_code code;

    warn_of_memory(bench->home);
    (void)snprintf(path, sizeof(path), "%s/.corvo-sync-%d", bench->home, (int)getpid());
    code = run_child(path, &report, err);
    if (code != ERR_NONE) {
        return code;
    }
    if (report.error != 0) {
        return err_set(err, report.error == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
                       strerror(report.error));
    }
    results_add(bench->results, "sync", "rate", UNIT_RATE,
                (double)report.count * 1e9 / (double)report.elapsed_ns);
    return ERR_NONE;
}
