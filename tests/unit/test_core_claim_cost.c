/* What a claim costs, counted in instructions, does not grow with what it has nothing to do with:
 * other queues, limits that are not met, the number of pending jobs. d37.
 *
 * A child builds the state at full speed and stops itself around the entry that claims; the parent
 * steps it from stop to stop, one instruction at a time. No clock, so no noise.
 *
 * Under a sanitizer only this executable's instructions count, which are the server's and the
 * inline checks in proportion. What the sanitizer's library does on each access or allocation is
 * ten times as much and grows with its own shadows and quarantines, which is nobody's defect. */
#include "base/limits.h"
#include "tests/unit/core_fixture.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* Hash chains, tree depths and buffers that grow differ a little. */
#define GROWTH_MAX_PERCENT 20

/* Sanitized code is too slow for the million; a scan of a tenth is as far above the bound. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#define BACKLOG 100000
#define CLAIMS_BEFORE 2000
#else
#define SANITIZED false
#define BACKLOG 1000000
#define CLAIMS_BEFORE 20000
#endif

#define OTHER_QUEUES 10000

/* Of the linker: where this executable's own instructions lie. */
extern const char __executable_start[];
extern const char etext[];

typedef void (*prepare_fn)(struct core_fixture *fixture);

static void run(struct core_fixture *fixture, const char *op, const char *json)
{
    assert(core_fixture_run(fixture, op, json)->err.code == ERR_NONE);
}

static void enqueue_many(struct core_fixture *fixture, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        core_fixture_add(fixture, "enqueue", 0, "{\"queue\":\"q\"}");
        if (i % 500 == 499 || i + 1 == count) {
            assert(core_fixture_apply(fixture) == ERR_NONE);
        }
    }
}

static void prepare_plain(struct core_fixture *fixture)
{
    enqueue_many(fixture, 100);
}

/* All that a claim has nothing to do with, at once: stepping is slow, and whoever reads a failure
 * can leave out one after the other. */
static void prepare_bystanders(struct core_fixture *fixture)
{
    for (uint32_t i = 0; i < OTHER_QUEUES; i++) {
        char json[64];

        (void)snprintf(json, sizeof(json), "{\"queue\":\"queue-%u\"}", i);
        core_fixture_add(fixture, "enqueue", 0, json);
        if (i % 500 == 499) {
            assert(core_fixture_apply(fixture) == ERR_NONE);
        }
    }
    run(fixture, "concurrency", "{\"queue\":\"q\",\"max\":1000}");
    enqueue_many(fixture, BACKLOG);
}

static void prepare_limit(struct core_fixture *fixture)
{
    enqueue_many(fixture, 100);
    run(fixture, "throttle", "{\"queue\":\"q\",\"rate\":100000,\"window_ms\":86400000}");
}

/* Many claims are in the window, and the limit is not met. */
static void prepare_full_window(struct core_fixture *fixture)
{
    prepare_limit(fixture);
    enqueue_many(fixture, CLAIMS_BEFORE);
    for (uint32_t i = 0; i < CLAIMS_BEFORE; i++) {
        fixture->now_ns += 1000;
        run(fixture, "fetch", "{\"queues\":[\"q\"]}");
    }
}

static void child(prepare_fn prepare)
{
    struct core_fixture fixture;

    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    core_fixture_init(&fixture);
    prepare(&fixture);
    run(&fixture, "fetch", "{\"queues\":[\"q\"]}");
    core_fixture_add(&fixture, "fetch", 0, "{\"queues\":[\"q\"]}");
    (void)raise(SIGSTOP);
    if (core_fixture_apply(&fixture) != ERR_NONE) {
        _exit(1);
    }
    (void)raise(SIGSTOP);
    _exit(((const struct op_fetch_reply *)fixture.applied.results[0].reply)->jobs.count != 1);
}

static void wait_for_stop(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
}

static bool is_own(uint64_t address)
{
    return address >= (uintptr_t)__executable_start && address < (uintptr_t)etext;
}

static struct __ptrace_syscall_info registers(pid_t pid)
{
    struct __ptrace_syscall_info ret;

    assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(ret), &ret) > 0);
    return ret;
}

static void resume(pid_t pid, bool one_step, int *ret_status)
{
    assert_int_equal(ptrace(one_step ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, ret_status, 0), pid);
    assert_true(WIFSTOPPED(*ret_status));
}

#if defined(__x86_64__)

#define BREAKPOINT 0xcc

/* At the first instruction of a library's function, whose return address is on the stack's top:
 * runs it at full speed, up to a breakpoint behind the call. */
static void run_library(pid_t pid, uint64_t stack_pointer, int *ret_status)
{
    long back = ptrace(PTRACE_PEEKDATA, pid, stack_pointer, NULL);
    long code = ptrace(PTRACE_PEEKTEXT, pid, back, NULL);

    assert_true(is_own((uint64_t)back));
    assert_int_equal(ptrace(PTRACE_POKETEXT, pid, back, (code & ~0xffL) | BREAKPOINT), 0);
    resume(pid, false, ret_status);
    assert_int_equal(ptrace(PTRACE_POKETEXT, pid, back, code), 0);
    if (WSTOPSIG(*ret_status) == SIGTRAP) {
        assert_int_equal(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), back), 0);
    }
}

#else

/* The same, step by step: slower. */
static void run_library(pid_t pid, uint64_t stack_pointer, int *ret_status)
{
    (void)stack_pointer;
    resume(pid, true, ret_status);
}

#endif

/* One step of the child; returns how many instructions it counts for. */
static uint32_t step(pid_t pid, int *ret_status)
{
    if (SANITIZED) {
        struct __ptrace_syscall_info at = registers(pid);

        if (!is_own(at.instruction_pointer)) {
            run_library(pid, at.stack_pointer, ret_status);
            return 0;
        }
    }
    resume(pid, true, ret_status);
    return 1;
}

/* Instructions from the child's first stop to its second. */
static uint64_t claim_cost(prepare_fn prepare)
{
    uint64_t steps = 0;
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        child(prepare);
    }
    wait_for_stop(pid);
    /* The rest of raise is the library's, and no call of this executable led the way to here. */
    do {
        resume(pid, true, &status);
    } while (SANITIZED && !is_own(registers(pid).instruction_pointer));
    do {
        steps += step(pid, &status);
    } while (WSTOPSIG(status) == SIGTRAP);
    assert_int_equal(WSTOPSIG(status), SIGSTOP);
    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return steps;
}

static void expect_flat(const char *what, uint64_t base, uint64_t cost)
{
    print_message("%s: %llu instructions; without: %llu\n", what, (unsigned long long)cost,
                  (unsigned long long)base);
    assert_true(cost <= base + base * GROWTH_MAX_PERCENT / 100);
}

static void test_claims_are_flat(void **state)
{
    uint64_t plain = claim_cost(prepare_plain);
    uint64_t limit = claim_cost(prepare_limit);

    (void)state;
    expect_flat("other queues, a backlog, a concurrency limit", plain,
                claim_cost(prepare_bystanders));
    /* A rate limit costs one row a claim; how many claims it remembers costs nothing. */
    expect_flat("a rate limit", plain * 3 / 2, limit);
    expect_flat("many claims in the window", limit, claim_cost(prepare_full_window));
}

/* Child and parent take turns, half a million of them: on one processor neither waits for the
 * other to wake. A machine that forbids it is slower, not wrong. */
static void stay_on_one_processor(void)
{
    cpu_set_t one;
    int at = sched_getcpu();

    if (at >= 0) {
        CPU_ZERO(&one);
        CPU_SET((size_t)at, &one);
        (void)sched_setaffinity(0, sizeof(one), &one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_are_flat),
    };

    stay_on_one_processor();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
