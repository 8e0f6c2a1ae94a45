/* The store over RocksDB: the common suite and the ordering rules that show within one process.
 * Those that need a process to die are in test_store_crash.c. */
#include "base/limits.h"
#include "store/store.h"
#include "tests/unit/store_fixture.h"

/* Random entries, polls and drains against the reference; reopened cleanly, and after the loss of
 * what was not flushed. */
static void test_suite(void **state)
{
    struct fixture *fixture = *state;
    struct suite suite;

    suite_init(&suite, fixture->kv, 2);
    for (int i = 0; i < 1500; i++) {
        suite_entry(&suite);
        fixture->now_ns += suite_random(&suite, 100) * NS_PER_MS;
        assert_int_equal(store_poll(fixture->store, fixture->now_ns, 0, &fixture->err), ERR_NONE);
        if (suite_random(&suite, 40) == 0) {
            fixture_drain(fixture, suite_random(&suite, 2));
        }
        if (suite_random(&suite, 150) == 0) {
            fixture_close(fixture, true);
            fixture_open(fixture);
            suite.kv = fixture->kv;
            assert_int_equal(store_opened_at(fixture->store).index, suite.now.mark.index);
            suite_rewind(&suite, store_opened_at(fixture->store));
        }
        if (suite_random(&suite, 100) == 0) {
            suite_change(&suite); /* Of an entry that never ends. */
            fixture_crash(fixture);
            suite.kv = fixture->kv;
            suite_rewind(&suite, store_opened_at(fixture->store));
            suite_check(&suite);
        }
        if (i % 10 == 0) {
            suite_check(&suite);
        }
    }
    suite_done(&suite);
}

/* Rule 2: what is written is the frozen epoch as it was, though its rows change while the thread
 * works. */
static void test_frozen_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate;

    gate_init(&gate, fixture, STORE_BEFORE_WRITE, true);
    fixture_put(fixture, 0, "changed", "old", 0);
    fixture_put(fixture, 1, "removed", "old", 0);
    fixture_commit(fixture, 1);
    assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    gate_wait_held(&gate);
    fixture_put(fixture, 0, "changed", "new", 0);
    fixture_delete(fixture, 1, "removed");
    fixture_put(fixture, 2, "added", "new", KV_FRESH);
    fixture_commit(fixture, 2);
    fixture_expect(fixture, 0, "changed", "new");
    fixture_expect(fixture, 1, "removed", NULL);

    /* The thread writes only the first epoch, and that is made durable. */
    gate_open(&gate);
    gate_wait_reached(&gate, STORE_AFTER_WRITE, 1);
    while (store_persisted(fixture->store) < 1) {
        assert_int_equal(store_poll(fixture->store, 1, STORE_UNFLUSHED_LOG_MAX + 1, &fixture->err),
                         ERR_NONE);
    }
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 1);
    assert_int_equal(store_opened_at(fixture->store).term, 3);
    assert_int_equal(store_opened_at(fixture->store).state_hash, 7);
    fixture_expect(fixture, 0, "changed", "old");
    fixture_expect(fixture, 1, "removed", "old");
    fixture_expect(fixture, 2, "added", NULL);
    gate_done(&gate);
}

/* Rule 2: an entry that has not ended never reaches the files, not even by drain and close. */
static void test_entry_not_ended(void **state)
{
    struct fixture *fixture = *state;

    fixture_put(fixture, 0, "whole", "1", 0);
    fixture_commit(fixture, 1);
    fixture_drain(fixture, true);
    fixture_put(fixture, 0, "another", "2", 0);
    fixture_commit(fixture, 2);
    fixture_put(fixture, 0, "whole", "3", 0);
    fixture_put(fixture, 0, "half", "3", 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    }
    assert_true(store_stats(fixture->store).overlay_bytes > 0);
    assert_int_equal(store_written_index(fixture->store), 1);
    assert_int_equal(store_drain(fixture->store, true, &fixture->err), ERR_STATE);
    fixture_close(fixture, true);
    fixture_open(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 1);
    fixture_expect(fixture, 0, "whole", "1");
    fixture_expect(fixture, 0, "half", NULL);
}

/* Rules 3 and 4: written is not persisted. Without a flush the index stays, and that is what a
 * power cut leaves. */
static void test_written_is_not_persisted(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t index = 1; index <= 5; index++) {
        fixture_put(fixture, (uint8_t)(index % 4), "a", "1", 0);
        fixture_commit(fixture, index);
        fixture_drain(fixture, false);
        assert_int_equal(store_written_index(fixture->store), index);
        assert_int_equal(store_persisted(fixture->store), 0);
    }
    assert_int_equal(store_stats(fixture->store).epochs_written, 5);
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 0);
    for (uint8_t table = 0; table < SUITE_TABLES; table++) {
        fixture_expect(fixture, table, "a", NULL);
    }
}

/* Rule 3: a flush makes every class durable together with the mark. */
static void test_flush_takes_all(void **state)
{
    struct fixture *fixture = *state;

    for (uint8_t table = 0; table < SUITE_TABLES; table++) {
        fixture_put(fixture, table, "a", "1", 0);
    }
    fixture_commit(fixture, 9);
    fixture_drain(fixture, true);
    assert_int_equal(store_persisted(fixture->store), 9);
    assert_int_equal(store_stats(fixture->store).flushes, 1);
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, 9);
    assert_int_equal(store_persisted(fixture->store), 9);
    for (uint8_t table = 0; table < SUITE_TABLES; table++) {
        fixture_expect(fixture, table, "a", "1");
    }
}

/* Rule 6: too many bytes of log have the store flush, though a tiny memtable would never fill. */
static void test_flush_by_log_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct gate gate;

    gate_init(&gate, fixture, STORE_AFTER_FLUSH, false);
    fixture_put(fixture, 0, "a", "1", 0);
    fixture_commit(fixture, 1);
    fixture_drain(fixture, false);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_turn(fixture, STORE_UNFLUSHED_LOG_MAX), ERR_NONE);
    }
    assert_int_equal(gate.reached[STORE_BEFORE_FLUSH], 0);
    assert_int_equal(store_persisted(fixture->store), 0);
    assert_int_equal(fixture_turn(fixture, STORE_UNFLUSHED_LOG_MAX + 1), ERR_NONE);
    gate_wait_reached(&gate, STORE_AFTER_FLUSH, 1);
    fixture_drain(fixture, true);
    assert_int_equal(store_persisted(fixture->store), 1);

    /* Nothing written since: nothing to flush, however long the log is. */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_turn(fixture, 2 * STORE_UNFLUSHED_LOG_MAX), ERR_NONE);
    }
    fixture_drain(fixture, true);
    assert_int_equal(gate.reached[STORE_BEFORE_FLUSH], 1);
    gate_done(&gate);
}

/* Rule 8: while the thread is behind, the open epoch grows up to the limit that store_pressure
 * tells; no second one is frozen, and all of it is written in the end. */
static void test_thread_behind(void **state)
{
    struct fixture *fixture = *state;
    char value[1000];
    struct gate gate;
    uint64_t index = 0;

    fixture->options.epoch_soft_max = 64 * KIB;
    fixture->options.epoch_hard_max = 512 * KIB;
    fixture_crash(fixture);
    gate_init(&gate, fixture, STORE_BEFORE_WRITE, true);
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    while (!store_pressure(fixture->store)) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%u", (unsigned)++index);
        fixture_put(fixture, 0, key, value, KV_FRESH);
        fixture_commit(fixture, index);
        assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
        assert_true(store_stats(fixture->store).overlay_bytes < 600 * KIB);
        assert_true(index < 1000);
    }
    gate_wait_held(&gate);
    assert_int_equal(gate.reached[STORE_BEFORE_WRITE], 1);
    assert_true(index > 200);
    fixture_expect(fixture, 0, "1", value);
    fixture_expect(fixture, 0, "200", value);
    gate_open(&gate);
    fixture_drain(fixture, true);
    assert_false(store_pressure(fixture->store));
    assert_int_equal(store_stats(fixture->store).epochs_written, 2);
    assert_int_equal(store_stats(fixture->store).keys_written, index);
    assert_int_equal(store_stats(fixture->store).overlay_bytes, 0);
    fixture_crash(fixture);
    assert_int_equal(store_opened_at(fixture->store).index, index);
    fixture_expect(fixture, 0, "1", value);
    gate_done(&gate);
}

/* An epoch is frozen when it is old or large, and not before. */
static void test_when_to_freeze(void **state)
{
    struct fixture *fixture = *state;
    uint64_t start = 1000 * NS_PER_SECOND;
    struct gate gate;

    gate_init(&gate, fixture, STORE_BEFORE_WRITE, false);
    assert_int_equal(store_poll(fixture->store, start, 0, &fixture->err), ERR_NONE);
    fixture_put(fixture, 0, "a", "1", 0);
    fixture_commit(fixture, 1);
    assert_int_equal(store_poll(fixture->store, start, 0, &fixture->err), ERR_NONE);
    assert_int_equal(store_poll(fixture->store, start + 249 * NS_PER_MS, 0, &fixture->err),
                     ERR_NONE);
    assert_true(store_stats(fixture->store).overlay_bytes > 0);
    assert_int_equal(gate.reached[STORE_BEFORE_WRITE], 0);
    assert_int_equal(store_poll(fixture->store, start + 250 * NS_PER_MS, 0, &fixture->err),
                     ERR_NONE);
    gate_wait_reached(&gate, STORE_AFTER_WRITE, 1);
    fixture_drain(fixture, false);

    /* An idle store writes nothing. */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    }
    fixture_drain(fixture, false);
    assert_int_equal(gate.reached[STORE_BEFORE_WRITE], 1);

    /* An entry without changes still moves the mark. */
    fixture_commit(fixture, 2);
    assert_int_equal(fixture_turn(fixture, 0), ERR_NONE);
    fixture_drain(fixture, true);
    assert_int_equal(store_persisted(fixture->store), 2);
    gate_done(&gate);
}

/* A row rewritten three times is written once; one that was fresh and went is not written at all.
 */
static void test_write_budget(void **state)
{
    struct fixture *fixture = *state;

    fixture_put(fixture, 0, "thrice", "1", KV_FRESH);
    fixture_put(fixture, 0, "gone", "1", KV_FRESH);
    fixture_commit(fixture, 1);
    fixture_put(fixture, 0, "thrice", "2", 0);
    fixture_commit(fixture, 2);
    fixture_put(fixture, 0, "thrice", "3", 0);
    fixture_delete(fixture, 0, "gone");
    fixture_put(fixture, 2, "gone", "history", KV_FRESH);
    fixture_commit(fixture, 3);
    fixture_drain(fixture, false);
    assert_int_equal(store_stats(fixture->store).keys_written, 2);
    fixture_expect(fixture, 0, "gone", NULL);
    fixture_expect(fixture, 0, "thrice", "3");

    fixture_put(fixture, 1, "only", "1", KV_FRESH);
    fixture_delete(fixture, 1, "only");
    fixture_commit(fixture, 4);
    fixture_drain(fixture, false);
    assert_int_equal(store_stats(fixture->store).keys_written, 2);

    /* Not fresh in this epoch: the delete has to be written. */
    fixture_delete(fixture, 0, "thrice");
    fixture_commit(fixture, 5);
    fixture_drain(fixture, false);
    assert_int_equal(store_stats(fixture->store).keys_written, 3);
    fixture_expect(fixture, 0, "thrice", NULL);
}

struct changes {
    char text[512];
    size_t size;
};

static enum err_code note_change(void *context, uint64_t index, uint8_t table, struct slice key,
                                 struct err *err)
{
    struct changes *changes = context;

    (void)err;
    changes->size +=
        (size_t)snprintf(changes->text + changes->size, sizeof(changes->text) - changes->size,
                         "%u:%u%.*s ", (unsigned)index, table, (int)key.size, key.data);
    assert_true(changes->size < sizeof(changes->text));
    return ERR_NONE;
}

static struct kv_reader *open_reader(struct fixture *fixture)
{
    struct kv_reader *reader = NULL;

    if (store_reader_open(fixture->store, &reader, &fixture->err)) {
        fail_msg("reader: %s", fixture->err.text);
    }
    return reader;
}

static void expect_changes(struct fixture *fixture, uint64_t after, const char *text)
{
    struct kv_reader *reader = open_reader(fixture);
    struct changes changes = {0};

    assert_int_equal(reader->changes(reader->self, after, note_change, &changes, &fixture->err),
                     ERR_NONE);
    assert_string_equal(changes.text, text);
    store_reader_close(reader);
}

static void expect_cut(struct fixture *fixture, uint64_t cut)
{
    struct kv_reader *reader = open_reader(fixture);

    assert_int_equal(reader->changes_cut, cut);
    store_reader_close(reader);
}

/* Changes come by epoch from what is written, rows that vanished too, until cut; what was cut is
 * remembered with the mark, and lost with it. */
static void test_changes(void **state)
{
    struct fixture *fixture = *state;

    expect_changes(fixture, 0, "");
    fixture_put(fixture, 0, "a", "1", 0);
    fixture_commit(fixture, 1);
    fixture_put(fixture, 1, "b", "1", KV_FRESH);
    fixture_delete(fixture, 1, "b");
    fixture_commit(fixture, 2);
    expect_changes(fixture, 0, "");
    fixture_drain(fixture, false);
    expect_changes(fixture, 0, "2:0a 2:1b ");
    fixture_commit(fixture, 3);
    fixture_drain(fixture, false);
    fixture_put(fixture, 2, "c", "1", 0);
    fixture_commit(fixture, 4);
    fixture_drain(fixture, true);
    expect_changes(fixture, 0, "2:0a 2:1b 4:2c ");
    expect_changes(fixture, 1, "2:0a 2:1b 4:2c ");
    expect_changes(fixture, 2, "4:2c ");
    expect_changes(fixture, 4, "");
    expect_cut(fixture, 0);

    store_changes_cut(fixture->store, 3);
    expect_cut(fixture, 0);
    fixture_delete(fixture, 0, "a");
    fixture_commit(fixture, 5);
    fixture_drain(fixture, false);
    expect_cut(fixture, 3);
    expect_changes(fixture, 3, "4:2c 5:0a ");
    expect_changes(fixture, 0, "4:2c 5:0a ");
    fixture_crash(fixture);
    expect_cut(fixture, 0);
    expect_changes(fixture, 0, "2:0a 2:1b 4:2c ");

    store_changes_cut(fixture->store, 4);
    fixture_put(fixture, 0, "d", "1", 0);
    fixture_commit(fixture, 6);
    fixture_drain(fixture, true);
    fixture_crash(fixture);
    expect_cut(fixture, 4);
    expect_changes(fixture, 0, "6:0d ");
}

static enum err_code note_row(void *context, struct slice key, struct slice value, struct err *err)
{
    struct changes *rows = context;

    (void)err;
    rows->size +=
        (size_t)snprintf(rows->text + rows->size, sizeof(rows->text) - rows->size, "%.*s=%.*s ",
                         (int)key.size, key.data, (int)value.size, value.data);
    return ERR_NONE;
}

static void expect_reader(struct fixture *fixture, struct kv_reader *reader, uint64_t index,
                          const char *from, const char *text)
{
    struct changes rows = {0};

    assert_int_equal(reader->mark.index, index);
    assert_int_equal(
        reader->scan(reader->self, 1, slice_text(from), note_row, &rows, &fixture->err), ERR_NONE);
    assert_string_equal(rows.text, text);
}

/* A reader sees what was written when it was opened, whole, whatever comes later. */
static void test_reader_stays(void **state)
{
    struct fixture *fixture = *state;
    struct kv_reader *empty = open_reader(fixture);
    struct kv_reader *first, *second;
    struct slice value = {0};

    fixture_put(fixture, 1, "a", "1", 0);
    fixture_put(fixture, 1, "b", "1", 0);
    fixture_commit(fixture, 1);
    fixture_drain(fixture, false);
    first = open_reader(fixture);
    fixture_put(fixture, 1, "a", "2", 0);
    fixture_delete(fixture, 1, "b");
    fixture_put(fixture, 2, "c", "3", 0);
    fixture_commit(fixture, 7);
    fixture_drain(fixture, true);
    second = open_reader(fixture);
    expect_reader(fixture, empty, 0, "", "");
    expect_reader(fixture, first, 1, "", "a=1 b=1 ");
    expect_reader(fixture, first, 1, "b", "b=1 ");
    expect_reader(fixture, second, 7, "", "a=2 ");
    assert_int_equal(second->mark.term, 3);
    assert_int_equal(second->mark.state_hash, 49);
    assert_int_equal(
        first->get(first->self, 1, slice_text("b"), &fixture->arena, &value, &fixture->err),
        ERR_NONE);
    assert_true(slice_is(value, "1"));
    assert_int_equal(
        second->get(second->self, 1, slice_text("b"), &fixture->arena, &value, &fixture->err),
        ERR_NONE);
    assert_null(value.data);
    store_reader_close(empty);
    store_reader_close(first);
    store_reader_close(second);
    store_reader_close(NULL);
}

/* Someone who waits has a young epoch frozen, but not one right after the other. */
static void test_hurry(void **state)
{
    struct fixture *fixture = *state;
    uint64_t start = 1000 * NS_PER_SECOND;

    store_hurry(fixture->store); /* Nothing to hurry for. */
    assert_int_equal(store_poll(fixture->store, start, 0, &fixture->err), ERR_NONE);
    fixture_put(fixture, 0, "a", "1", 0);
    fixture_commit(fixture, 1);
    assert_int_equal(store_poll(fixture->store, start, 0, &fixture->err), ERR_NONE);
    assert_true(store_stats(fixture->store).overlay_bytes > 0);
    store_hurry(fixture->store);
    assert_int_equal(store_poll(fixture->store, start + 1, 0, &fixture->err), ERR_NONE);
    while (store_written_index(fixture->store) < 1) {
        assert_int_equal(store_poll(fixture->store, start + 1, 0, &fixture->err), ERR_NONE);
    }
    while (store_stats(fixture->store).overlay_bytes > 0) {
        assert_int_equal(store_poll(fixture->store, start + 1, 0, &fixture->err), ERR_NONE);
    }
    fixture_commit(fixture, 2);
    store_hurry(fixture->store);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(store_poll(fixture->store, start + STORE_HURRY_NS, 0, &fixture->err),
                         ERR_NONE);
    }
    assert_int_equal(store_written_index(fixture->store), 1);
    while (store_written_index(fixture->store) < 2) {
        assert_int_equal(store_poll(fixture->store, start + STORE_HURRY_NS + 1, 0, &fixture->err),
                         ERR_NONE);
    }
}

/* A row read in one entry stays as it was read while later entries overwrite it and the epoch goes.
 */
static void test_value_stays(void **state)
{
    struct fixture *fixture = *state;
    struct slice value = {0};

    fixture_put(fixture, 0, "a", "first", 0);
    fixture_commit(fixture, 1);
    assert_int_equal(fixture->kv->get(fixture->kv->self, 0, slice_text("a"), &fixture->arena,
                                      &value, &fixture->err),
                     ERR_NONE);
    fixture_put(fixture, 0, "a", "later", 0);
    fixture_commit(fixture, 2);
    fixture_drain(fixture, false);
    assert_true(slice_is(value, "first"));
}

/* A checkpoint holds exactly what was committed, and says so; later changes are not in it. */
static void test_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    struct kv_mark mark = {0};
    struct fixture copy = {0};
    char path[128];

    for (uint8_t table = 0; table < SUITE_TABLES; table++) {
        fixture_put(fixture, table, "a", "1", 0);
    }
    fixture_commit(fixture, 7);
    (void)snprintf(copy.dir, sizeof(copy.dir), "%.40s/copy", fixture->dir);
    assert_int_equal(mkdir(copy.dir, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/db", copy.dir);
    assert_int_equal(store_checkpoint(fixture->store, path, &mark, &fixture->err), ERR_NONE);
    assert_int_equal(mark.index, 7);
    assert_int_equal(mark.term, 3);
    assert_int_equal(mark.state_hash, 49);
    fixture_put(fixture, 0, "a", "2", 0);
    fixture_commit(fixture, 8);
    fixture_drain(fixture, true);
    assert_int_not_equal(store_checkpoint(fixture->store, path, &mark, &fixture->err), ERR_NONE);

    arena_init(&copy.arena, 4096);
    fixture_open(&copy);
    assert_int_equal(store_opened_at(copy.store).index, 7);
    for (uint8_t table = 0; table < SUITE_TABLES; table++) {
        fixture_expect(&copy, table, "a", "1");
    }
    fixture_close(&copy, false);
    arena_done(&copy.arena);
    fixture_expect(fixture, 0, "a", "2");
}

/* No checkpoint that a flush left behind is there afterwards. */
static void test_flush_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    char path[128];

    fixture_put(fixture, 0, "a", "1", 0);
    fixture_commit(fixture, 1);
    fixture_drain(fixture, true);
    (void)snprintf(path, sizeof(path), "%s/flush", fixture->dir);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(mkdir(path, 0700), 0); /* As a crash in the midst of a flush leaves it. */
    fixture_crash(fixture);
    assert_int_equal(access(path, F_OK), -1);
    fixture_put(fixture, 0, "a", "2", 0);
    fixture_commit(fixture, 2);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_drain(fixture, true);
    assert_int_equal(store_persisted(fixture->store), 2);
}

static uint64_t anonymous_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    unsigned long kilobytes = 0;
    char line[256];

    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kilobytes = strtoul(line + 8, NULL, 10);
        }
    }
    (void)fclose(file);
    return (uint64_t)kilobytes * KIB;
}

/* A sanitizer keeps freed memory aside, so there is nothing to measure. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MEMORY_IS_MEASURED 1
#else
#define MEMORY_IS_MEASURED 0
#endif

/* After a burst of 64 MB the memory is the kernel's again: no epoch, no memtable stays in a heap.
 */
static void test_memory_falls_back(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = anonymous_bytes();
    uint64_t after;
    char value[600];

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (uint32_t i = 1; i <= 100000; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%08u", i);
        fixture_put(fixture, (uint8_t)(i % 2), key, value, KV_FRESH);
        fixture_commit(fixture, i);
    }
    assert_true(anonymous_bytes() - before > 60 * MIB);
    fixture_drain(fixture, true);
    fixture_put(fixture, 0, "last", "1",
                0); /* Its epoch comes after the disposal of the large one. */
    fixture_commit(fixture, 100001);
    fixture_drain(fixture, true);
    after = anonymous_bytes();
    assert_true(!MEMORY_IS_MEASURED || after < before + 12 * MIB);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory_falls_back, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_suite, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_frozen_as_it_was, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_entry_not_ended, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_written_is_not_persisted, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flush_takes_all, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flush_by_log_bytes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_thread_behind, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_when_to_freeze, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_write_budget, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_changes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_reader_stays, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_hurry, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_value_stays, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_checkpoint, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flush_leaves_nothing, fixture_setup, fixture_teardown),
    };

    store_close(NULL, true);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
