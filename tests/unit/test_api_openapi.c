/* The OpenAPI document is JSON, has every route, and points to nothing that is not in it. */
#include "api/api_internal.h"
#include "wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

struct document {
    struct buf text;
    struct slice json;
    struct arena arena;
};

static void document_init(struct document *document)
{
    buf_init(&document->text, 4 * MIB);
    arena_init(&document->arena, 64 * MIB);
    api_write_openapi(&document->text);
    assert_false(document->text.failed);
    document->json = buf_slice(&document->text);
}

static void document_done(struct document *document)
{
    buf_done(&document->text);
    arena_done(&document->arena);
}

struct search {
    const char *name;
    struct slice found;
    uint32_t count; /* Of all members. */
};

static enum err_code look(void *context, struct slice key, struct slice raw, struct err *err)
{
    struct search *search = context;

    (void)err;
    search->count++;
    if (slice_is(key, search->name)) {
        assert_null(search->found.data); /* Twice: a reader would see only one. */
        search->found = raw;
    }
    return ERR_NONE;
}

/* The raw value of an object's member; data is NULL when it has none. */
static struct slice member(struct document *document, struct slice json, const char *name)
{
    struct search search = {.name = name};
    struct err err;

    assert_int_equal(json_each_member(json, &document->arena, look, &search, &err), ERR_NONE);
    return search.found;
}

static uint32_t member_count(struct document *document, struct slice json)
{
    struct search search = {.name = ""};
    struct err err;

    assert_int_equal(json_each_member(json, &document->arena, look, &search, &err), ERR_NONE);
    return search.count;
}

static bool contains(struct slice text, const char *part)
{
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

/* Method: the whole text through our own reader, and the members that OpenAPI 3 asks for. */
static void test_is_json(void **state)
{
    struct document document;
    struct slice info;

    (void)state;
    document_init(&document);
    assert_int_equal(json_type_of(document.json), JSON_OBJECT);
    assert_true(slice_is(member(&document, document.json, "openapi"), "\"3.0.3\""));
    info = member(&document, document.json, "info");
    assert_int_equal(json_type_of(member(&document, info, "title")), JSON_STRING);
    assert_int_equal(json_type_of(member(&document, info, "version")), JSON_STRING);
    assert_int_equal(json_type_of(member(&document, document.json, "paths")), JSON_OBJECT);
    document_done(&document);
}

static const char *const method_words[] = {
    [HTTP_GET] = "get",
    [HTTP_POST] = "post",
    [HTTP_PUT] = "put",
    [HTTP_DELETE] = "delete",
};

static void expect_route(struct document *document, struct slice paths, const struct route *route)
{
    struct slice path = member(document, paths, route->path);
    struct slice operation;
    char text[256];

    assert_non_null(path.data);
    operation = member(document, path, method_words[route->method]);
    assert_non_null(operation.data);
    (void)snprintf(text, sizeof(text), "\"%s\"", route->help);
    assert_true(slice_is(member(document, operation, "summary"), text));
    assert_int_equal(member(document, operation, "requestBody").data != NULL,
                     route->body != BODY_NONE);
    (void)snprintf(text, sizeof(text), "%u", route->status);
    assert_non_null(member(document, member(document, operation, "responses"), text).data);
    for (const char *at = route->path; (at = strchr(at, '{')); at++) {
        (void)snprintf(text, sizeof(text), "\"name\":\"%.*s\"", (int)strcspn(at + 1, "}"), at + 1);
        assert_true(contains(member(document, operation, "parameters"), text));
    }
}

/* Method: each row of the route table is found below its path and method; as many paths and methods
 * are there as rows. */
static void test_routes(void **state)
{
    struct document document;
    struct slice paths;
    uint32_t count;
    const struct route *rows = route_rows(&count);
    uint32_t path_count = 0;
    uint32_t method_count = 0;

    (void)state;
    document_init(&document);
    paths = member(&document, document.json, "paths");
    for (uint32_t i = 0; i < count; i++) {
        bool is_first = true;

        expect_route(&document, paths, &rows[i]);
        for (uint32_t j = 0; j < i; j++) {
            is_first = is_first && strcmp(rows[i].path, rows[j].path) != 0;
        }
        if (is_first) {
            path_count++;
            method_count += member_count(&document, member(&document, paths, rows[i].path));
        }
    }
    assert_int_equal(member_count(&document, paths), path_count);
    assert_int_equal(method_count, count);
    document_done(&document);
}

/* Method: every reference in the text leads to a schema, and every schema is referred to. */
static void test_references(void **state)
{
    static const char mark[] = "\"$ref\":\"#/components/schemas/";
    struct document document;
    struct slice schemas;
    uint32_t count = 0;
    char seen[64][64];

    (void)state;
    document_init(&document);
    assert_true(buf_add_byte(&document.text, '\0'));
    document.json = slice_text((const char *)document.text.data);
    schemas = member(&document, member(&document, document.json, "components"), "schemas");
    for (const char *at = (const char *)document.text.data; (at = strstr(at, mark));) {
        char name[64];
        uint32_t i = 0;

        at += strlen(mark);
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "\""), at);
        assert_int_equal(json_type_of(member(&document, schemas, name)), JSON_OBJECT);
        while (i < count && strcmp(seen[i], name) != 0) {
            i++;
        }
        if (i == count) {
            assert_true(count < ARRAY_COUNT(seen));
            memcpy(seen[count++], name, sizeof(name));
        }
    }
    assert_int_equal(member_count(&document, schemas), count);
    document_done(&document);
}

/* Method: the schema of one request; its fields are there with types, what is refused or ignored is
 * not, what is required is said so. */
static void test_schema(void **state)
{
    struct document document;
    struct slice schema;
    struct slice properties;

    (void)state;
    document_init(&document);
    schema = member(&document, member(&document, document.json, "components"), "schemas");
    schema = member(&document, schema, op_enqueue_message.name);
    properties = member(&document, schema, "properties");
    assert_true(slice_is(member(&document, schema, "required"), "[\"queue\"]"));
    for (uint32_t i = 0; i < op_enqueue_message.field_count; i++) {
        const struct field *field = &op_enqueue_message.fields[i];
        bool is_shown = !(field->flags & (FIELD_UNSUPPORTED | FIELD_IGNORED));

        assert_int_equal(member(&document, properties, field->name).data != NULL, is_shown);
    }
    assert_true(contains(member(&document, properties, "queue"), "\"type\":\"string\""));
    assert_true(contains(member(&document, properties, "max_retries"), "\"type\":\"integer\""));
    assert_true(contains(member(&document, properties, "scheduled_at"), "\"date-time\""));
    assert_true(contains(member(&document, properties, "retry_backoff"), "\"exponential\""));
    document_done(&document);
}

/* Method: buffers that are too small by more and more; the text fails as a whole, never half. */
static void test_no_room(void **state)
{
    struct document document;

    (void)state;
    document_init(&document);
    for (size_t size = 0; size < document.text.size; size += 1 + size / 3) {
        struct buf small;

        buf_init(&small, size);
        api_write_openapi(&small);
        assert_true(small.failed);
        assert_true(small.size <= size);
        buf_done(&small);
    }
    document_done(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_json),    cmocka_unit_test(test_routes),
        cmocka_unit_test(test_references), cmocka_unit_test(test_schema),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests_name("api_openapi", tests, NULL, NULL);
}
