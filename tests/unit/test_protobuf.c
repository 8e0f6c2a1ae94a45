/* Protobuf: bytes worked out by hand, canonical form, tolerance, and bytes that mean harm. Random
 * messages against Python's library are in tests/codec. */
#include "base/common.h"
#include "tests/codec/sample.h"
#include "tests/unit/wire_rules.h"
#include "wire/protobuf.h"

#include <stdlib.h>

#define MEMORY_MAX ((size_t)1 << 22)

struct wire_case {
    struct arena arena;
    struct buf buf;
    struct err err;
    struct sample sample;
};

static void begin(struct wire_case *test)
{
    *test = (struct wire_case){.sample = {.has = 0}};
    arena_init(&test->arena, MEMORY_MAX);
    buf_init(&test->buf, MEMORY_MAX);
}

static void end(struct wire_case *test)
{
    buf_done(&test->buf);
    arena_done(&test->arena);
}

static enum err_code read_bytes(struct wire_case *test, const char *bytes, size_t size)
{
    test->err = (struct err){.code = ERR_NONE};
    arena_clear(&test->arena);
    return protobuf_read(&sample_every, slice_of(bytes, size), &test->arena, &test->sample,
                         &test->err);
}

static void check_written(struct wire_case *test, const char *bytes, size_t size)
{
    buf_clear(&test->buf);
    protobuf_write(&sample_every, &test->sample, &test->buf);
    assert_int_equal(test->buf.size, size);
    assert_memory_equal(test->buf.data, bytes, size);
}

#define READ(test, bytes) read_bytes((test), (bytes), sizeof(bytes) - 1)
#define WRITTEN(test, bytes) check_written((test), (bytes), sizeof(bytes) - 1)

/* Method: one field of each wire type, its bytes worked out from the format's description, both
 * ways. */
static void test_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"\x08\x01", 2},                                      /* flag = true */
        {"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* i32 = -1 */
        {"\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11}, /* i64 = INT64_MIN */
        {"\x20\xac\x02", 3},                                  /* u32 = 300 */
        {"\x3a\x04\x08\x05\x10\x07", 6},                      /* timestamp 5 s 7 ns */
        {"\x4a\x04"
         "1.5s",
         6},                                         /* duration_text */
        {"\x59\x00\x00\x00\x00\x00\x00\xf8\x3f", 9}, /* money_double = 1.5 */
        {"\x6a\x04"
         "High",
         6},                                           /* word_text */
        {"\x7a\x02\xc3\xa4", 4},                       /* text */
        {"\x92\x01\x02\x10\x02", 5},                   /* inner {count: 2} */
        {"\x9a\x01\x07\x0a\x01k\x12\x02\x10\x01", 10}, /* map {k: {count: 1}} */
        {"\xaa\x06\x03\x01\xac\x02", 6},               /* i32s [1, 300] packed */
        {"\xb0\x06\x05\xb0\x06\x06", 6},               /* i64s [5, 6] unpacked */
        {"\xc2\xbb\x01\x00", 4},                       /* inners [{}], tag 3000 */
        {"\x31\x01\x00\x00\x00\x00\x00\x00\x80", 9},   /* time, fixed64 */
    };
    struct wire_case test;

    (void)state;
    begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        print_message("row %zu\n", i);
        assert_int_equal(read_bytes(&test, rows[i].bytes, rows[i].size), ERR_NONE);
        check_written(&test, rows[i].bytes, rows[i].size);
    }
    assert_int_equal(READ(&test, "\x3a\x00"), ERR_NONE); /* A timestamp of 1970 is unset. */
    WRITTEN(&test, "");
    end(&test);
}

/* Method: zero values with and without presence bits; empty lists with a bit can not be written. */
static void test_presence(void **state)
{
    struct wire_case test;

    (void)state;
    begin(&test);
    WRITTEN(&test, "");
    test.sample = (struct sample){.opt_i32 = 5, .opt_text = slice_text("x")};
    WRITTEN(&test, "");
    test.sample.has = 1 << 1 | 1 << 8;
    WRITTEN(&test, "\xc8\x02\x05\x82\x03\x01x");
    test.sample = (struct sample){.has = 1 << 1 | 1 << 8};
    WRITTEN(&test, "\xc8\x02\x00\x82\x03\x00");
    assert_int_equal(READ(&test, "\xc8\x02\x00\x82\x03\x00"), ERR_NONE);
    assert_int_equal(test.sample.has, 1 << 1 | 1 << 8);
    end(&test);
}

/* Method: a sub-message at each size around those where its length takes one more byte. */
static void test_lengths(void **state)
{
    static const size_t sizes[] = {0,     1,     123,   124,   125,     126,    127,
                                   128,   16376, 16377, 16378, 16379,   16380,  16384,
                                   65536, 70000, 99999, 12345, 2097144, 2097149};
    struct wire_case test;

    (void)state;
    begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        char *text = calloc(1, sizes[i] + 1);
        struct sample_inner inner = {.count = 7};
        struct sample again;

        assert_non_null(text);
        memset(text, 'x', sizes[i]);
        inner.name = slice_of(text, sizes[i]);
        test.sample = (struct sample){.inner = &inner};
        buf_clear(&test.buf);
        protobuf_write(&sample_every, &test.sample, &test.buf);
        assert_int_equal(
            protobuf_read(&sample_every, buf_slice(&test.buf), &test.arena, &again, &test.err),
            ERR_NONE);
        assert_true(slice_equal(again.inner->name, inner.name));
        assert_int_equal(again.inner->count, 7);
        arena_clear(&test.arena);
        free(text);
    }
    end(&test);
}

/* Method: other senders' habits: unknown fields, other order, repeats, packed and not, wrong wire
 * types. */
static void test_tolerance(void **state)
{
    struct wire_case test;

    (void)state;
    begin(&test);
    assert_int_equal(READ(&test, "\x20\x05\x08\x01\xa8\xf7\x02\x01\xad\xf7\x02"
                                 "1234\xaa\xf7\x02\x01x\x20\x07"),
                     ERR_NONE);
    WRITTEN(&test, "\x08\x01\x20\x07");
    assert_int_equal(READ(&test, "\xa8\x06\x01\xaa\x06\x02\x02\x03\xa8\x06\x04\xaa\x06\x00"),
                     ERR_NONE);
    WRITTEN(&test, "\xaa\x06\x04\x01\x02\x03\x04");
    assert_int_equal(READ(&test, "\xb2\x06\x02\x05\x06"), ERR_NONE);
    WRITTEN(&test, "\xb0\x06\x05\xb0\x06\x06");
    assert_int_equal(READ(&test, "\x0a\x01x\x78\x01\x20\x05"), ERR_NONE);
    WRITTEN(&test, "\x20\x05");
    assert_int_equal(READ(&test, "\x08\x81\x00\x20\x85\x80\x00"), ERR_NONE);
    WRITTEN(&test, "\x08\x01\x20\x05");
    assert_int_equal(READ(&test, "\x92\x01\x02\x10\x01\x92\x01\x03\x0a\x01n"), ERR_NONE);
    assert_int_equal(test.sample.inner->count, 0);
    assert_int_equal(READ(&test, "\x9a\x01\x07\x0a\x01k\x12\x02\x10\x01\x9a\x01\x03\x0a\x01l"
                                 "\x9a\x01\x07\x12\x02\x10\x02\x0a\x01k"),
                     ERR_NONE);
    WRITTEN(&test, "\x9a\x01\x05\x0a\x01l\x12\x00\x9a\x01\x07\x0a\x01k\x12\x02\x10\x02");
    end(&test);
}

/* Method: doubles that lie between two nano-dollars go to the nearer one, halves away from zero. */
static void test_doubles(void **state)
{
    static const struct {
        double dollars;
        int64_t nano;
    } rows[] = {
        {1.4e-9, 1},      {1.6e-9, 2},
        {-1.4e-9, -1},    {-1.6e-9, -2},
        {0.1, 100000000}, {0.5e-9, 1},
        {0.0, 0},         {-0.0, 0},
        {1e-300, 0},      {9.1e9, INT64_C(9100000000000000000)},
    };
    struct wire_case test;

    (void)state;
    begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char bytes[9] = {0x59};

        memcpy(bytes + 1, &rows[i].dollars, sizeof(rows[i].dollars));
        assert_int_equal(read_bytes(&test, bytes, sizeof(bytes)), ERR_NONE);
        assert_int_equal(test.sample.money_double, rows[i].nano);
    }
    end(&test);
}

/* Method: bytes that can not be, each with its reply. */
static void test_malformed(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum reply_code reply;
    } rows[] = {
        {"\x08", 1, REPLY_PARSE_ERROR},
        {"\x00\x01", 2, REPLY_PARSE_ERROR},
        {"\x0b\x0c", 2, REPLY_PARSE_ERROR},
        {"\x0e", 1, REPLY_PARSE_ERROR},
        {"\x7a\x05x", 3, REPLY_PARSE_ERROR},
        {"\x7a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, REPLY_PARSE_ERROR},
        {"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, REPLY_PARSE_ERROR},
        {"\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12, REPLY_PARSE_ERROR},
        {"\x31\x01", 2, REPLY_PARSE_ERROR},
        {"\xff\xff\xff\xff\xff\x0f\x00", 7, REPLY_PARSE_ERROR},
        {"\xaa\x06\x01\x80", 4, REPLY_PARSE_ERROR},
        {"\xaa\x06\x02\x01\x80", 5, REPLY_PARSE_ERROR},
        {"\xaa\x06\x01\x01\x08", 5, REPLY_PARSE_ERROR},
        {"\x3a\x01\x08", 3, REPLY_PARSE_ERROR},
        {"\x9a\x01\x01\x0a", 4, REPLY_PARSE_ERROR},
        {"\xca\x06\x07\x31\x31\x31\x31\x31\x31\x31", 10, REPLY_PARSE_ERROR},
        {"\x3a\x06\x10\x80\x94\xeb\xdc\x03", 8, REPLY_PARSE_ERROR},
        {"\x3a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, REPLY_PARSE_ERROR},
        {"\x4a\x01x", 3, REPLY_VALIDATION_ERROR},
        {"\x6a\x01x", 3, REPLY_VALIDATION_ERROR},
        {"\x59\x00\x00\x00\x00\x00\x00\xf8\x7f", 9, REPLY_VALIDATION_ERROR},
        {"\x59\x00\x00\x00\x00\x00\x00\xf0\xff", 9, REPLY_VALIDATION_ERROR},
    };
    struct wire_case test;

    (void)state;
    begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        print_message("row %zu\n", i);
        assert_int_equal(read_bytes(&test, rows[i].bytes, rows[i].size), ERR_INVALID);
        assert_int_equal(test.err.reply, rows[i].reply);
    }
    assert_string_equal(test.err.text, "money_double: the amount is out of range");
    end(&test);
}

/* Method: messages in messages, 31, 32 and thousands deep. */
static void test_depth(void **state)
{
    struct wire_case test;

    (void)state;
    begin(&test);
    for (size_t depth = 1; depth < 40; depth++) {
        enum err_code want = depth < 32 ? ERR_NONE : ERR_INVALID;
        char bytes[128];
        size_t at = sizeof(bytes);

        for (size_t i = 0; i < depth; i++) { /* From the innermost, empty, out. */
            size_t size = sizeof(bytes) - at;

            bytes[--at] = (char)size;
            bytes[--at] = '\x22';
        }
        bytes[at] = '\x92'; /* The outermost is field 18 of the sample, not 4 of the inner. */
        memmove(bytes + at - 1, bytes + at, 1);
        bytes[at] = '\x01';
        at--;
        assert_int_equal(read_bytes(&test, bytes + at, sizeof(bytes) - at), want);
    }
    end(&test);
}

/* Method: a few bytes that claim a list of millions, and a list that the arena can not hold. */
static void test_long_lists(void **state)
{
    struct wire_case test;
    char *bytes = calloc(1, MEMORY_MAX);

    (void)state;
    assert_non_null(bytes);
    begin(&test);
    assert_int_equal(READ(&test, "\xaa\x06\xff\xff\xff\x7f\x01"), ERR_INVALID);
    memcpy(bytes, "\xaa\x06\x80\x80\x40", 5); /* 1,048,576 zeros: 4 MiB of int32. */
    assert_int_equal(read_bytes(&test, bytes, (1 << 20) + 5), ERR_NONE);
    assert_int_equal(test.sample.i32s.count, 1 << 20);
    memcpy(bytes, "\xaa\x06\x80\x80\x60", 5);
    assert_int_equal(read_bytes(&test, bytes, (3 << 19) + 5), ERR_NOMEM);
    free(bytes);
    end(&test);
}

/* Method: the arena and the buffer end at each size in turn. */
static void test_memory_runs_out(void **state)
{
    static const char bytes[] = "\x92\x01\x05\x0a\x03"
                                "abc\x9a\x01\x05\x0a\x01k\x12\x00\x9a\x01\x05\x0a\x01l\x12\x00"
                                "\xaa\x06\x03\x01\xac\x02\xc2\xbb\x01\x00";
    enum err_code code = ERR_NOMEM;
    struct wire_case test;
    size_t size = 0;

    (void)state;
    begin(&test);
    for (; code == ERR_NOMEM && size < 4096; size++) {
        arena_done(&test.arena);
        arena_init(&test.arena, size);
        code = READ(&test, bytes);
    }
    assert_int_equal(code, ERR_NONE);
    assert_true(size > 100);
    for (size = 0; size < sizeof(bytes) + 10; size++) {
        buf_done(&test.buf);
        buf_init(&test.buf, size);
        protobuf_write(&sample_every, &test.sample, &test.buf);
        assert_true(test.buf.size <= size);
        if (test.buf.size == sizeof(bytes) - 1) {
            assert_memory_equal(test.buf.data, bytes, sizeof(bytes) - 1);
        } else {
            assert_true(test.buf.failed);
        }
    }
    assert_false(test.buf.failed);
    end(&test);
}

/* Method: rows without a place in the struct, a text that is cut, a default, and the place in an
 * error. */
static void test_rules(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum reply_code reply;
        const char *text;
    } rows[] = {
        {"\x0a\x01q\xa0\x01\x05", 6, 0, ""},
        {"\x0a\x01q\xaa\x01\x00", 6, 0, ""},
        {"\x0a\x01q\xaa\x01\x02{}", 8, REPLY_UNSUPPORTED, "chain is not supported"},
        {"\x4a\x03\x0a\x01q\x4a\x03\x12\x01x", 10, REPLY_VALIDATION_ERROR,
         "jobs[1].delay: 'x' is not a duration"},
        {"\x7a\x03\x12\x01x", 5, REPLY_VALIDATION_ERROR, "item.delay: 'x' is not a duration"},
    };
    struct rules_case test;

    (void)state;
    rules_begin(&test);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        test.err = (struct err){.code = ERR_NONE};
        assert_int_equal(protobuf_read(&rules_message, slice_of(rows[i].bytes, rows[i].size),
                                       &test.arena, &test.rules, &test.err),
                         reply_row(rows[i].reply)->code);
        assert_int_equal(test.err.reply, rows[i].reply);
        assert_memory_equal(test.err.text, rows[i].text, strlen(rows[i].text));
    }
    assert_int_equal(protobuf_read(&rules_message,
                                   slice_text("\x22\x0b"
                                              "0123456789a"),
                                   &test.arena, &test.rules, &test.err),
                     ERR_NONE);
    assert_true(slice_is(test.rules.note, "0123456\xe2\x80\xa6"));
    assert_int_equal(test.rules.small, 4);
    rules_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),           cmocka_unit_test(test_presence),
        cmocka_unit_test(test_lengths),         cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_doubles),         cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_depth),           cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_memory_runs_out), cmocka_unit_test(test_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
