/* What is read about machine, process and directories. */
#include "bench/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define TOUCHED_SIZE ((size_t)32 << 20)

/* Method: fields are filled, and agree with what the system says another way. */
static void the_machine_has_a_name(void **state)
{
    struct machine machine;

    (void)state;
    machine_read(&machine);
    assert_true(strlen(machine.cpu) > 0);
    assert_null(strchr(machine.cpu, '\n'));
    assert_int_equal(machine.core_count, sysconf(_SC_NPROCESSORS_ONLN));
    assert_int_equal(strncmp(machine.kernel, "Linux ", 6), 0);
}

/* Method: memory that is touched and CPU that is burnt show up; a process that is not there does
 * not. */
static void use_grows_with_use(void **state)
{
    struct process_use before;
    struct process_use after;
    char *touched;

    (void)state;
    assert_true(machine_process_use(getpid(), &before));
    touched = malloc(TOUCHED_SIZE);
    assert_non_null(touched);
    do {
        memset(touched, 1, TOUCHED_SIZE);
        assert_true(machine_process_use(getpid(), &after));
    } while (after.cpu_ns == before.cpu_ns);
    assert_true(after.rss_anon_size >= before.rss_anon_size + TOUCHED_SIZE / 2);
    assert_true(after.rss_size >= after.rss_anon_size);
    free(touched);
    assert_false(machine_process_use(0x7fffffff, &after));
}

static void write_file(const char *path, size_t size)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)size), 0);
    assert_int_equal(close(fd), 0);
}

/* Method: a tree with a file, a folder and a link out of it: the size is the blocks', the removal
 * stays inside. */
static void directories_are_measured_and_removed(void **state)
{
    char dir[] = "/tmp/corvo-machine-XXXXXX";
    char outside[] = "/tmp/corvo-outside-XXXXXX";
    char path[64];
    struct stat info;

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_non_null(mkdtemp(outside));
    assert_int_equal(machine_dir_size(dir), 0);
    (void)snprintf(path, sizeof(path), "%s/sub", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/sub/file", dir);
    write_file(path, 100000);
    (void)snprintf(path, sizeof(path), "%s/link", dir);
    assert_int_equal(symlink(outside, path), 0);
    (void)snprintf(path, sizeof(path), "%s/kept", outside);
    write_file(path, 1);
    assert_true(machine_dir_size(dir) >= 100000);
    assert_true(machine_dir_size(dir) < 200000);
    machine_dir_remove(dir);
    assert_int_not_equal(stat(dir, &info), 0);
    assert_int_equal(stat(path, &info), 0);
    machine_dir_remove(outside);
    assert_int_not_equal(stat(outside, &info), 0);
    machine_dir_remove(outside); /* Gone already: nothing happens. */
    assert_int_equal(machine_dir_size(outside), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_has_a_name),
        cmocka_unit_test(use_grows_with_use),
        cmocka_unit_test(directories_are_measured_and_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
