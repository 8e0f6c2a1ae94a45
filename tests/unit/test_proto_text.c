/* Rows as .proto text. That protoc takes it is shown by tests/codec. */
#include "tests/unit/wire_rules.h"
#include "wire/proto_text.h"

#include <stdlib.h>

static const char want[] = "syntax = \"proto3\";\n"
                           "\n"
                           "package corvo.v1;\n"
                           "\n"
                           "import \"google/protobuf/timestamp.proto\";\n"
                           "\n"
                           "message Reply {\n"
                           "  // What became of it.\n"
                           "  // One of: ok = 0, gone = 2.\n"
                           "  optional string status = 1;\n"
                           "  google.protobuf.Timestamp at = 2;\n"
                           "  repeated int32 counts = 3 [packed = false];\n"
                           "  map<string, Part> parts = 50;\n"
                           "  Part first = 51;\n"
                           "}\n"
                           "\n"
                           "message Part {\n"
                           "  repeated Part parts = 1;\n"
                           "}\n";

static const char *const names[] = {"ok", NULL, "gone"};
static const struct words words = {names, 3};
static const struct message part;

static const struct field part_fields[] = {
    {.name = "parts", .kind = FIELD_MESSAGE, .flags = FIELD_LIST, .tag = 1, .sub = &part},
};

static const struct message part = {.name = "Part", .fields = part_fields, .field_count = 1};

static const struct field reply_fields[] = {
    {.name = "status",
     .kind = FIELD_ENUM_TEXT,
     .tag = 1,
     .bit = 1,
     .words = &words,
     .help = "What became of it."},
    {.name = "at", .kind = FIELD_TIMESTAMP, .tag = 2, .bit = 2},
    {.name = "counts", .kind = FIELD_I32, .flags = FIELD_LIST | FIELD_UNPACKED, .tag = 3},
    {.name = "only_json", .kind = FIELD_TEXT},
    {.name = "parts", .kind = FIELD_MAP, .tag = 50, .sub = &part},
    {.name = "first", .kind = FIELD_MESSAGE, .tag = 51, .bit = 3, .sub = &part},
};

static const struct message reply = {.name = "Reply", .fields = reply_fields, .field_count = 6};

/* Method: two messages, one naming the other in three ways and itself, given twice. */
static void test_text(void **state)
{
    const struct message *const messages[] = {&reply, &part, &reply};
    struct buf buf;

    (void)state;
    buf_init(&buf, 4096);
    proto_write("corvo.v1", messages, 3, &buf);
    (void)buf_add_byte(&buf, '\0');
    assert_string_equal((const char *)buf.data, want);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
