/* What a claim costs, counted in instructions, does not grow with what it has nothing to do with:
 * other queues, limits that are not met, the number of pending jobs. d37.
 *
 * A child builds the state at full speed and stops itself around the entry that claims; the parent
 * steps it from stop to stop, one instruction at a time. No clock, so no noise. */
#include "base/limits.h"
#include "tests/unit/core_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
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

/* Sanitized code is too slow for the million. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BACKLOG 100000
#else
#define BACKLOG 1000000
#endif

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

static void prepare_queues(struct core_fixture *fixture)
{
    for (uint32_t i = 0; i < 10000; i++) {
        char json[64];

        (void)snprintf(json, sizeof(json), "{\"queue\":\"queue-%u\"}", i);
        core_fixture_add(fixture, "enqueue", 0, json);
        if (i % 500 == 499) {
            assert(core_fixture_apply(fixture) == ERR_NONE);
        }
    }
    enqueue_many(fixture, 100);
}

static void prepare_concurrency(struct core_fixture *fixture)
{
    enqueue_many(fixture, 100);
    run(fixture, "concurrency", "{\"queue\":\"q\",\"max\":1000}");
}

static void prepare_backlog(struct core_fixture *fixture)
{
    enqueue_many(fixture, BACKLOG);
}

static void prepare_limit(struct core_fixture *fixture)
{
    enqueue_many(fixture, 100);
    run(fixture, "throttle", "{\"queue\":\"q\",\"rate\":100000,\"window_ms\":86400000}");
}

/* Twenty thousand claims are in the window, and the limit is not met. */
static void prepare_full_window(struct core_fixture *fixture)
{
    prepare_limit(fixture);
    enqueue_many(fixture, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
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
    do {
        steps++;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
    } while (WSTOPSIG(status) == SIGTRAP);
    assert_int_equal(WSTOPSIG(status), SIGSTOP);
    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return steps;
}

static void expect_flat(const char *what, uint64_t base, uint64_t cost)
{
    print_message("%s: %llu instructions, plain: %llu\n", what, (unsigned long long)cost,
                  (unsigned long long)base);
    assert_true(cost <= base + base * GROWTH_MAX_PERCENT / 100);
}

static void test_claims_are_flat(void **state)
{
    uint64_t plain = claim_cost(prepare_plain);

    (void)state;
    expect_flat("10,000 other queues", plain, claim_cost(prepare_queues));
    expect_flat("a concurrency limit", plain, claim_cost(prepare_concurrency));
    expect_flat("a large backlog", plain, claim_cost(prepare_backlog));
}

/* A rate limit costs one row a claim; how many claims it remembers costs nothing. */
static void test_windows_are_flat(void **state)
{
    uint64_t limit = claim_cost(prepare_limit);

    (void)state;
    expect_flat("20,000 claims in the window", limit, claim_cost(prepare_full_window));
    expect_flat("a rate limit", claim_cost(prepare_plain) * 3 / 2, limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_are_flat),
        cmocka_unit_test(test_windows_are_flat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
