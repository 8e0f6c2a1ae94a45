/* The route table is whole and hangs together: the router, the documents and the operations rely on
 * it. */
#include "api/api_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

/* After the headers it needs. */
#include <cmocka.h>

/* Operations that nobody asks for over HTTP. */
static const char *const internal_ops[] = {"tick"};

/* What one may see without a credential (contract A1), the document of the interface included. */
static const char *const open_paths[] = {"/healthz", "/readyz", "/api/v1/info", "/openapi.json"};

static bool is_listed(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static const struct op_spec *op_of(const struct route *route)
{
    return route->op ? op_find_name(route->op) : NULL;
}

static const struct message *request_of(const struct route *route)
{
    const struct op_spec *op = op_of(route);

    return route->request ? route->request : op ? op->request : NULL;
}

static const struct message *reply_of(const struct route *route)
{
    const struct op_spec *op = op_of(route);

    return route->reply ? route->reply : op ? op->reply : NULL;
}

/* Method: each row by itself; every member that it must have is there and plausible. */
static void test_rows(void **state)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    (void)state;
    assert_true(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct route *row = &rows[i];
        size_t help_size;

        /* What Access-Control-Allow-Methods says. */
        assert_true(row->method == HTTP_GET || row->method == HTTP_POST ||
                    row->method == HTTP_PUT || row->method == HTTP_DELETE);
        assert_int_equal(row->path[0], '/');
        assert_true(row->path[strlen(row->path) - 1] != '/');
        assert_in_range(row->status, 200, 299);
        assert_non_null(row->handle);
        assert_non_null(row->help);
        help_size = strlen(row->help);
        assert_true(help_size > 0 && row->help[help_size - 1] != '.');
        assert_true(!row->op || op_of(row));
    }
}

/* Method: each row by itself; reads have no body, writes need the role to write, and only what the
 * contract opens is open. */
static void test_roles(void **state)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        const struct route *row = &rows[i];
        bool is_open = is_listed(open_paths, ARRAY_COUNT(open_paths), row->path);

        assert_int_equal(row->role == ROLE_NONE, is_open);
        if (row->method != HTTP_GET) {
            assert_true(row->role == ROLE_WORK || row->role == ROLE_OPERATE ||
                        (row->role == ROLE_READ && route_is_read(row)));
        } else {
            assert_true(row->role == ROLE_READ || is_open);
            assert_int_equal(row->body, BODY_NONE);
            assert_null(row->op);
        }
    }
}

/* Method: each row by itself; a body has a message to be read into, and a list one for its items.
 */
static void test_messages(void **state)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        const struct route *row = &rows[i];

        assert_true(row->body == BODY_NONE || request_of(row));
        assert_true(row->method == HTTP_GET || reply_of(row));
        assert_true(!row->reply_list || row->reply);
        if (request_of(row)) {
            assert_true(request_of(row)->size > 0 && request_of(row)->field_count > 0);
        }
    }
}

/* A text field of that name; NULL when there is none. */
static const struct field *text_field(const struct message *message, const char *name, size_t size)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];

        if (field->kind == FIELD_TEXT && strlen(field->name) == size &&
            memcmp(field->name, name, size) == 0 && !(field->flags & FIELD_LIST)) {
            return field;
        }
    }
    return NULL;
}

static uint32_t count_of(const char *text, char letter)
{
    uint32_t count = 0;

    for (; *text; text++) {
        count += *text == letter;
    }
    return count;
}

/* Method: each name in braces; it is a whole segment and, where an operation is behind the
 * route, a text of its request. */
static void test_params(void **state)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);
    uint32_t params_seen = 0;

    (void)state;
    for (uint32_t i = 0; i < count; i++) {
        const struct op_spec *op = op_of(&rows[i]);
        uint32_t params = 0;

        for (const char *at = rows[i].path; (at = strchr(at, '{')); params++) {
            const char *end = strchr(at, '}');

            assert_non_null(end);
            assert_int_equal(at[-1], '/');
            assert_true(end[1] == '/' || end[1] == '\0');
            assert_true(end > at + 1);
            if (op && !text_field(op->request, at + 1, (size_t)(end - at - 1))) {
                fail_msg("%s: %s has no text of that name", rows[i].path, op->request->name);
            }
            at = end;
        }
        assert_int_equal(count_of(rows[i].path, '}'), params);
        assert_true(params <= ROUTE_PARAMS_MAX);
        params_seen += params;
    }
    assert_true(params_seen > 0);
}

/* True if a path that is matched by `later` is matched by `earlier` too. */
static bool shadows(const char *earlier, const char *later)
{
    while (*earlier && *later) {
        size_t earlier_size = 1 + strcspn(earlier + 1, "/");
        size_t later_size = 1 + strcspn(later + 1, "/");

        if (earlier[1] != '{' &&
            (earlier_size != later_size || memcmp(earlier, later, later_size) != 0)) {
            return false;
        }
        earlier += earlier_size;
        later += later_size;
    }
    return *earlier == *later;
}

/* Method: each row with each later one of its method; the router takes the first that fits, so none
 * may hide another. First, that the comparison sees what it must. */
static void test_shadows(void **state)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    (void)state;
    assert_true(shadows("/a/{x}", "/a/b"));
    assert_true(shadows("/a/{x}", "/a/{y}"));
    assert_false(shadows("/a/b", "/a/{x}"));
    assert_false(shadows("/a/{x}", "/a/b/c"));
    assert_false(shadows("/a", "/ab"));
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = i + 1; j < count; j++) {
            if (rows[i].method == rows[j].method && shadows(rows[i].path, rows[j].path)) {
                fail_msg("%s hides %s", rows[i].path, rows[j].path);
            }
        }
    }
}

/* Method: all operations; each has a route of its own or is listed as internal, never both. */
static void test_operations(void **state)
{
    uint32_t op_count;
    uint32_t count;
    const struct op_spec *const *ops = op_all(&op_count);
    const struct route *rows = route_rows(&count);

    (void)state;
    assert_true(op_count > 0);
    for (uint32_t i = 0; i < op_count; i++) {
        bool is_internal = is_listed(internal_ops, ARRAY_COUNT(internal_ops), ops[i]->name);
        uint32_t routes = 0;

        for (uint32_t j = 0; j < count; j++) {
            routes += op_of(&rows[j]) == ops[i];
        }
        if ((routes > 0) == is_internal) {
            fail_msg("%s has %u routes", ops[i]->name, routes);
        }
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(internal_ops); i++) {
        assert_non_null(op_find_name(internal_ops[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_roles),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_params),
        cmocka_unit_test(test_shadows),  cmocka_unit_test(test_operations),
    };

    return cmocka_run_group_tests_name("api_routes", tests, NULL, NULL);
}
