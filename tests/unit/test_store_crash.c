/* The store killed at each point of its work and at any moment: what comes back is exactly what
 * some entry left, whole epochs only, and never less than what it had called durable.
 *
 * A child process (this program again, so that RocksDB's threads are its own) runs the common
 * suite's entries into a store until it is killed; they follow from a seed, so the parent knows
 * what each of them should have left. kill -9 leaves the page cache: this shows atomicity and
 * order, not that syncs are done. */
#include "base/limits.h"
#include "store/kv_mem.h"
#include "store/store.h"
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SEED 5
#define ROUNDS 24
#define ANY_MOMENT STORE_POINT_COUNT

/* Written by the child, read by the parent when the child is dead. */
struct status {
    _Atomic uint64_t committed;
    _Atomic uint64_t persisted; /* What the store called durable. */
    _Atomic uint64_t flushes;
};

struct killer {
    enum store_point point;
    uint32_t nth;
};

static enum err_code kill_at(void *context, enum store_point point, struct err *err)
{
    struct killer *killer = context;

    (void)err;
    if (point == killer->point && --killer->nth == 0) {
        (void)kill(getpid(), SIGKILL);
    }
    return ERR_NONE;
}

static struct status *map_status(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT, 0600);
    struct status *status;

    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, sizeof(*status)), 0);
    status = mmap(NULL, sizeof(*status), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(status != MAP_FAILED);
    (void)close(file);
    return status;
}

/* Runs the entries from the seed into memory, up to `index`: so does the parent, to know what
 * should be. */
static struct kv_mem *run_in_memory(struct suite *suite, uint64_t index)
{
    struct kv_mem *mem = NULL;

    assert_int_equal(kv_mem_create(SUITE_TABLES, &mem, NULL), ERR_NONE);
    suite_init(suite, kv_mem_kv(mem), SEED);
    while (suite->now.mark.index < index) {
        suite_entry(suite);
    }
    return mem;
}

static void run_entries(struct fixture *fixture, struct suite *suite, struct status *status)
{
    uint64_t random = suite->now.mark.index + 1; /* Not the suite's, whose entries would change. */

    while (suite->now.mark.index + 1 < SUITE_ENTRIES_MAX) {
        uint64_t log_bytes;

        suite_entry(suite);
        atomic_store(&status->committed, suite->now.mark.index);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        fixture->now_ns += (random >> 33) % 120 * NS_PER_MS;
        log_bytes = (random >> 40) % 4 ? 0 : STORE_UNFLUSHED_LOG_MAX + 1;
        assert_int_equal(store_poll(fixture->store, fixture->now_ns, log_bytes, &fixture->err),
                         ERR_NONE);
        atomic_store(&status->persisted, store_persisted(fixture->store));
        if (suite->now.mark.index % 16 == 0) {
            fixture_drain(fixture, suite->now.mark.index % 64 == 0);
        }
    }
}

/* arguments: "child", directory, status file, point, nth. */
static int child(char **arguments)
{
    struct killer killer = {
        .point = (enum store_point)strtoul(arguments[4], NULL, 10),
        .nth = (uint32_t)strtoul(arguments[5], NULL, 10),
    };
    struct store_hooks hooks = {.context = &killer, .at = kill_at};
    struct status *status = map_status(arguments[3]);
    struct fixture fixture = {.now_ns = 1};
    struct suite suite;

    (void)snprintf(fixture.dir, sizeof(fixture.dir), "%s", arguments[2]);
    fixture_open(&fixture);
    store_set_hooks(fixture.store, &hooks);
    (void)run_in_memory(&suite, store_opened_at(fixture.store).index);
    suite.kv = fixture.kv;
    run_entries(&fixture, &suite, status);
    return 0;
}

static pid_t start_child(const struct fixture *fixture, const char *status_path,
                         enum store_point point, uint32_t nth)
{
    char point_text[16];
    char nth_text[16];
    pid_t pid;

    (void)snprintf(point_text, sizeof(point_text), "%u", (unsigned)point);
    (void)snprintf(nth_text, sizeof(nth_text), "%u", nth);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl("/proc/self/exe", "test_store_crash", "child", fixture->dir, status_path,
                    point_text, nth_text, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Kills the child when it has committed that far, wherever its store thread is then. */
static void kill_after(pid_t pid, const struct status *status, uint64_t committed)
{
    while (atomic_load(&status->committed) < committed && waitpid(pid, NULL, WNOHANG) == 0) {
        (void)sched_yield();
    }
    (void)kill(pid, SIGKILL);
}

struct rounds {
    struct fixture *fixture;
    struct status *status;
    char status_path[128];
    struct suite suite;
    struct kv_mem *mem;
    uint64_t opened_at;
};

static void start_rounds(struct rounds *rounds, struct fixture *fixture)
{
    *rounds = (struct rounds){.fixture = fixture};
    (void)snprintf(rounds->status_path, sizeof(rounds->status_path), "%s/status", fixture->dir);
    rounds->status = map_status(rounds->status_path);
    rounds->mem = run_in_memory(&rounds->suite, SUITE_ENTRIES_MAX - 1);
}

static void end_rounds(struct rounds *rounds)
{
    suite_done(&rounds->suite);
    kv_mem_destroy(rounds->mem);
    (void)munmap(rounds->status, sizeof(*rounds->status));
}

/* After the child's death: opens what it left and compares all of it with what its last entry
 * should have left. */
static void check_round(struct rounds *rounds)
{
    struct fixture *fixture = rounds->fixture;
    struct kv_mark mark;

    fixture_open(fixture);
    mark = store_opened_at(fixture->store);
    assert_true(mark.index >= atomic_load(&rounds->status->persisted));
    assert_true(mark.index <= atomic_load(&rounds->status->committed));
    assert_true(mark.index >= rounds->opened_at);
    rounds->suite.kv = fixture->kv;
    rounds->suite.now = rounds->suite.history[mark.index];
    assert_memory_equal(&mark, &rounds->suite.now.mark, sizeof(mark));
    suite_check(&rounds->suite);
    fixture_close(fixture, false);
    rounds->opened_at = mark.index;
}

/* At each point, at its first, second, ... time. */
static void test_killed_at_points(void **state)
{
    struct fixture *fixture = *state;
    struct rounds rounds;

    start_rounds(&rounds, fixture);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        enum store_point point = (enum store_point)(round % STORE_POINT_COUNT);
        pid_t pid =
            start_child(fixture, rounds.status_path, point, 1 + round / STORE_POINT_COUNT % 3);
        int result = 0;

        assert_int_equal(waitpid(pid, &result, 0), pid);
        assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
        check_round(&rounds);
    }
    assert_true(rounds.opened_at > 0);
    end_rounds(&rounds);
}

/* At any moment, some entries after its start. */
static void test_killed_at_any_moment(void **state)
{
    struct fixture *fixture = *state;
    struct rounds rounds;

    start_rounds(&rounds, fixture);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t from = rounds.opened_at;
        pid_t pid;

        atomic_store(&rounds.status->committed, from);
        pid = start_child(fixture, rounds.status_path, ANY_MOMENT, 1);
        kill_after(pid, rounds.status, from + 1 + round * 37 % 140);
        (void)waitpid(pid, NULL, 0);
        check_round(&rounds);
    }
    assert_true(rounds.opened_at > 0);
    end_rounds(&rounds);
}

/* The state that each point leaves behind, when a first epoch is durable and a second one is on its
 * way. */
static void test_what_each_point_leaves(void **state)
{
    static const uint64_t expected[STORE_POINT_COUNT] = {
        [STORE_BEFORE_WRITE] = 1,
        [STORE_AFTER_WRITE] = 1,
        [STORE_BEFORE_FLUSH] = 1,
        [STORE_AFTER_FLUSH] = 2,
    };
    struct fixture *fixture = *state;

    for (int point = 0; point < STORE_POINT_COUNT; point++) {
        char point_text[16];
        int result = 0;
        pid_t pid;

        (void)snprintf(point_text, sizeof(point_text), "%d", point);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)execl("/proc/self/exe", "test_store_crash", "two", fixture->dir, point_text,
                        (char *)NULL);
            _exit(127);
        }
        assert_int_equal(waitpid(pid, &result, 0), pid);
        assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
        fixture_open(fixture);
        assert_int_equal(store_opened_at(fixture->store).index, expected[point]);
        assert_int_equal(store_persisted(fixture->store), expected[point]);
        for (uint8_t table = 0; table < SUITE_TABLES; table++) {
            fixture_expect(fixture, table, "row", expected[point] == 1 ? "first" : "second");
        }
        fixture_close(fixture, false);
        fixture_remove(fixture->dir);
    }
}

/* arguments: "two", directory, point. */
static int two_epochs(char **arguments)
{
    struct killer killer = {
        .point = (enum store_point)strtoul(arguments[3], NULL, 10),
        .nth = 1,
    };
    struct store_hooks hooks = {.context = &killer, .at = kill_at};
    struct fixture fixture = {.now_ns = 1};

    (void)snprintf(fixture.dir, sizeof(fixture.dir), "%s", arguments[2]);
    fixture_open(&fixture);
    for (uint64_t index = 1; index <= 2; index++) {
        for (uint8_t table = 0; table < SUITE_TABLES; table++) {
            fixture_put(&fixture, table, "row", index == 1 ? "first" : "second", 0);
        }
        fixture_commit(&fixture, index);
        fixture_drain(&fixture, true);
        store_set_hooks(fixture.store, &hooks);
    }
    return 0; /* Not reached: the parent asks for a death by signal. */
}

int main(int count, char **arguments)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_each_point_leaves, fixture_setup_closed,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_killed_at_points, fixture_setup_closed,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_killed_at_any_moment, fixture_setup_closed,
                                        fixture_teardown),
    };

    if (count == 6 && strcmp(arguments[1], "child") == 0) {
        return child(arguments);
    }
    if (count == 4 && strcmp(arguments[1], "two") == 0) {
        return two_epochs(arguments);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
