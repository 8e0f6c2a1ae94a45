/* The store thread when things fail: full disks are tried again, all else is final.
 *
 * The calls that take space are interposed, so that the disk below RocksDB can be full. */
#include "base/limits.h"
#include "store/drain.h"
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

static _Atomic int disk_errno;       /* What disk calls fail with; 0 = none. */
static _Atomic uint32_t disk_spared; /* That many calls do not fail yet. */
static _Atomic uint32_t disk_failed; /* Calls that failed so. */

static bool disk_fails(void)
{
    int number = atomic_load(&disk_errno);

    if (!number) {
        return false;
    }
    if (atomic_load(&disk_spared)) {
        atomic_fetch_sub(&disk_spared, 1);
        return false;
    }
    atomic_fetch_add(&disk_failed, 1);
    errno = number;
    return true;
}

static void fail_disk(int number, uint32_t spared)
{
    atomic_store(&disk_spared, spared);
    atomic_store(&disk_failed, 0);
    atomic_store(&disk_errno, number);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    return file > STDERR_FILENO && disk_fails() ? -1 : syscall(SYS_write, file, bytes, size);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return flags & O_CREAT && disk_fails() ? -1
                                           : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fallocate(int file, int mode, off_t offset, off_t size)
{
    return disk_fails() ? -1 : (int)syscall(SYS_fallocate, file, mode, offset, size);
}

int fdatasync(int file)
{
    return disk_fails() ? -1 : (int)syscall(SYS_fdatasync, file);
}

int fsync(int file)
{
    return disk_fails() ? -1 : (int)syscall(SYS_fsync, file);
}

int rename(const char *from, const char *to)
{
    return disk_fails() ? -1 : (int)syscall(SYS_rename, from, to);
}

int link(const char *from, const char *to)
{
    return disk_fails() ? -1 : (int)syscall(SYS_link, from, to);
}

/* A full disk that says so before it is written to. */
static _Atomic bool disk_admits;

int statvfs(const char *path, struct statvfs *ret_stat)
{
    (void)path;
    *ret_stat = (struct statvfs){.f_frsize = 4096, .f_bavail = UINT32_MAX};
    if (atomic_load(&disk_admits)) {
        ret_stat->f_bavail = 100;
    }
    return 0;
}

/* The thread sanitizer makes the folders of its reports before it can run code that it watches. */
__attribute__((no_sanitize("thread"))) int mkdir(const char *path, mode_t mode)
{
    bool fails = atomic_load(&disk_errno) && disk_fails();

    return fails ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

static int setup(void **state)
{
    fail_disk(0, 0);
    atomic_store(&disk_admits, false);
    return fixture_setup(state);
}

static void put_entry(struct fixture *fixture, uint64_t index)
{
    char key[32];

    (void)snprintf(key, sizeof(key), "%u", (unsigned)index);
    fixture_put(fixture, 0, key, "value", 0);
    fixture_commit(fixture, index);
}

/* Polls until what it says is `code`; the store thread gets there by itself. */
static void poll_until(struct fixture *fixture, enum err_code code)
{
    while (store_poll(fixture->store, fixture->now_ns, 0, &fixture->err) != code) {
        fixture->now_ns += NS_PER_MS;
        (void)sched_yield();
    }
}

/* A write without space is tried again, and again, and then done; meanwhile poll says so, and all
 * can be read. */
static void test_write_without_space(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate;

    gate_init(&gate, fixture, STORE_BEFORE_WRITE, false);
    gate.fail_count = 3;
    gate.fail_code = ERR_NO_SPACE;
    put_entry(fixture, 1);
    assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    poll_until(fixture, ERR_NO_SPACE);
    assert_string_equal(fixture->err.text, "failed by the test");
    assert_int_equal(store_written_index(fixture->store), 0);
    fixture_expect(fixture, 0, "1", "value");
    put_entry(fixture, 2); /* Goes to the open epoch: the frozen one is still being tried. */
    poll_until(fixture, ERR_NONE);
    assert_true(gate.reached[STORE_BEFORE_WRITE] >= 4);
    assert_true(store_written_index(fixture->store) >= 1);
    fixture_drain(fixture, true);
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 2);
    fixture_expect(fixture, 0, "1", "value");
    fixture_expect(fixture, 0, "2", "value");
    gate_done(&gate);
}

/* A flush without space does not move the persisted index, and is tried again.
 */
static void test_flush_without_space(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate;

    gate_init(&gate, fixture, STORE_BEFORE_FLUSH, false);
    gate.fail_count = 2;
    gate.fail_code = ERR_NO_SPACE;
    put_entry(fixture, 1);
    assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_NO_SPACE);
    assert_int_equal(store_persisted(fixture->store), 0);
    assert_int_equal(store_poll(fixture->store, 1, 0, &fixture->err), ERR_NO_SPACE);
    poll_until(fixture, ERR_NONE);
    assert_int_equal(gate.reached[STORE_BEFORE_FLUSH], 3);
    assert_int_equal(store_persisted(fixture->store), 1);
    gate_done(&gate);
}

/* Any other failure is final: poll goes on saying it, nothing more is written, and the index stays.
 */
static void fails_for_good(struct fixture *fixture, enum store_point point)
{
    struct gate gate;

    put_entry(fixture, 1);
    fixture_drain(fixture, true);
    gate_init(&gate, fixture, point, false);
    gate.fail_count = 1;
    gate.fail_code = ERR_IO;
    put_entry(fixture, 2);
    assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_IO);
    put_entry(fixture, 3);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(fixture_turn(fixture, 2 * STORE_UNFLUSHED_LOG_MAX), ERR_IO);
        assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_IO);
    }
    assert_string_equal(fixture->err.text, "failed by the test");
    assert_int_equal(gate.reached[point], 1);
    assert_int_equal(store_persisted(fixture->store), 1);
    fixture_expect(fixture, 0, "3", "value"); /* Reads go on. */
    fixture_close(fixture, true);
    fixture_open(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 1);
    fixture_expect(fixture, 0, "2", NULL);
    gate_done(&gate);
}

static void test_write_fails(void **state)
{
    fails_for_good(*state, STORE_BEFORE_WRITE);
}

static void test_flush_fails(void **state)
{
    fails_for_good(*state, STORE_BEFORE_FLUSH);
}

/* The disk below RocksDB is full during a flush: nothing counts as durable, and once there is room
 * it recovers by itself, with everything that was written meanwhile. */
static void test_full_disk(void **state)
{
    struct fixture *fixture = *state;

    put_entry(fixture, 1);
    fixture_drain(fixture, true);
    put_entry(fixture, 2);
    fail_disk(ENOSPC, 0);
    assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_NO_SPACE);
    assert_non_null(strstr(fixture->err.text, "No space left on device"));
    assert_true(atomic_load(&disk_failed) > 0);
    assert_int_equal(store_persisted(fixture->store), 1);
    put_entry(fixture, 3);
    poll_until(fixture, ERR_NO_SPACE);
    fixture_expect(fixture, 0, "2", "value");
    fixture_expect(fixture, 0, "3", "value");

    fail_disk(0, 0);
    poll_until(fixture, ERR_NONE);
    fixture_drain(fixture, true);
    assert_int_equal(store_persisted(fixture->store), 3);
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 3);
    for (unsigned i = 1; i <= 3; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%u", i);
        fixture_expect(fixture, 0, key, "value");
    }
}

/* A disk that says that it is full is not written to at all, and is used again once it has room. */
static void test_room_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate;

    gate_init(&gate, fixture, STORE_BEFORE_WRITE, false);
    put_entry(fixture, 1);
    fixture_drain(fixture, false);
    atomic_store(&disk_admits, true);
    put_entry(fixture, 2);
    assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_NO_SPACE);
    assert_memory_equal(fixture->err.text, "the disk has 0 MiB left and ", 28);
    assert_int_equal(store_poll(fixture->store, 1, 0, &fixture->err), ERR_NO_SPACE);
    assert_int_equal(gate.reached[STORE_BEFORE_WRITE], 1);
    assert_int_equal(gate.reached[STORE_BEFORE_FLUSH], 0);
    fixture_expect(fixture, 0, "2", "value");
    atomic_store(&disk_admits, false);
    poll_until(fixture, ERR_NONE);
    fixture_drain(fixture, true);
    assert_int_equal(store_persisted(fixture->store), 2);

    fixture_close(fixture, true);
    atomic_store(&disk_admits, true);
    assert_int_equal(store_open(&fixture->options, &fixture->store, &fixture->err), ERR_NO_SPACE);
    atomic_store(&disk_admits, false);
    fixture_open(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 2);
    gate_done(&gate);
}

/* Twin: the disk fills unannounced at the n-th call of a flush. What counts as durable is so, and
 * nothing is lost: it recovers by itself, or says within the given time that it can not, and then
 * the files are good when opened.
 *
 * The calls are mkdir, append to a table file, append to the manifest, and link. */
static void test_disk_fills(void **state)
{
    static const struct store_hooks hooks = {.stuck_ns = 3 * NS_PER_SECOND};
    static const uint32_t spared[] = {0, 2, 8, 13};
    struct fixture *fixture = *state;
    uint32_t recovered = 0;
    uint64_t index = 0;

    for (size_t i = 0; i < ARRAY_COUNT(spared); i++) {
        enum err_code code;

        store_set_hooks(fixture->store, &hooks);
        put_entry(fixture, ++index);
        fail_disk(ENOSPC, spared[i]);
        assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_NO_SPACE);
        assert_true(atomic_load(&disk_failed) > 0);
        fail_disk(0, 0);
        assert_int_equal(store_persisted(fixture->store), index - 1);
        do {
            (void)sched_yield();
            code = store_poll(fixture->store, 1, 0, &fixture->err);
        } while (code == ERR_NO_SPACE);
        if (code) {
            assert_int_equal(code, ERR_IO);
            assert_memory_equal(fixture->err.text, "restart to recover: ", 20);
        } else {
            fixture_drain(fixture, true);
            assert_int_equal(store_persisted(fixture->store), index);
            recovered++;
        }
        fixture_crash(fixture);
        assert_true(store_opened_at(fixture->store).index >= (code ? index - 1 : index));
        index = store_opened_at(fixture->store).index;
        fixture_expect(fixture, 0, "1", "value");
    }
    assert_true(recovered >= 2);
}

/* The disk below RocksDB fails during a flush: the index stays, and after a restart the state is
 * the one before. */
static void test_broken_disk(void **state)
{
    struct fixture *fixture = *state;

    put_entry(fixture, 1);
    fixture_drain(fixture, true);
    put_entry(fixture, 2);
    fail_disk(EIO, 0);
    assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_IO);
    assert_int_equal(store_persisted(fixture->store), 1);
    assert_int_equal(fixture_turn(fixture, 0), ERR_IO);
    fail_disk(0, 0);
    assert_int_equal(fixture_turn(fixture, 0), ERR_IO);
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 1);
    fixture_expect(fixture, 0, "2", NULL);
}

/* Closing does not wait for a disk that is full. */
static void test_close_without_space(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate;

    gate_init(&gate, fixture, STORE_BEFORE_WRITE, false);
    gate.fail_count = UINT32_MAX;
    gate.fail_code = ERR_NO_SPACE;
    put_entry(fixture, 1);
    assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    poll_until(fixture, ERR_NO_SPACE);
    fixture_close(fixture, true);
    fixture_open(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 0);
    gate_done(&gate);
}

struct woken {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    uint32_t count;
};

static void note_wake(void *context)
{
    struct woken *woken = context;

    pthread_mutex_lock(&woken->mutex);
    woken->count++;
    pthread_cond_signal(&woken->moved);
    pthread_mutex_unlock(&woken->mutex);
}

static void wait_woken(struct woken *woken, uint32_t count)
{
    pthread_mutex_lock(&woken->mutex);
    while (woken->count < count) {
        pthread_cond_wait(&woken->moved, &woken->mutex);
    }
    pthread_mutex_unlock(&woken->mutex);
}

/* The wake comes after each write and each flush, and then poll has the news. */
static void test_wake(void **state)
{
    struct fixture *fixture = *state;
    struct woken woken = {
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .moved = PTHREAD_COND_INITIALIZER,
    };

    fixture->options.wake = note_wake;
    fixture->options.wake_context = &woken;
    fixture_crash(fixture);
    put_entry(fixture, 1);
    assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    wait_woken(&woken, 1);
    assert_int_equal(fixture_turn(fixture, STORE_UNFLUSHED_LOG_MAX + 1), ERR_NONE);
    assert_int_equal(store_stats(fixture->store).overlay_bytes, 0);
    wait_woken(&woken, 2);
    assert_int_equal(store_persisted(fixture->store), 1);
}

/* What was written is flushed after some seconds of quiet, unasked; a few bytes are not worth it.
 */
static void test_idle_flush(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t value[2 * MIB];
    struct gate gate;

    gate_init(&gate, fixture, STORE_AFTER_FLUSH, false);
    put_entry(fixture, 1);
    fixture_drain(fixture, false);
    memset(value, 'v', sizeof(value));
    assert_int_equal(fixture->kv->put(fixture->kv->self, 1, slice_text("large"),
                                      slice_of(value, sizeof(value)), 0, &fixture->err),
                     ERR_NONE);
    fixture_commit(fixture, 2);
    fixture_drain(fixture, false);
    assert_int_equal(store_persisted(fixture->store), 0);
    gate_wait_reached(&gate, STORE_AFTER_FLUSH, 1);
    fixture_drain(fixture, false);
    put_entry(fixture, 3);
    fixture_drain(fixture, false);
    assert_int_equal(store_stats(fixture->store).flushes, 1);
    assert_int_equal(store_persisted(fixture->store), 2);
    gate_done(&gate);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_without_space, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flush_without_space, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_write_fails, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flush_fails, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_room_is_asked_for, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_disk_fills, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_broken_disk, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_close_without_space, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_wake, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_idle_flush, setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
