/* `gen DIR` writes every file that is derived from tables below DIR: .proto, OpenAPI, the reference
 * pages.
 *
 * Nothing here knows an operation, a route or an option: it walks their rows. */
#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/reply.h"
#include "cli/command.h"
#include "core/core.h"
#include "core/job.h"
#include "core/queue.h"
#include "server/option_value.h"
#include "tools/gen/man.h"
#include "wire/proto_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MESSAGES_MAX 128

static void make_parents(char *path)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        if (mkdir(path, 0777) && errno != EEXIST) {
            perror(path);
            exit(1);
        }
        *at = '/';
    }
}

static void write_file(const char *dir, const char *name, struct buf *buf)
{
    char path[4096];
    FILE *file;

    if (buf->failed || (size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
        (void)fprintf(stderr, "gen: %s does not fit\n", name);
        exit(1);
    }
    make_parents(path);
    file = fopen(path, "w");
    if (!file || fwrite(buf->data, 1, buf->size, file) != buf->size || fclose(file)) {
        perror(path);
        exit(1);
    }
    buf_clear(buf);
}

/* --- Operations ----------------------------------------------------------------------------------
 */

static void write_proto(struct buf *buf)
{
    const struct message *messages[MESSAGES_MAX];
    uint32_t op_count, count = 0;
    const struct op_spec *const *ops = op_all(&op_count);

    for (uint32_t i = 0; i < op_count; i++) {
        messages[count++] = ops[i]->request;
        messages[count++] = ops[i]->reply;
    }
    messages[count++] = &job_object_message;
    messages[count++] = &queue_object_message;
    assert(count <= MESSAGES_MAX);
    proto_write("corvo.log.v1", messages, count, buf);
}

static const char *kind_name(const struct field *field)
{
    static const char *const names[] = {
        [FIELD_BOOL] = "bool",
        [FIELD_I32] = "integer",
        [FIELD_I64] = "integer",
        [FIELD_U32] = "integer",
        [FIELD_U64] = "integer",
        [FIELD_TIME] = "time",
        [FIELD_TIMESTAMP] = "time",
        [FIELD_DURATION] = "duration",
        [FIELD_DURATION_TEXT] = "duration",
        [FIELD_MONEY] = "money",
        [FIELD_MONEY_DOUBLE] = "money",
        [FIELD_ENUM] = "word",
        [FIELD_ENUM_TEXT] = "word",
        [FIELD_ENUM_NUMBER] = "word or number",
        [FIELD_TEXT] = "text",
        [FIELD_BYTES] = "base64",
        [FIELD_JSON] = "any JSON",
        [FIELD_MESSAGE] = "object",
        [FIELD_MAP] = "object by name",
    };

    return names[field->kind];
}

static void write_fields(struct buf *buf, const struct message *message)
{
    (void)buf_add_text(buf, "| field | type | tag | |\n| --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];

        if (field->flags & FIELD_UNSUPPORTED) {
            (void)buf_printf(buf, "| `%s` | | | reserved: refused with UNSUPPORTED |\n",
                             field->name);
            continue;
        }
        (void)buf_printf(buf, "| `%s` | %s%s%s | ", field->name, kind_name(field),
                         field->flags & FIELD_LIST ? ", list" : "",
                         field->flags & FIELD_REQUIRED ? ", required" : "");
        if (field->tag) {
            (void)buf_printf(buf, "%u ", field->tag);
        }
        (void)buf_printf(buf, "| %s |\n", field->help ? field->help : "");
    }
    (void)buf_add_byte(buf, '\n');
}

static void write_operations(struct buf *buf)
{
    uint32_t count;
    const struct op_spec *const *ops = op_all(&count);

    (void)buf_add_text(buf, "# Operations\n\nDerived from the operations' rows by `make gen`. An "
                            "operation is an entry of the log; the code is its number there.\n\n");
    for (uint32_t i = 0; i < count; i++) {
        (void)buf_printf(buf, "## %s (%u)\n\n%s\n\nRequest `%s`\n\n", ops[i]->name, ops[i]->code,
                         ops[i]->help, ops[i]->request->name);
        write_fields(buf, ops[i]->request);
        (void)buf_printf(buf, "Reply `%s`\n\n", ops[i]->reply->name);
        write_fields(buf, ops[i]->reply);
    }
}

/* --- Options and errors
 * --------------------------------------------------------------------------- */

static void write_option(struct buf *buf, const struct option *row)
{
    char range[OPTION_RANGE_TEXT_MAX];

    option_range(row, range);
    (void)buf_printf(buf, "| `--%s` | ", row->name);
    if (*row->fallback) {
        (void)buf_printf(buf, "`%s` ", row->fallback);
    }
    (void)buf_printf(buf, "| %s | %s%s%s%s |\n", range, row->help,
                     row->flags & OPTION_RELOADS ? ". *Reloads.*" : "",
                     row->flags & OPTION_UNBUILT ? ". *Not built yet: refused.*" : "",
                     row->flags & OPTION_IDLE ? ". *Accepted, without effect.*" : "");
}

static void write_options(struct buf *buf)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    (void)buf_add_text(
        buf,
        "# Server options\n\nDerived from the option rows by `make gen`. Each is an argument "
        "(`--data-dir DIR`), a variable of the environment (`CORVO_DATA_DIR`) and a key of the "
        "configuration file (`data-dir = DIR`); the first of these wins. "
        "[Configuration](../operating/configuration.md) says more.\n\n"
        "*Reloads*: SIGHUP takes a new value over. *Not built yet*: what the option is about is "
        "not in this version, and only the default is possible. *Without effect*: likewise, but "
        "any value is harmless.\n");
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        (void)buf_printf(buf,
                         "\n## %s\n\n| option | default | takes | |\n| --- | --- | --- | --- |\n",
                         option_group_title(group));
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].group == group) {
                write_option(buf, &rows[i]);
            }
        }
    }
}

static void write_errors(struct buf *buf)
{
    (void)buf_add_text(buf, "# Error codes\n\nDerived from `src/base/reply.c` by `make gen`. Every "
                            "error body is `{\"error\":\"<text>\",\"code\":\"<code>\"}`.\n\n"
                            "| code | status | kind |\n| --- | --- | --- |\n");
    for (uint32_t i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        const struct reply_row *row = reply_row((enum reply_code)i);

        (void)buf_printf(buf, "| `%s` | %u | %s |\n", row->name, row->status,
                         err_code_name(row->code));
    }
}

/* corvo-server(1) is written from the option rows instead. */
static void write_command_pages(const char *dir, struct buf *buf)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        char name[128];

        if (strcmp(rows[i]->name, "server") != 0) {
            (void)snprintf(name, sizeof(name), "docs/man/corvo-%s.1", rows[i]->name);
            man_write_command(rows[i], buf);
            write_file(dir, name, buf);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(struct buf *buf);
    } files[] = {
        {"proto/corvo/log/v1/operations.proto", write_proto},
        {"docs/reference/openapi.json", api_write_openapi},
        {"docs/reference/metrics.md", api_write_metrics},
        {"docs/reference/operations.md", write_operations},
        {"docs/reference/server-options.md", write_options},
        {"docs/reference/errors.md", write_errors},
        {"docs/reference/cli.md", command_reference},
        {"docs/man/corvo.1", man_write_cli},
        {"docs/man/corvo-server.1", man_write_server},
        {"docs/man/corvo.conf.5", man_write_conf},
        {"packaging/corvo.conf", man_write_example},
    };
    struct buf buf;

    if (argc != 2) {
        (void)fprintf(stderr, "Usage: gen DIR\n");
        return 2;
    }
    buf_init(&buf, 16 * MIB);
    for (uint32_t i = 0; i < ARRAY_COUNT(files); i++) {
        files[i].write(&buf);
        write_file(argv[1], files[i].name, &buf);
    }
    write_command_pages(argv[1], &buf);
    buf_done(&buf);
    return 0;
}
