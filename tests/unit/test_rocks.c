/* The files of the store: who may open them, what they say when damaged, marks and cursors. */
#include "store/epoch.h"
#include "store/rocks.h"
#include "tests/unit/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

static enum err_code try_open(struct fixture *fixture, const struct kv_table *tables,
                              uint32_t table_count, struct rocks **ret_rocks)
{
    const struct store_options options = {
        .dir = fixture->dir, .tables = tables, .table_count = table_count, .files_max = 64};

    return rocks_open(&options, ret_rocks, &fixture->err);
}

static struct rocks *open_rocks(struct fixture *fixture)
{
    struct rocks *rocks = NULL;

    if (try_open(fixture, fixture_tables, SUITE_TABLES, &rocks)) {
        fail_msg("open: %s", fixture->err.text);
    }
    return rocks;
}

static void write_row(struct rocks *rocks, uint64_t index, const char *key, const char *value)
{
    struct kv_mark mark = {.index = index, .term = 2, .state_hash = ~index};
    struct rocks_written written = {0};
    struct epoch *epoch = NULL;

    assert_int_equal(epoch_create(&epoch, NULL), ERR_NONE);
    assert_int_equal(epoch_put(epoch, 0, slice_text(key), slice_text(value), 0, NULL), ERR_NONE);
    epoch_set_mark(epoch, &mark);
    assert_int_equal(rocks_write(rocks, epoch, 0, &written, NULL), ERR_NONE);
    assert_int_equal(written.keys, 1);
    assert_true(written.bytes > strlen(key) + strlen(value));
    epoch_destroy(epoch);
}

/* A second opener is refused with the reason, in this process and in another. */
static void test_locked(void **state)
{
    struct fixture *fixture = *state;
    struct rocks *rocks = open_rocks(fixture);
    struct rocks *second = NULL;
    int result = 0;
    pid_t pid;

    assert_int_equal(try_open(fixture, fixture_tables, SUITE_TABLES, &second), ERR_STATE);
    assert_null(second);
    assert_non_null(strstr(fixture->err.text, "is in use by another process"));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl("/proc/self/exe", "test_rocks", "open", fixture->dir, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &result, 0), pid);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), ERR_STATE);
    rocks_close(rocks);
    rocks = open_rocks(fixture);
    rocks_close(rocks);
}

/* Tables may be added at the end; one with another name or class, or one too few, is refused. */
static void test_tables(void **state)
{
    static const struct kv_table renamed[] = {{"hot", KV_HOT}, {"other", KV_LARGE}};
    static const struct kv_table moved[] = {{"hot", KV_HISTORY}, {"large", KV_LARGE}};
    struct fixture *fixture = *state;
    struct rocks *rocks = NULL;

    assert_int_equal(try_open(fixture, fixture_tables, 2, &rocks), ERR_NONE);
    write_row(rocks, 1, "a", "1");
    assert_int_equal(rocks_flush(rocks, NULL), ERR_NONE);
    rocks_close(rocks);
    rocks = NULL;
    assert_int_equal(try_open(fixture, renamed, 2, &rocks), ERR_CORRUPT);
    assert_non_null(strstr(fixture->err.text, "was written with other tables"));
    assert_int_equal(try_open(fixture, moved, 2, &rocks), ERR_CORRUPT);
    assert_int_equal(try_open(fixture, fixture_tables, 1, &rocks), ERR_UNSUPPORTED);
    assert_non_null(strstr(fixture->err.text, "tables of a later version"));
    assert_null(rocks);
    rocks = open_rocks(fixture);
    write_row(rocks, 2, "b", "2");
    assert_int_equal(rocks_flush(rocks, NULL), ERR_NONE);
    rocks_close(rocks);
    rocks = NULL;
    assert_int_equal(try_open(fixture, fixture_tables, 2, &rocks), ERR_UNSUPPORTED);
}

/* The mark as written runs ahead of the persisted one until a flush; all three numbers come back.
 */
static void test_marks(void **state)
{
    struct fixture *fixture = *state;
    struct rocks *rocks = open_rocks(fixture);
    struct kv_mark mark = {.index = 99};

    assert_int_equal(rocks_mark(rocks, false, &mark, NULL), ERR_NONE);
    assert_int_equal(mark.index, 0);
    write_row(rocks, 1, "a", "1");
    assert_int_equal(rocks_flush(rocks, NULL), ERR_NONE);
    write_row(rocks, UINT64_MAX - 1, "a", "2");
    assert_int_equal(rocks_mark(rocks, false, &mark, NULL), ERR_NONE);
    assert_true(mark.index == UINT64_MAX - 1);
    assert_int_equal(mark.term, 2);
    assert_true(mark.state_hash == 1);
    assert_int_equal(rocks_mark(rocks, true, &mark, NULL), ERR_NONE);
    assert_int_equal(mark.index, 1);
    rocks_close(rocks);
    rocks = open_rocks(fixture);
    assert_int_equal(rocks_mark(rocks, false, &mark, NULL), ERR_NONE);
    assert_int_equal(mark.index, 1);
    rocks_close(rocks);
}

/* Finds a file of the database whose name starts or ends so. */
static bool find_file(const struct fixture *fixture, const char *part, char path[512])
{
    char dir[128];
    DIR *directory;
    const struct dirent *found;

    (void)snprintf(dir, sizeof(dir), "%s/db", fixture->dir);
    directory = opendir(dir);
    assert_non_null(directory);
    path[0] = '\0';
    while ((found = readdir(directory))) {
        if (strstr(found->d_name, part)) {
            (void)snprintf(path, 512, "%s/%s", dir, found->d_name);
        }
    }
    (void)closedir(directory);
    return path[0] != '\0';
}

static void flip_byte(const char *path, off_t offset)
{
    int file = open(path, O_RDWR);
    uint8_t byte = 0;

    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, offset), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(file, &byte, 1, offset), 1);
    (void)close(file);
}

static void fill(struct fixture *fixture)
{
    struct rocks *rocks = open_rocks(fixture);

    for (uint64_t index = 1; index <= 50; index++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "key-%02u", (unsigned)index);
        write_row(rocks, index, key, "a value that is long enough to be worth damaging");
    }
    assert_int_equal(rocks_flush(rocks, NULL), ERR_NONE);
    rocks_close(rocks);
}

static enum err_code skip_change(void *context, uint64_t index, uint8_t table, struct slice key,
                                 struct err *err)
{
    (void)context;
    (void)index;
    (void)table;
    (void)key;
    (void)err;
    return ERR_NONE;
}

static enum err_code read_all(struct fixture *fixture)
{
    struct rocks_cursor *cursor = NULL;
    struct rocks *rocks = NULL;
    struct slice value;
    struct slice key;
    uint32_t count = 0;
    enum err_code code = try_open(fixture, fixture_tables, SUITE_TABLES, &rocks);

    if (!code) {
        code = rocks_cursor_open(rocks, NULL, 0, slice_of(NULL, 0), &cursor, &fixture->err);
    }
    while (!code && rocks_cursor_row(cursor, &key, &value)) {
        count++;
        code = rocks_cursor_next(cursor, &fixture->err);
    }
    rocks_cursor_close(cursor);
    if (!code) {
        code = rocks_changes(rocks, NULL, 0, skip_change, NULL, &fixture->err);
    }
    rocks_close(rocks);
    assert_true(code || count == 50);
    return code;
}

/* A flipped bit in the manifest or a table file, or a missing file, is an error: never fewer rows.
 */
static void test_damage(void **state)
{
    static const struct {
        const char *part;
        bool removed;
        off_t offset;
    } rows[] = {
        {"MANIFEST", false, 20}, {".sst", false, 30}, {".sst", true, 0}, {"CURRENT", true, 0}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char path[512];

        fill(fixture);
        assert_int_equal(read_all(fixture), ERR_NONE);
        assert_true(find_file(fixture, rows[i].part, path));
        if (rows[i].removed) {
            assert_int_equal(unlink(path), 0);
        } else {
            flip_byte(path, rows[i].offset);
        }
        assert_int_equal(read_all(fixture), ERR_CORRUPT);
        fixture_remove(fixture->dir);
    }
}

/* RocksDB writes down what it was told: no more than so many tables are held open. */
static void test_files_max(void **state)
{
    struct fixture *fixture = *state;
    static char text[1 << 16];
    char path[512];
    FILE *file;
    size_t size;

    rocks_close(open_rocks(fixture));
    assert_true(find_file(fixture, "OPTIONS", path));
    file = fopen(path, "r");
    assert_non_null(file);
    size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    assert_non_null(strstr(text, "max_open_files=64\n"));
}

int main(int count, char **arguments)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_locked, fixture_setup_closed, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_tables, fixture_setup_closed, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_marks, fixture_setup_closed, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage, fixture_setup_closed, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_files_max, fixture_setup_closed, fixture_teardown),
    };

    if (count == 3 && strcmp(arguments[1], "open") == 0) {
        const struct store_options options = {
            .dir = arguments[2], .tables = fixture_tables, .table_count = SUITE_TABLES};
        struct rocks *rocks = NULL;

        return (int)rocks_open(&options, &rocks, NULL);
    }
    rocks_close(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
