/* The bytes of entries: round trips, every truncation, every flipped byte. */
#include "base/buf.h"
#include "base/limits.h"
#include "core/entry.h"
#include "core/ops.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static struct arena arena;

static void build(struct buf *buf)
{
    struct op_head head = {.traceparent = slice_text("00-ab"), .unit = 3};
    struct op_queue pause = {.queue = slice_text("mail")};
    struct op_ack ack = {.job_id = slice_text("job_1"), .result = slice_text("{\"n\":1}")};

    buf_init(buf, 4096);
    assert_true(entry_add(buf, &op_pause_spec, &head, &pause));
    assert_true(entry_add(buf, &op_ack_spec, NULL, &ack));
    assert_true(entry_seal(buf, 12345, 678));
}

/* Reads all operations; the first failure's code. */
static enum err_code read_all(struct slice bytes, struct err *err)
{
    struct entry entry;

    if (entry_open(bytes, &entry, err) != ERR_NONE) {
        return err->code;
    }
    for (uint32_t i = 0; i < entry.count; i++) {
        const struct op_spec *spec;
        struct op_head head;
        void *request;

        if (entry_next(&entry, &arena, &spec, &head, &request, err) != ERR_NONE) {
            return err->code;
        }
    }
    return entry.rest.size ? ERR_CORRUPT : ERR_NONE;
}

/* What was added is what is read. */
static void test_round_trip(void **state)
{
    const struct op_spec *spec;
    struct op_head head;
    struct entry entry;
    struct buf buf;
    void *request;
    struct err err;

    (void)state;
    build(&buf);
    assert_int_equal(entry_open(buf_slice(&buf), &entry, &err), ERR_NONE);
    assert_true(entry.now_ns == 12345 && entry.seed == 678 && entry.count == 2);
    assert_int_equal(entry_next(&entry, &arena, &spec, &head, &request, &err), ERR_NONE);
    assert_ptr_equal(spec, &op_pause_spec);
    assert_true(head.unit == 3 && slice_is(head.traceparent, "00-ab"));
    assert_true(slice_is(((struct op_queue *)request)->queue, "mail"));
    assert_int_equal(entry_next(&entry, &arena, &spec, &head, &request, &err), ERR_NONE);
    assert_ptr_equal(spec, &op_ack_spec);
    assert_true(head.unit == 0 && slice_is(((struct op_ack *)request)->result, "{\"n\":1}"));
    assert_int_equal(entry.rest.size, 0);
    buf_done(&buf);
}

/* Each prefix of an entry is refused. */
static void test_truncated(void **state)
{
    struct buf buf;
    struct err err;

    (void)state;
    build(&buf);
    assert_int_equal(read_all(buf_slice(&buf), &err), ERR_NONE);
    for (size_t size = 0; size < buf.size; size++) {
        assert_int_equal(read_all(slice_of(size ? buf.data : NULL, size), &err), ERR_CORRUPT);
    }
    buf_done(&buf);
}

/* Any byte may be wrong: reading never goes astray (the sanitizers watch), and a wrong size, count
 * or code is refused. */
static void test_flipped(void **state)
{
    uint32_t refused = 0;
    struct buf buf;
    struct err err;

    (void)state;
    build(&buf);
    for (size_t i = 0; i < buf.size; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            buf.data[i] ^= (uint8_t)(1u << bit);
            refused += read_all(buf_slice(&buf), &err) != ERR_NONE ? 1 : 0;
            buf.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(refused > 300);
    buf_done(&buf);
}

/* An operation that does not fit leaves the buffer as it was. */
static void test_full_buffer(void **state)
{
    struct op_queue pause = {.queue = slice_text("mail")};
    struct op_ack ack = {.job_id = slice_text("a job id that is too long for the buffer")};
    struct buf buf;
    struct err err;

    (void)state;
    buf_init(&buf, 60);
    assert_true(entry_add(&buf, &op_pause_spec, NULL, &pause));
    assert_false(entry_add(&buf, &op_ack_spec, NULL, &ack));
    assert_true(entry_seal(&buf, 1, 1));
    assert_int_equal(read_all(buf_slice(&buf), &err), ERR_NONE);
    buf_done(&buf);
}

/* Too small an arena is ERR_NOMEM, which is not ERR_CORRUPT. */
static void test_no_memory(void **state)
{
    const struct op_spec *spec;
    struct op_head head;
    struct arena none;
    struct entry entry;
    struct buf buf;
    void *request;
    struct err err;

    (void)state;
    build(&buf);
    arena_init(&none, 4);
    assert_int_equal(entry_open(buf_slice(&buf), &entry, &err), ERR_NONE);
    assert_int_equal(entry_next(&entry, &none, &spec, &head, &request, &err), ERR_NOMEM);
    arena_done(&none);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),    cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_no_memory),
    };
    int failed;

    arena_init(&arena, ENTRY_ARENA_MAX);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
