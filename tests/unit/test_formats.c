/* The pages of docs/formats are true: each example decodes with the real code to what the page
 * says, encodes to the same bytes again, and each table has the fields that the code has. */
#include "base/buf.h"
#include "base/limits.h"
#include "core/entry.h"
#include "core/event.h"
#include "core/kept.h"
#include "core/ops.h"
#include "core/rows.h"
#include "core/tables.h"
#include "core/tx.h"
#include "tests/unit/doc_page.h"
#include "wire/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

/* After the headers it needs. */
#include <cmocka.h>

#define EXAMPLE_MAX 1024
#define STORY_NS (UINT64_C(1767225600) * NS_PER_SECOND) /* 2026-01-01T00:00:00Z */

struct pages {
    struct doc_page page;
    struct arena arena;
    uint8_t key[EXAMPLE_MAX];
    uint8_t value[EXAMPLE_MAX];
};

static void open_page(struct pages *pages, const char *path)
{
    *pages = (struct pages){0};
    arena_init(&pages->arena, MIB);
    doc_page_init(&pages->page, path);
}

static void close_page(struct pages *pages)
{
    doc_page_done(&pages->page);
    arena_done(&pages->arena);
}

static struct slice example(struct pages *pages, const char *name, uint8_t *bytes)
{
    return slice_of(bytes, doc_example_bytes(&pages->page, name, bytes, EXAMPLE_MAX));
}

static struct slice example_part(struct pages *pages, const char *name, const char *part,
                                 uint8_t *bytes)
{
    char whole[64];

    (void)snprintf(whole, sizeof(whole), "%s %s", name, part);
    return example(pages, whole, bytes);
}

/* Decodes into the record and encodes it again: the bytes must be the same. */
static void round_trip(struct pages *pages, const struct message *message, struct slice bytes,
                       void *ret_record)
{
    struct err err = {0};
    struct buf back;

    assert_int_equal(protobuf_read(message, bytes, &pages->arena, ret_record, &err), ERR_NONE);
    buf_init(&back, EXAMPLE_MAX);
    protobuf_write(message, ret_record, &back);
    assert_false(back.failed);
    assert_true(slice_equal(buf_slice(&back), bytes));
    buf_done(&back);
}

/* The value of a row's example, decoded; its key in ret_key. */
static void read_row(struct pages *pages, const char *name, const struct message *message,
                     struct slice *ret_key, void *ret_record)
{
    *ret_key = example_part(pages, name, "key", pages->key);
    round_trip(pages, message, example_part(pages, name, "value", pages->value), ret_record);
}

/* The section has a row for each field, and no other. */
static void compare_fields(const struct doc_page *page, const char *heading,
                           const struct message *message)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        char row[128];

        (void)snprintf(row, sizeof(row), "| %u | `%s` | %s%s |", field->tag, field->name,
                       field->flags & FIELD_LIST ? "repeated " : "",
                       field->sub ? field->sub->name : kind_row(field->kind)->proto);
        if (!doc_section_has(page, heading, row)) {
            fail_msg("%s, %s: no row %s", page->path, heading, row);
        }
    }
    assert_int_equal(doc_section_rows(page, heading), message->field_count);
}

static void compare_words(const struct doc_page *page, const char *heading,
                          const struct words *words)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < words->count; i++) {
        char row[64];

        if (words->names[i]) {
            (void)snprintf(row, sizeof(row), "| %u | `%s` |", i, words->names[i]);
            if (!doc_section_has(page, heading, row)) {
                fail_msg("%s, %s: no row %s", page->path, heading, row);
            }
            count++;
        }
    }
    assert_int_equal(doc_section_rows(page, heading), count);
}

/* Reads the operations of the page's entry, adds them to a new one, seals it: the same bytes. */
static void test_entry(void **state)
{
    struct pages pages;
    struct entry entry;
    struct op_head head;
    const struct op_spec *spec;
    void *request;
    struct slice bytes;
    struct buf back;
    struct err err = {0};

    (void)state;
    open_page(&pages, "docs/formats/entry.md");
    buf_init(&back, EXAMPLE_MAX);
    bytes = example(&pages, "entry", pages.value);
    assert_int_equal(entry_open(bytes, &entry, &err), ERR_NONE);
    assert_true(entry.now_ns == STORY_NS && entry.seed == UINT64_C(0x0123456789abcdef));
    assert_int_equal(entry.count, 2);

    assert_int_equal(entry_next(&entry, &pages.arena, &spec, &head, &request, &err), ERR_NONE);
    assert_ptr_equal(spec, &op_enqueue_spec);
    assert_true(slice_is(head.source, "127.0.0.1:4000"));
    assert_true(slice_is(((struct op_enqueue *)request)->payload, "{\"to\":\"a\"}"));
    assert_int_equal(((struct op_enqueue *)request)->priority, 1);
    assert_true(entry_add(&back, spec, &head, request));

    assert_int_equal(entry_next(&entry, &pages.arena, &spec, &head, &request, &err), ERR_NONE);
    assert_ptr_equal(spec, &op_fetch_spec);
    assert_int_equal(((struct op_fetch *)request)->queues.count, 1);
    assert_int_equal(((struct op_fetch *)request)->count, 1);
    assert_true(entry_add(&back, spec, &head, request));

    assert_int_equal(entry.rest.size, 0);
    assert_true(entry_seal(&back, entry.now_ns, entry.seed));
    assert_true(slice_equal(buf_slice(&back), bytes));
    buf_done(&back);
    close_page(&pages);
}

/* The head's fields and the codes of all operations are in the page's tables, and no others. */
static void test_entry_tables(void **state)
{
    struct pages pages;
    uint32_t op_count;
    const struct op_spec *const *ops = op_all(&op_count);

    (void)state;
    open_page(&pages, "docs/formats/entry.md");
    compare_fields(&pages.page, "Head", &op_head_message);
    for (uint32_t i = 0; i < op_count; i++) {
        char row[128];

        (void)snprintf(row, sizeof(row), "| %u | `%s` | `%s` |", ops[i]->code, ops[i]->name,
                       ops[i]->request->name);
        if (!doc_section_has(&pages.page, "Codes", row)) {
            fail_msg("docs/formats/entry.md, Codes: no row %s", row);
        }
    }
    assert_int_equal(doc_section_rows(&pages.page, "Codes"), op_count);
    close_page(&pages);
}

/* Keys and values of the rows that are written as they are: decoded, looked at, encoded. */
static void test_rows(void **state)
{
    struct pages pages;
    struct meta_row meta;
    struct queue_row queue;
    struct job_more more;
    struct error_row error;
    struct slice key;
    struct row_key want;

    (void)state;
    open_page(&pages, "docs/formats/rows.md");
    read_row(&pages, "meta", &meta_row_message, &key, &meta);
    want = meta_row_key();
    assert_true(slice_equal(key, row_key_slice(&want)));
    assert_int_equal(meta.format, STORED_FORMAT);
    assert_true(meta.now_ns == STORY_NS && meta.event_seq == 2 && meta.job_seq == 1);

    read_row(&pages, "queue", &queue_row_message, &key, &queue);
    want = number_row_key(1);
    assert_true(slice_equal(key, row_key_slice(&want)));
    assert_true(slice_is(queue.name, "mail") && queue.enqueued_total == 1);

    read_row(&pages, "more", &job_more_message, &key, &more);
    assert_true(slice_is(more.tags, "{\"team\":\"x\"}"));

    read_row(&pages, "error", &error_row_message, &key, &error);
    want = job_part_key((struct job_key){STORY_NS, 1}, 1);
    assert_true(slice_equal(key, row_key_slice(&want)));
    assert_true(slice_is(error.error, "boom") && error.attempt == 1);
    close_page(&pages);
}

static void read_job(struct pages *pages, const char *name, struct job *ret_job)
{
    struct row_key want = job_row_key((struct job_key){STORY_NS, 1});
    struct err err = {0};
    struct job as_message;
    struct slice key;

    read_row(pages, name, &job_row_message, &key, &as_message);
    assert_true(slice_equal(key, row_key_slice(&want)));
    assert_int_equal(job_row_read(key, example_part(pages, name, "value", pages->value),
                                  &pages->arena, ret_job, &err),
                     ERR_NONE);
}

/* A live job and the same job when it is done; sizes and hashes are those of the other examples. */
static void test_job_rows(void **state)
{
    struct pages pages;
    struct job job;
    struct job done;
    struct slice payload;
    struct slice key;

    (void)state;
    open_page(&pages, "docs/formats/rows.md");
    read_job(&pages, "job", &job);
    assert_int_equal(job.state, JOB_ACTIVE);
    assert_true(job.lease_at == STORY_NS + job.lease_ms * NS_PER_MS);
    assert_true(slice_is(job.worker_id, "w1") && slice_is(job.hostname, "h1"));
    key = example_part(&pages, "payload", "key", pages.key);
    payload = example_part(&pages, "payload", "value", pages.value);
    assert_int_equal(job.payload_size, payload.size);
    assert_true(job.payload_hash == row_hash(TABLE_PAYLOAD, key, payload));

    read_job(&pages, "done", &done);
    assert_int_equal(done.state, JOB_COMPLETED);
    assert_int_equal(done.end.verb, LEASE_VERB_ACK);
    assert_int_equal(done.epoch, 2);
    assert_true(slice_is(done.result, "{\"n\":1}"));
    assert_true(done.payload_hash == job.payload_hash && done.more_hash == job.more_hash);
    close_page(&pages);
}

/* Both events of the story: the keys count on. */
static void test_events(void **state)
{
    static const char *const names[] = {"event", "next event"};
    static const uint32_t types[] = {EVENT_ENQUEUED, EVENT_STARTED};
    struct pages pages;

    (void)state;
    open_page(&pages, "docs/formats/rows.md");
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct event_pack pack;
        const struct event *event;
        struct slice key;
        uint64_t number;

        read_row(&pages, names[i], &event_pack_message, &key, &pack);
        assert_true(number_key_read(key, &number));
        assert_int_equal(number, i + 1);
        assert_int_equal(pack.events.count, 1);
        event = pack.events.items;
        assert_int_equal(event->type, types[i]);
        assert_int_equal(event->job_seq, i + 1);
    }
    close_page(&pages);
}

/* The state hash that the page shows is the sum over the rows that it shows. */
static void test_state_hash(void **state)
{
    static const struct {
        const char *name;
        enum table table;
    } rows[] = {
        {"meta", TABLE_META},        {"queue", TABLE_QUEUE}, {"job", TABLE_JOB},
        {"payload", TABLE_PAYLOAD},  {"more", TABLE_MORE},   {"event", TABLE_EVENT},
        {"next event", TABLE_EVENT},
    };
    struct pages pages;
    struct slice want;
    uint64_t hash = 0;
    uint64_t shown;

    (void)state;
    open_page(&pages, "docs/formats/rows.md");
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        hash += row_hash(rows[i].table, example_part(&pages, rows[i].name, "key", pages.key),
                         example_part(&pages, rows[i].name, "value", pages.value));
    }
    want = example(&pages, "state hash", pages.key);
    assert_true(number_key_read(want, &shown));
    assert_true(hash == shown);
    close_page(&pages);
}

/* Every table, message and list of words of the page against the code's. */
static void test_row_tables(void **state)
{
    struct pages pages;
    uint32_t count;
    const struct kv_table *tables = core_tables(&count);
    static const char *const classes[KV_CLASS_COUNT] = {"hot", "large", "history"};

    (void)state;
    open_page(&pages, "docs/formats/rows.md");
    assert_int_equal(doc_section_rows(&pages.page, "Rows: what core stores"), count);
    for (uint32_t i = 0; i < count; i++) {
        char row[64];

        (void)snprintf(row, sizeof(row), "| %u | `%s` | %s |", i, tables[i].name,
                       classes[tables[i].class]);
        assert_true(doc_section_has(&pages.page, "Rows: what core stores", row));
    }
    compare_fields(&pages.page, "meta", &meta_row_message);
    compare_fields(&pages.page, "queue", &queue_row_message);
    compare_fields(&pages.page, "job", &job_row_message);
    compare_fields(&pages.page, "more", &job_more_message);
    compare_fields(&pages.page, "lock", &lock_row_message);
    compare_fields(&pages.page, "window", &window_row_message);
    compare_fields(&pages.page, "error", &error_row_message);
    compare_fields(&pages.page, "event", &event_pack_message);
    compare_fields(&pages.page, "EventRow", &event_message);
    compare_fields(&pages.page, "kept", &kept_row_message);
    compare_fields(&pages.page, "KeptResultRow", &kept_result_message);
    compare_fields(&pages.page, "KeptAgeRow", &kept_age_message);
    compare_words(&pages.page, "States", &job_state_words);
    compare_words(&pages.page, "Priorities", &job_priority_words);
    compare_words(&pages.page, "Back-offs", &job_backoff_words);
    compare_words(&pages.page, "Ends of a unique key", &unique_until_words);
    compare_words(&pages.page, "Event types", &event_type_words);
    compare_words(&pages.page, "Kinds of hold", &hold_kind_words);
    compare_words(&pages.page, "Outcomes of an attempt", &job_outcome_words);
    close_page(&pages);
}

/* Id, key and token of the same job: parsed, and written again. */
static void test_lease_token(void **state)
{
    struct pages pages;
    struct job_key id_key;
    struct job_key token_key;
    struct row_key row;
    struct slice id;
    struct slice token;
    uint32_t epoch;
    struct err err = {0};

    (void)state;
    open_page(&pages, "docs/formats/lease-token.md");
    id = doc_example_text(&pages.page, "job id");
    assert_true(job_id_parse(id, &id_key));
    assert_true(id_key.time_ns == STORY_NS && id_key.seq == 1);
    assert_true(slice_equal(job_id_text(id_key, &pages.arena), id));
    row = job_row_key(id_key);
    assert_true(slice_equal(example(&pages, "job key", pages.key), row_key_slice(&row)));

    token = doc_example_text(&pages.page, "lease token");
    assert_int_equal(lease_token_parse(token, &token_key, &epoch, &err), ERR_NONE);
    assert_true(token_key.time_ns == id_key.time_ns && token_key.seq == id_key.seq);
    assert_int_equal(epoch, 2);
    assert_true(slice_equal(lease_token_text(token_key, epoch, &pages.arena), token));
    close_page(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry),      cmocka_unit_test(test_entry_tables),
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_job_rows),
        cmocka_unit_test(test_events),     cmocka_unit_test(test_state_hash),
        cmocka_unit_test(test_row_tables), cmocka_unit_test(test_lease_token),
    };

    return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
