/* The data directory as a whole, and the words of refusals, on real directories. */
#include "base/buf.h"
#include "base/log.h"
#include "core/core.h"
#include "server/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

static char root[64];
static char path[80];

static int make_root(void **state)
{
    (void)state;
    log_setup((enum log_level)(LOG_ERROR + 1), LOG_TEXT);
    (void)snprintf(root, sizeof(root), "/tmp/corvo-dir-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *name, const struct stat *stat, int flag, struct FTW *ftw)
{
    (void)stat;
    (void)flag;
    (void)ftw;
    return remove(name);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Each test has a directory of its own, which does not exist yet. */
static int next_path(void **state)
{
    static uint32_t number;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/%u", root, number++);
    return 0;
}

static void add_to_path(const char *more)
{
    size_t size = strlen(path);

    (void)snprintf(path + size, sizeof(path) - size, "%s", more);
}

static void put(const char *name, const char *text)
{
    char full[160];
    int file;

    (void)mkdir(path, 0700);
    (void)snprintf(full, sizeof(full), "%s/%s", path, name);
    file = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    assert_int_equal(close(file), 0);
}

static void put_dir(const char *name)
{
    char full[160];

    (void)mkdir(path, 0700);
    (void)snprintf(full, sizeof(full), "%s/%s", path, name);
    assert_int_equal(mkdir(full, 0700), 0);
}

static void assert_refused(bool may_begin, enum refusal_kind kind, const char *says)
{
    struct refusal refusal = {0};
    struct data_dir dir;

    assert_false(data_dir_open(path, "node-1", may_begin, &dir, &refusal));
    if (refusal.kind != kind || !strstr(refusal.text, says)) {
        fail_msg("'%s' (%s) does not say '%s' (%s)", refusal.text, refusal_word(refusal.kind), says,
                 refusal_word(kind));
    }
}

static void open_well(const char *node_id, struct data_dir *ret_dir)
{
    struct refusal refusal = {0};

    if (!data_dir_open(path, node_id, true, ret_dir, &refusal)) {
        fail_msg("%s", refusal.text);
    }
}

/* Method: a directory is made, its log appears, it is opened again; what VERSION says is kept. */
static void test_life(void **state)
{
    struct refusal refusal = {0};
    struct data_dir dir;
    uint32_t tables;

    (void)state;
    (void)core_tables(&tables);
    open_well("a \"b", &dir);
    assert_int_equal(dir.version.format, DATA_FORMAT);
    assert_int_equal(dir.version.tables, tables);
    assert_true(dir.version.operations > 5);
    assert_int_equal(dir.version.cluster_id, 0);
    assert_true(data_dir_is_of(&dir, 0xfedcba9876543210, &refusal));
    put_dir("log");
    data_dir_close(&dir);
    open_well("a \"b", &dir);
    assert_int_equal(dir.version.cluster_id, 0xfedcba9876543210);
    assert_true(data_dir_is_of(&dir, 0xfedcba9876543210, &refusal));
    assert_false(data_dir_is_of(&dir, 5, &refusal));
    assert_int_equal(refusal.kind, REFUSAL_OTHER_CLUSTER);
    data_dir_close(&dir);
    data_dir_close(&dir);
}

/* Method: what is there is not a directory of ours, or not only. */
static void test_foreign(void **state)
{
    struct data_dir dir;

    (void)state;
    put("notes.txt", "x");
    assert_refused(true, REFUSAL_FOREIGN, "holds 'notes.txt', which is not Corvo's");
    assert_int_equal(access(path, F_OK), 0);
    put_dir("log");
    open_well("node-1", &dir); /* With a log, a stranger beside it does no harm. */
    data_dir_close(&dir);
}

/* Method: a path through a file, a path that is one, a name that is too long. */
static void test_not_a_directory(void **state)
{
    (void)state;
    put("file", "x");
    add_to_path("/file");
    assert_refused(true, REFUSAL_NOT_A_DIRECTORY, "/file is a file, and --data-dir wants");
    add_to_path("/below");
    assert_refused(true, REFUSAL_NOT_A_DIRECTORY, "/file is a file, and --data-dir wants");
}

/* Method: bootstrap=false with nothing there, with an empty directory, with one that has begun. */
static void test_no_bootstrap(void **state)
{
    struct refusal refusal = {0};
    struct data_dir dir;

    (void)state;
    assert_refused(false, REFUSAL_EMPTY, "there is no data in");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(false, REFUSAL_EMPTY, "there is no data in");
    assert_int_equal(rmdir(path), 0); /* Nothing was left in it. */
    open_well("node-1", &dir);
    assert_true(data_dir_is_of(&dir, 1, &refusal));
    put_dir("log");
    data_dir_close(&dir);
    assert_true(data_dir_open(path, "node-1", false, &dir, &refusal));
    data_dir_close(&dir);
}

static const char version_text[] = "format = %s\ntables = %s\noperations = %s\nnode-id = %s\n"
                                   "cluster-id = %s\ncreated-by = 0.0.1\nwritten-by = 9.9.9\n"
                                   "a-later-key = 1\n";

/* Method: VERSION with one wrong value each. */
static void test_versions(void **state)
{
    static const struct {
        const char *format, *tables, *operations, *node_id, *cluster_id;
        enum refusal_kind kind;
        const char *says;
    } rows[] = {
        {"2", "1", "1", "node-1", "0", REFUSAL_NEWER,
         "was written by corvo 9.9.9: the data format is 2"},
        {"1", "999", "1", "node-1", "0", REFUSAL_NEWER, "the number of tables is 999"},
        {"1", "1", "9999", "node-1", "0", REFUSAL_NEWER, "the highest operation is 9999"},
        {"1", "1", "1", "other", "0", REFUSAL_OTHER_NODE,
         "belongs to node 'other', and --node-id is 'node-1'"},
        {"1", "1", "1", "node-1", "00000000000000ff", REFUSAL_CORRUPT, "/log is missing"},
        {"one", "1", "1", "node-1", "0", REFUSAL_CORRUPT, "/VERSION, line 1: malformed"},
        {"1", "1x", "1", "node-1", "0", REFUSAL_CORRUPT, "/VERSION, line 2: malformed"},
        {"1", "1", "1", "node-1", "xyz", REFUSAL_CORRUPT, "/VERSION, line 5: malformed"},
    };
    char text[512];

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)snprintf(text, sizeof(text), version_text, rows[i].format, rows[i].tables,
                       rows[i].operations, rows[i].node_id, rows[i].cluster_id);
        put("VERSION", text);
        assert_refused(true, rows[i].kind, rows[i].says);
    }
    put("VERSION", "format = 1\n");
    assert_refused(true, REFUSAL_CORRUPT, "a key is missing");
    put("VERSION", "");
    assert_refused(true, REFUSAL_CORRUPT, "a key is missing");
}

/* Method: directories of older executables, without VERSION and with a lesser one, are brought up;
 * who made them stays known, and a key of a later version does no harm. */
static void test_older_data_is_brought_up(void **state)
{
    struct data_dir dir;
    char text[512];

    (void)state;
    put_dir("log");
    put_dir("state");
    open_well("node-1", &dir);
    assert_int_equal(dir.version.format, DATA_FORMAT);
    assert_string_equal(dir.version.created_by, "before VERSION");
    data_dir_close(&dir);
    (void)snprintf(text, sizeof(text), version_text, "0", "1", "1", "node-1", "00000000000000ff");
    put("VERSION", text);
    open_well("node-1", &dir);
    assert_int_equal(dir.version.format, DATA_FORMAT);
    assert_true(dir.version.tables > 1);
    assert_int_equal(dir.version.cluster_id, 0xff);
    data_dir_close(&dir);
    open_well("node-1", &dir);
    assert_true(dir.version.tables > 1);
    data_dir_close(&dir);
}

/* Method: another process holds the directory; it is named. A process that died holds nothing. */
static void test_lock(void **state)
{
    struct data_dir dir;
    char says[64];
    int ready[2];
    pid_t child;
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct refusal refusal;

        (void)!write(ready[1], data_dir_open(path, "node-1", true, &dir, &refusal) ? "y" : "n", 1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    (void)snprintf(says, sizeof(says), "is in use by process %d", (int)child);
    assert_refused(true, REFUSAL_LOCKED, says);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    open_well("node-1", &dir);
    data_dir_close(&dir);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* Method: every kind has a word of its own and advice; errno and errors find their kinds. */
static void test_refusals(void **state)
{
    struct refusal refusal;
    struct err err;

    (void)state;
    for (enum refusal_kind i = 0; i < REFUSAL_COUNT; i++) {
        assert_true(strlen(refusal_advice(i)) > 10);
        for (enum refusal_kind j = 0; j < i; j++) {
            assert_string_not_equal(refusal_word(i), refusal_word(j));
        }
    }
    assert_false(refuse_path(&refusal, EROFS, "write to", "/x"));
    assert_int_equal(refusal.kind, REFUSAL_READ_ONLY);
    assert_string_equal(refusal.text, "can not write to /x: Read-only file system");
    assert_false(refuse_path(&refusal, EIO, "read", "/x"));
    assert_int_equal(refusal.kind, REFUSAL_OTHER);
    (void)err_set(&err, ERR_NO_SPACE, "full");
    assert_false(refuse_err(&refusal, &err, REFUSAL_LOCKED, REFUSAL_ADDRESS));
    assert_int_equal(refusal.kind, REFUSAL_DISK_FULL);
    (void)err_set(&err, ERR_STATE, "in use");
    assert_false(refuse_err(&refusal, &err, REFUSAL_LOCKED, REFUSAL_ADDRESS));
    assert_int_equal(refusal.kind, REFUSAL_LOCKED);
}

static char *read_page(const char *name)
{
    FILE *file = fopen(name, "r");
    char *text = calloc(1, 100000);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 99999, file) > 0);
    (void)fclose(file);
    return text;
}

/* Method: the example of the format's page is read, and written it has the page's keys. */
static void test_format_page(void **state)
{
    char *page = read_page("docs/formats/data-dir.md");
    const char *begin = strstr(page, "\n```\n");
    const char *end = strstr(begin + 1, "\n```\n");
    struct data_version version;
    uint32_t line;
    struct buf buf;

    (void)state;
    assert_non_null(end);
    assert_true(data_version_read(slice_of(begin + 5, (size_t)(end - begin) - 5), &version, &line));
    assert_int_equal(version.format, DATA_FORMAT);
    assert_int_equal(version.cluster_id, 0x35117431b594d18f);
    assert_string_equal(version.node_id, "node-1");
    buf_init(&buf, 10000);
    data_version_write(&version, &buf);
    assert_true(buf_add_byte(&buf, '\0'));
    for (const char *at = begin + 5; at < end; at = strchr(at, '\n') + 1) {
        char key[32];

        (void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(at, "="), at);
        assert_non_null(strstr((const char *)buf.data, key));
    }
    buf_done(&buf);
    free(page);
}

/* Method: the page about refusals has a row for each kind but the nameless one. */
static void test_refusals_page(void **state)
{
    char *page = read_page("docs/operating/refusals.md");

    (void)state;
    for (enum refusal_kind kind = REFUSAL_OTHER + 1; kind < REFUSAL_COUNT; kind++) {
        char row[64];

        (void)snprintf(row, sizeof(row), "\n| `%s` | ", refusal_word(kind));
        assert_non_null(strstr(page, row));
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_life, next_path),
        cmocka_unit_test_setup(test_foreign, next_path),
        cmocka_unit_test_setup(test_not_a_directory, next_path),
        cmocka_unit_test_setup(test_no_bootstrap, next_path),
        cmocka_unit_test_setup(test_versions, next_path),
        cmocka_unit_test_setup(test_older_data_is_brought_up, next_path),
        cmocka_unit_test_setup(test_lock, next_path),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_format_page),
        cmocka_unit_test(test_refusals_page),
    };

    return cmocka_run_group_tests_name("server_data_dir", tests, make_root, remove_root);
}
