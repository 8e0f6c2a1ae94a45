/* The real disk: files in a fresh directory, and the calls below it made short, interrupted and
 * failing.
 *
 * The libc calls are interposed: the definitions here win over the shared library's. */
#include "base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum call { CALL_PWRITE, CALL_PREAD, CALL_FDATASYNC, CALL_FSYNC, CALL_FALLOCATE, CALL_COUNT };

static struct {
    uint32_t seen;    /* Calls made since the last reset. */
    uint32_t fail_at; /* 1 = the first; 0 = none. */
    int number;       /* The errno to fail with. */
    size_t short_by;  /* Reads and writes of more than this many bytes do only so many. */
} calls[CALL_COUNT];

static int fails(enum call call)
{
    calls[call].seen++;
    return calls[call].seen == calls[call].fail_at ? calls[call].number : 0;
}

static size_t shortened(enum call call, size_t size)
{
    return calls[call].short_by && size > calls[call].short_by ? calls[call].short_by : size;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    errno = fails(CALL_PWRITE);
    return errno ? -1 : syscall(SYS_pwrite64, file, bytes, shortened(CALL_PWRITE, size), offset);
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    errno = fails(CALL_PREAD);
    return errno ? -1 : syscall(SYS_pread64, file, bytes, shortened(CALL_PREAD, size), offset);
}

/* What a fortified build calls instead of pread. */
ssize_t __pread_chk(int file, void *bytes, size_t size, off_t offset, size_t room);
ssize_t __pread_chk(int file, void *bytes, size_t size, off_t offset, size_t room)
{
    assert_true(size <= room);
    return pread(file, bytes, size, offset);
}

int fdatasync(int file)
{
    errno = fails(CALL_FDATASYNC);
    return errno ? -1 : (int)syscall(SYS_fdatasync, file);
}

int fsync(int file)
{
    errno = fails(CALL_FSYNC);
    return errno ? -1 : (int)syscall(SYS_fsync, file);
}

int posix_fallocate(int file, off_t offset, off_t size)
{
    int number = fails(CALL_FALLOCATE);

    if (number) {
        return number;
    }
    return syscall(SYS_fallocate, file, 0, offset, size) < 0 ? errno : 0;
}

struct fixture {
    char dir[64];
    struct disk *disk;
    struct arena arena;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    memset(calls, 0, sizeof(calls));
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/corvo-disk-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    assert_int_equal(disk_open(fixture->dir, &fixture->disk, &fixture->err), ERR_NONE);
    arena_init(&fixture->arena, (size_t)1 << 20);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    const char **names;
    uint32_t count;

    memset(calls, 0, sizeof(calls));
    assert_int_equal(disk->list(disk->self, &fixture->arena, &names, &count, NULL), ERR_NONE);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(disk->remove(disk->self, names[i], NULL), ERR_NONE);
    }
    disk_close(disk);
    assert_int_equal(rmdir(fixture->dir), 0);
    arena_done(&fixture->arena);
    free(fixture);
    return 0;
}

static int create(struct fixture *fixture, const char *path, uint64_t size)
{
    int file = -1;

    assert_int_equal(
        fixture->disk->open(fixture->disk->self, path, true, size, &file, &fixture->err), ERR_NONE);
    assert_true(file >= 0);
    return file;
}

/* A created file has its size and reads as zeros; creating it again is refused, opening it works.
 */
static void test_create_and_open(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    int file = create(fixture, "a", 10000);
    uint8_t bytes[10000];
    uint64_t size = 0;
    size_t got = 0;
    int other = -2;

    assert_int_equal(disk->size(disk->self, file, &size, NULL), ERR_NONE);
    assert_int_equal(size, 10000);
    memset(bytes, 1, sizeof(bytes));
    assert_int_equal(disk->read(disk->self, file, 0, bytes, sizeof(bytes), &got, NULL), ERR_NONE);
    assert_int_equal(got, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(bytes[i], 0);
    }
    assert_int_equal(disk->open(disk->self, "a", true, 1, &other, &fixture->err), ERR_STATE);
    assert_int_equal(disk->open(disk->self, "b", false, 0, &other, &fixture->err), ERR_NOT_FOUND);
    assert_non_null(strstr(fixture->err.text, "open b: "));
    assert_int_equal(other, -2);
    assert_int_equal(disk->open(disk->self, "a", false, 0, &other, NULL), ERR_NONE);
    disk->close(disk->self, other);
    disk->close(disk->self, file);
}

/* Bytes written at an offset are read there; a read over the end is short. */
static void test_write_and_read(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    int file = create(fixture, "a", 0);
    char bytes[16] = {0};
    size_t got = 99;

    assert_int_equal(disk->write(disk->self, file, 3, "hello", 5, NULL), ERR_NONE);
    assert_int_equal(disk->sync(disk->self, file, NULL), ERR_NONE);
    assert_int_equal(disk->read(disk->self, file, 2, bytes, sizeof(bytes), &got, NULL), ERR_NONE);
    assert_int_equal(got, 6);
    assert_memory_equal(bytes, "\0hello", 6);
    assert_int_equal(disk->read(disk->self, file, 8, bytes, 1, &got, NULL), ERR_NONE);
    assert_int_equal(got, 0);
    disk->close(disk->self, file);
}

/* Calls that do three bytes at a time, the second of them interrupted, still do all of it. */
static void test_short_and_interrupted(void **state)
{
    static const char text[] = "twenty-three bytes long";
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    int file = create(fixture, "a", 0);
    char bytes[sizeof(text)] = {0};
    size_t got = 0;

    for (int call = 0; call < CALL_COUNT; call++) {
        calls[call].seen = 0;
        calls[call].fail_at = call == CALL_FDATASYNC || call == CALL_FSYNC ? 1 : 2;
        calls[call].number = EINTR;
        calls[call].short_by = 3;
    }
    assert_int_equal(disk->write(disk->self, file, 0, text, sizeof(text), NULL), ERR_NONE);
    assert_int_equal(calls[CALL_PWRITE].seen, 9);
    assert_int_equal(disk->read(disk->self, file, 0, bytes, sizeof(bytes), &got, NULL), ERR_NONE);
    assert_int_equal(calls[CALL_PREAD].seen, 9);
    assert_int_equal(got, sizeof(text));
    assert_string_equal(bytes, text);
    assert_int_equal(disk->sync(disk->self, file, NULL), ERR_NONE);
    assert_int_equal(calls[CALL_FDATASYNC].seen, 2);
    assert_int_equal(disk->sync_dir(disk->self, NULL), ERR_NONE);
    assert_int_equal(calls[CALL_FSYNC].seen, 2);
    disk->close(disk->self, file);
}

/* The n-th call of each kind fails with each errno: the code says what to do, and nothing is
 * retried. */
static void test_failures(void **state)
{
    static const struct {
        int number;
        enum err_code code;
    } rows[] = {{EIO, ERR_IO}, {ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE}, {EROFS, ERR_IO}};
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    int file = create(fixture, "a", 0);
    char bytes[9];
    size_t got = 99;

    for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
        for (uint32_t nth = 1; nth <= 3; nth++) {
            for (int call = 0; call < CALL_COUNT; call++) {
                calls[call].seen = 0;
                calls[call].fail_at = call == CALL_PWRITE || call == CALL_PREAD ? nth : 1;
                calls[call].number = rows[row].number;
                calls[call].short_by = 3;
            }
            assert_int_equal(disk->write(disk->self, file, 0, "ninebytes", 9, &fixture->err),
                             rows[row].code);
            assert_int_equal(calls[CALL_PWRITE].seen, nth);
            calls[CALL_PWRITE].fail_at = 0;
            assert_int_equal(disk->write(disk->self, file, 0, "ninebytes", 9, NULL), ERR_NONE);
            assert_int_equal(disk->read(disk->self, file, 0, bytes, 9, &got, NULL), rows[row].code);
            assert_int_equal(got, 99);
            assert_int_equal(disk->sync(disk->self, file, NULL), rows[row].code);
            assert_int_equal(calls[CALL_FDATASYNC].seen, 1);
            assert_int_equal(disk->sync_dir(disk->self, NULL), rows[row].code);
        }
    }
    disk->close(disk->self, file);
}

/* A file that can not be preallocated is not left behind: the next attempt may create it. */
static void test_no_room_to_create(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    int file = -2;

    calls[CALL_FALLOCATE].fail_at = 1;
    calls[CALL_FALLOCATE].number = ENOSPC;
    assert_int_equal(disk->open(disk->self, "a", true, 4096, &file, &fixture->err), ERR_NO_SPACE);
    assert_int_equal(file, -2);
    assert_int_equal(disk->open(disk->self, "a", false, 0, &file, NULL), ERR_NOT_FOUND);
    file = create(fixture, "a", 4096);
    disk->close(disk->self, file);
}

/* Renaming replaces, removing removes, and the listing has just the files, not directories. */
static void test_names(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    const char **names = NULL;
    char path[128];
    uint32_t count = 99;

    assert_int_equal(disk->list(disk->self, &fixture->arena, &names, &count, NULL), ERR_NONE);
    assert_int_equal(count, 0);
    disk->close(disk->self, create(fixture, "a", 1));
    disk->close(disk->self, create(fixture, "b", 2));
    disk->close(disk->self, create(fixture, "c", 3));
    (void)snprintf(path, sizeof(path), "%s/sub", fixture->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(disk->rename(disk->self, "a", "b", NULL), ERR_NONE);
    assert_int_equal(disk->rename(disk->self, "a", "d", NULL), ERR_NOT_FOUND);
    assert_int_equal(disk->remove(disk->self, "c", NULL), ERR_NONE);
    assert_int_equal(disk->remove(disk->self, "c", NULL), ERR_NOT_FOUND);
    assert_int_equal(disk->list(disk->self, &fixture->arena, &names, &count, NULL), ERR_NONE);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "b");
    assert_int_equal(rmdir(path), 0);
}

/* A listing that does not fit its arena is an error, not a shorter list. */
static void test_list_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    const char **names = NULL;
    uint32_t count = 99;
    struct arena small;

    for (int i = 0; i < 8; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "file-%d", i);
        disk->close(disk->self, create(fixture, name, 0));
    }
    arena_init(&small, 100);
    assert_int_equal(disk->list(disk->self, &small, &names, &count, NULL), ERR_NOMEM);
    assert_null(names);
    assert_int_equal(count, 99);
    arena_done(&small);
}

/* Missing parents are created and each new name is synced; a file in the way is an error. */
static void test_open_parents(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    struct disk *deep = NULL;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/x//y/", fixture->dir);
    calls[CALL_FSYNC].seen = 0;
    assert_int_equal(disk_open(path, &deep, &fixture->err), ERR_NONE);
    assert_int_equal(calls[CALL_FSYNC].seen, 2);
    disk_close(deep);
    assert_int_equal(disk_open(path, &deep, &fixture->err), ERR_NONE);
    assert_int_equal(calls[CALL_FSYNC].seen, 2);
    disk_close(deep);
    assert_int_equal(rmdir(path), 0);
    (void)snprintf(path, sizeof(path), "%s/x", fixture->dir);
    assert_int_equal(rmdir(path), 0);

    disk->close(disk->self, create(fixture, "file", 0));
    (void)snprintf(path, sizeof(path), "%s/file", fixture->dir);
    assert_int_equal(disk_open(path, &deep, &fixture->err), ERR_IO);
    assert_int_equal(disk_open("", &deep, &fixture->err), ERR_INVALID);
    disk_close(NULL);
}

/* A link below the root is not followed: nothing outside is opened. */
static void test_no_links(void **state)
{
    struct fixture *fixture = *state;
    struct disk *disk = fixture->disk;
    char path[128];
    int file = -2;

    (void)snprintf(path, sizeof(path), "%s/link", fixture->dir);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(disk->open(disk->self, "link", false, 0, &file, &fixture->err), ERR_IO);
    assert_int_equal(file, -2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create_and_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_and_interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_to_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_links, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
