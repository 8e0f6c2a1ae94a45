/* Fault twin: a workload with its 1st, 2nd, ... n-th allocation or socket call failing. It must end
 * with an error or with failures that show, and give back all it took.
 *
 * The definitions here win over the shared library's. The server is the h1 yardstick, a process of
 * its own. Sanitizers bring their own allocator, so in their builds only the socket calls fail. */
#include "bench/workload_enqueue.h"
#include "bench/workloads.h"
#include "bench/yardstick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define ROUNDS_MAX 300

static size_t fail_at; /* 0: never. Counts down. */
static bool failed;    /* The one that was to fail was reached. */
static long blocks;    /* Taken and not given back, by this executable. */
static long files;

static bool must_fail(void)
{
    if (fail_at == 0) {
        return false;
    }
    fail_at--;
    failed |= fail_at == 0;
    return fail_at == 0;
}

int socket(int domain, int type, int protocol)
{
    if (must_fail()) {
        errno = EMFILE;
        return -1;
    }
    files++;
    return (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
    if (must_fail()) {
        errno = ECONNREFUSED;
        return -1;
    }
    return (int)syscall(SYS_connect, fd, address.__sockaddr__, size);
}

int epoll_create1(int flags)
{
    if (must_fail()) {
        errno = EMFILE;
        return -1;
    }
    files++;
    return (int)syscall(SYS_epoll_create1, flags);
}

int epoll_ctl(int epoll_fd, int how, int fd, struct epoll_event *event)
{
    if (must_fail()) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll_fd, how, fd, event);
}

int close(int fd)
{
    files--;
    return (int)syscall(SYS_close, fd);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern const char __executable_start;
extern const char etext;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *bytes, size_t size);
void __libc_free(void *bytes);

static bool is_ours(const void *caller)
{
    return (uintptr_t)caller >= (uintptr_t)&__executable_start &&
           (uintptr_t)caller < (uintptr_t)&etext;
}

void *malloc(size_t size)
{
    bool ours = is_ours(__builtin_return_address(0));

    if (ours && must_fail()) {
        return NULL;
    }
    blocks += ours;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    bool ours = is_ours(__builtin_return_address(0));

    if (ours && must_fail()) {
        return NULL;
    }
    blocks += ours;
    return __libc_calloc(count, size);
}

void *realloc(void *bytes, size_t size)
{
    bool ours = is_ours(__builtin_return_address(0));

    if (ours && must_fail()) {
        return NULL;
    }
    blocks += ours && !bytes;
    return __libc_realloc(bytes, size);
}

void free(void *bytes)
{
    blocks -= is_ours(__builtin_return_address(0)) && bytes;
    __libc_free(bytes);
}

#endif

/* Runs the workload with the n-th call failing; whether there was an n-th. */
static bool run_with_fault(enum err_code (*run)(struct bench *, struct err *), struct bench *bench,
                           size_t nth)
{
    struct err err = {0};
    enum err_code code;
    long blocks_before = blocks;
    long files_before = files;

    memset(bench->results, 0, sizeof(*bench->results));
    failed = false;
    fail_at = nth;
    code = run(bench, &err);
    fail_at = 0;
    assert_int_equal(blocks, blocks_before);
    assert_int_equal(files, files_before);
    if (code != ERR_NONE) {
        assert_true(failed);
        assert_true(strlen(err.text) > 0);
    }
    return failed;
}

static void run_all_faults(enum err_code (*run)(struct bench *, struct err *))
{
    static struct results results;
    struct bench_options options = {.connections = {{2}, 1},
                                    .depth = 1,
                                    .duration_ms = 3,
                                    .payload_size = 200,
                                    .queue = "test"};
    struct bench bench = {.options = &options, .results = &results, .patience_ns = 2 * NS_PER_MS};
    struct err err;
    size_t nth = 1;
    pid_t pid;

    assert_int_equal(yardstick_h1_start(&pid, &bench.address, &err), ERR_NONE);
    while (run_with_fault(run, &bench, nth)) {
        nth++;
        assert_true(nth < ROUNDS_MAX);
    }
    assert_true(nth > 5); /* Some calls there must be. */
    yardstick_h1_stop(pid);
}

/* Method: the whole of b1, which the yardstick answers as a server would. */
static void b1_survives_each_fault(void **state)
{
    (void)state;
    run_all_faults(workload_b1);
}

/* Method: b4, whose request is larger than a socket takes at once. */
static void b4_survives_each_fault(void **state)
{
    (void)state;
    run_all_faults(workload_b4);
}

/* Method: b2; the yardstick delivers nothing, so each fetch counts as wrong, and that is no fault.
 */
static void b2_survives_each_fault(void **state)
{
    (void)state;
    run_all_faults(workload_b2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b1_survives_each_fault),
        cmocka_unit_test(b4_survives_each_fault),
        cmocka_unit_test(b2_survives_each_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
