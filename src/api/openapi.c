/* The OpenAPI 3 document, derived from the route rows and the field rows behind them. */
#include "api/api_internal.h"
#include "base/version.h"
#include "wire/json.h"

#include <ctype.h>
#include <string.h>

#define SCHEMAS_MAX 64

/* The messages that were referred to, in the order of first use. */
struct schemas {
    const struct message *messages[SCHEMAS_MAX];
    uint32_t count;
};

static void refer(struct schemas *schemas, const struct message *message)
{
    for (uint32_t i = 0; i < schemas->count; i++) {
        if (schemas->messages[i] == message) {
            return;
        }
    }
    assert(schemas->count < SCHEMAS_MAX);
    schemas->messages[schemas->count++] = message;
}

static void write_ref(struct buf *buf, struct schemas *schemas, const struct message *message)
{
    refer(schemas, message);
    (void)buf_printf(buf, "{\"$ref\":\"#/components/schemas/%s\"}", message->name);
}

static void write_words(struct buf *buf, const struct words *words)
{
    bool first = true;

    (void)buf_add_text(buf, ",\"enum\":[");
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->names[i]) {
            (void)buf_printf(buf, "%s\"%s\"", first ? "" : ",", words->names[i]);
            first = false;
        }
    }
    (void)buf_add_byte(buf, ']');
}

static const char *type_of(enum field_kind kind)
{
    static const char *const types[] = {
        [FIELD_BOOL] = "boolean",        [FIELD_I32] = "integer",         [FIELD_I64] = "integer",
        [FIELD_U32] = "integer",         [FIELD_U64] = "integer",         [FIELD_MONEY] = "number",
        [FIELD_MONEY_DOUBLE] = "number", [FIELD_ENUM_NUMBER] = "integer", [FIELD_MAP] = "object",
    };

    return kind < ARRAY_COUNT(types) && types[kind] ? types[kind] : "string";
}

static void write_help(struct buf *buf, const char *help)
{
    (void)buf_add_text(buf, "\"description\":");
    json_write_text(buf, slice_text(help));
}

/* The schema of one value of the field. */
static void write_value(struct buf *buf, struct schemas *schemas, const struct field *field)
{
    if (field->kind == FIELD_MESSAGE) {
        write_ref(buf, schemas, field->sub);
        return;
    }
    (void)buf_add_byte(buf, '{');
    write_help(buf, field->help ? field->help : "");
    if (field->kind == FIELD_JSON) {
        (void)buf_add_byte(buf, '}');
        return;
    }
    if (field->kind == FIELD_DURATION && (field->flags & FIELD_LENIENT)) {
        (void)buf_add_text(buf, ",\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}");
        return;
    }
    (void)buf_printf(buf, ",\"type\":\"%s\"", type_of(field->kind));
    if (field->kind == FIELD_TIME || field->kind == FIELD_TIMESTAMP) {
        (void)buf_add_text(buf, ",\"format\":\"date-time\"");
    } else if (field->kind == FIELD_MAP) {
        (void)buf_add_text(buf, ",\"additionalProperties\":");
        write_ref(buf, schemas, field->sub);
    } else if (field->kind == FIELD_TEXT && field->max > 0 && !(field->flags & FIELD_CUT)) {
        (void)buf_printf(buf, ",\"maxLength\":%lld", (long long)field->max);
    } else if (strcmp(type_of(field->kind), "integer") == 0 && field->min < field->max) {
        (void)buf_printf(buf, ",\"minimum\":%lld,\"maximum\":%lld", (long long)field->min,
                         (long long)field->max);
    }
    if (field->words && (field->kind == FIELD_ENUM || field->kind == FIELD_ENUM_TEXT)) {
        write_words(buf, field->words);
    }
    (void)buf_add_byte(buf, '}');
}

static void write_field(struct buf *buf, struct schemas *schemas, const struct field *field)
{
    (void)buf_printf(buf, "\"%s\":", field->name);
    if (!(field->flags & FIELD_LIST)) {
        write_value(buf, schemas, field);
        return;
    }
    (void)buf_add_text(buf, "{\"type\":\"array\",");
    write_help(buf, field->help ? field->help : "");
    if (field->count_max) {
        (void)buf_printf(buf, ",\"maxItems\":%u", field->count_max);
    }
    (void)buf_add_text(buf, ",\"items\":");
    write_value(buf, schemas, field);
    (void)buf_add_byte(buf, '}');
}

static void write_required(struct buf *buf, const struct message *message)
{
    bool first = true;

    for (uint32_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].flags & FIELD_REQUIRED) {
            (void)buf_printf(buf, "%s\"%s\"", first ? ",\"required\":[" : ",",
                             message->fields[i].name);
            first = false;
        }
    }
    if (!first) {
        (void)buf_add_byte(buf, ']');
    }
}

static void write_schema(struct buf *buf, struct schemas *schemas, const struct message *message)
{
    bool first = true;

    (void)buf_printf(buf, "\"%s\":{\"type\":\"object\",\"properties\":{", message->name);
    for (uint32_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].flags & (FIELD_UNSUPPORTED | FIELD_IGNORED | FIELD_INNER)) {
            continue;
        }
        if (!first) {
            (void)buf_add_byte(buf, ',');
        }
        write_field(buf, schemas, &message->fields[i]);
        first = false;
    }
    (void)buf_add_byte(buf, '}');
    write_required(buf, message);
    (void)buf_add_byte(buf, '}');
}

/* What any read and any write may say beside its path and body (A2, A4), as it is written. */
static const char read_params[] =
    "{\"name\":\"consistency\",\"in\":\"query\",\"description\":\"linearizable waits for all that "
    "was accepted before\",\"schema\":{\"type\":\"string\",\"enum\":[\"local\","
    "\"linearizable\"]}},"
    "{\"name\":\"min_index\",\"in\":\"query\",\"description\":\"waits until this entry is applied; "
    "also as header X-Corvo-Min-Index\",\"schema\":{\"type\":\"integer\",\"minimum\":0}},"
    "{\"name\":\"wait_ms\",\"in\":\"query\",\"description\":\"how long those two wait; default "
    "2000\",\"schema\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10000}}";
static const char write_params[] =
    "{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"description\":\"makes the request safe to "
    "repeat\",\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}}";

static void write_param_list(struct buf *buf, const struct route *route)
{
    const char *at = route->path;
    const char *more = route_is_read(route)             ? read_params
                       : !(route->flags & ROUTE_NO_KEY) ? write_params
                                                        : "";
    bool first = true;

    (void)buf_add_text(buf, "\"parameters\":[");
    while ((at = strchr(at, '{'))) {
        const char *end = strchr(at, '}');

        (void)buf_printf(buf,
                         "%s{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,"
                         "\"schema\":{\"type\":\"string\"}}",
                         first ? "" : ",", (int)(end - at - 1), at + 1);
        first = false;
        at = end;
    }
    (void)buf_printf(buf, "%s%s],", !first && *more ? "," : "", more);
}

/* "get":{ */
static void write_method(struct buf *buf, enum http_method method)
{
    (void)buf_add_byte(buf, '"');
    for (const char *at = method_name(method); *at; at++) {
        (void)buf_add_byte(buf, (uint8_t)tolower((unsigned char)*at));
    }
    (void)buf_add_text(buf, "\":{");
}

static void write_operation(struct buf *buf, struct schemas *schemas, const struct route *route)
{
    const struct op_spec *spec = route->op ? op_find_name(route->op) : NULL;
    const struct message *request = route->request ? route->request : spec ? spec->request : NULL;
    const struct message *reply = route->reply ? route->reply : spec ? spec->reply : NULL;

    write_method(buf, route->method);
    (void)buf_add_text(buf, "\"summary\":");
    json_write_text(buf, slice_text(route->help));
    (void)buf_add_byte(buf, ',');
    write_param_list(buf, route);
    if (request && route->body != BODY_NONE) {
        (void)buf_printf(buf,
                         "\"requestBody\":{\"required\":%s,\"content\":{\"application/json\":"
                         "{\"schema\":",
                         route->body == BODY_REQUIRED ? "true" : "false");
        write_ref(buf, schemas, request);
        (void)buf_add_text(buf, "}}},");
    }
    (void)buf_printf(buf, "\"responses\":{\"%u\":{\"description\":\"done\"", route->status);
    if (reply) {
        (void)buf_add_text(buf, ",\"content\":{\"application/json\":{\"schema\":");
        (void)buf_add_text(buf, route->reply_list ? "{\"type\":\"array\",\"items\":" : "");
        write_ref(buf, schemas, reply);
        (void)buf_add_text(buf, route->reply_list ? "}}}" : "}}");
    }
    (void)buf_add_text(buf, "},\"default\":{\"description\":\"refused\",\"content\":{"
                            "\"application/json\":{\"schema\":{\"$ref\":"
                            "\"#/components/schemas/Error\"}}}}}}");
}

/* True if an earlier row has the same path: it was written there. */
static bool path_is_done(const struct route *rows, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++) {
        if (strcmp(rows[j].path, rows[i].path) == 0) {
            return true;
        }
    }
    return false;
}

static void write_paths(struct buf *buf, struct schemas *schemas)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        if (path_is_done(rows, i)) {
            continue;
        }
        (void)buf_printf(buf, "%s\"%s\":{", i ? "," : "", rows[i].path);
        for (uint32_t j = i; j < count; j++) {
            if (strcmp(rows[j].path, rows[i].path) == 0) {
                (void)buf_add_text(buf, j > i ? "," : "");
                write_operation(buf, schemas, &rows[j]);
            }
        }
        (void)buf_add_byte(buf, '}');
    }
}

void api_write_openapi(struct buf *buf)
{
    struct schemas schemas = {0};

    (void)buf_printf(buf,
                     "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"Corvo\",\"version\":\"%s\"},"
                     "\"paths\":{",
                     VERSION_TEXT);
    write_paths(buf, &schemas);
    (void)buf_add_text(buf, "},\"components\":{\"schemas\":{\"Error\":{\"type\":\"object\","
                            "\"properties\":{\"error\":{\"type\":\"string\"},\"code\":{\"type\":"
                            "\"string\"},\"retry_after_ms\":{\"type\":\"integer\"}},"
                            "\"required\":[\"error\",\"code\"]}");
    /* Writing a schema may add others behind it. */
    for (uint32_t i = 0; i < schemas.count; i++) {
        (void)buf_add_byte(buf, ',');
        write_schema(buf, &schemas, schemas.messages[i]);
    }
    (void)buf_add_text(buf, "}}}\n");
}
