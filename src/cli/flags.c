/* What is known of flags without a command line: the shared ones, those that follow from an
 * operation's fields, their spelling. */
#include "base/limits.h"
#include "cli/command.h"
#include "core/core.h"
#include "core/ops.h"

#include <stdio.h>

static const char *const output_names[] = {"table", "json"};
static const struct words output_words = {.names = output_names, .count = 2};

static const struct flag shared[] = {
    {.name = "server",
     .kind = FLAG_TEXT,
     .value = "URL",
     .initial = "http://localhost:8080",
     .environment = "CORVO_SERVER",
     .help = "the server to talk to"},
    {.name = "api_key",
     .kind = FLAG_TEXT,
     .value = "KEY",
     .environment = "CORVO_API_KEY",
     .help = "the key to show it"},
    {.name = "ca_cert",
     .kind = FLAG_TEXT,
     .value = "FILE",
     .environment = "CORVO_CA_CERT",
     .help = "the certificates to believe of an https server, instead of the system's"},
    {.name = "client_cert",
     .kind = FLAG_TEXT,
     .value = "FILE",
     .environment = "CORVO_CLIENT_CERT",
     .help = "the certificate to show it"},
    {.name = "client_key",
     .kind = FLAG_TEXT,
     .value = "FILE",
     .environment = "CORVO_CLIENT_KEY",
     .help = "the key of that certificate, when it is in another file"},
    {.name = "output",
     .letter = 'o',
     .kind = FLAG_WORD,
     .words = &output_words,
     .initial = "table",
     .help = "for people, or the server's own JSON"},
    {.name = "output_json", .kind = FLAG_SWITCH, .help = "the same as --output json (older name)"},
    {.name = "timeout",
     .kind = FLAG_DURATION,
     .initial = "30s",
     .help = "the longest wait for one answer of the server"},
    {.name = "no_color",
     .kind = FLAG_SWITCH,
     .help = "no colours; NO_COLOR in the environment does the same"},
    {.name = "quiet",
     .letter = 'q',
     .kind = FLAG_SWITCH,
     .help = "print ids or names alone, and nothing where there are none"},
    {.name = "help", .letter = 'h', .kind = FLAG_SWITCH, .help = "show this"},
};

static const char *const kind_values[FLAG_KIND_COUNT] = {
    [FLAG_SWITCH] = "",           [FLAG_TEXT] = "TEXT",      [FLAG_NUMBER] = "N",
    [FLAG_DURATION] = "DURATION", [FLAG_TIME] = "TIME",      [FLAG_SINCE] = "TIME|AGE",
    [FLAG_WORD] = "WORD",         [FLAG_WORDS] = "WORD,...", [FLAG_JSON] = "JSON",
    [FLAG_PAIRS] = "KEY=VALUE",   [FLAG_TEXTS] = "TEXT",
};

/* --- Flags from an operation's fields ------------------------------------------------------------
 */

/* False for kinds that no flag can say. */
static bool kind_of_field(const struct field *field, enum flag_kind *ret_kind)
{
    static const struct {
        bool known;
        enum flag_kind kind;
    } kinds[] = {
        [FIELD_BOOL] = {true, FLAG_SWITCH},
        [FIELD_I32] = {true, FLAG_NUMBER},
        [FIELD_I64] = {true, FLAG_NUMBER},
        [FIELD_U32] = {true, FLAG_NUMBER},
        [FIELD_U64] = {true, FLAG_NUMBER},
        [FIELD_TIME] = {true, FLAG_TIME},
        [FIELD_TIMESTAMP] = {true, FLAG_TIME},
        [FIELD_DURATION] = {true, FLAG_DURATION},
        [FIELD_DURATION_TEXT] = {true, FLAG_DURATION},
        [FIELD_MONEY] = {true, FLAG_NUMBER},
        [FIELD_MONEY_DOUBLE] = {true, FLAG_NUMBER},
        [FIELD_ENUM] = {true, FLAG_WORD},
        [FIELD_ENUM_TEXT] = {true, FLAG_WORD},
        [FIELD_ENUM_NUMBER] = {true, FLAG_WORD},
        [FIELD_TEXT] = {true, FLAG_TEXT},
        [FIELD_JSON] = {true, FLAG_JSON},
        [FIELD_MESSAGE] = {true, FLAG_JSON},
        [FIELD_MAP] = {false, FLAG_JSON},
    };

    if (field->flags & (FIELD_UNSUPPORTED | FIELD_IGNORED | FIELD_INNER) ||
        !kinds[field->kind].known) {
        return false;
    }
    *ret_kind = kinds[field->kind].kind;
    if (field->flags & FIELD_LIST) {
        *ret_kind = field->kind == FIELD_TEXT ? FLAG_TEXTS : FLAG_JSON;
    }
    return true;
}

/* True if an earlier row or an argument says the same. */
static bool is_said(const struct command *command, const struct flag_list *list, const char *name)
{
    static const char *const arguments[] = {"queue", "payload", "job_id", "rejected_by"};

    for (size_t i = 0; i < ARRAY_COUNT(arguments); i++) {
        if (strcmp(arguments[i], name) == 0) {
            return true;
        }
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const struct flag *row = &list->rows[i];

        if (strcmp(row->name, name) == 0 || (row->member && strcmp(row->member, name) == 0)) {
            return true;
        }
    }
    return command->last_word && strcmp(command->last_word, name) == 0;
}

static void add_field(const struct command *command, const struct field *field, const char *name,
                      struct flag_list *list)
{
    struct flag flag = {.name = name, .place = FLAG_BODY, .words = field->words};

    if (kind_of_field(field, &flag.kind) && !is_said(command, list, name)) {
        flag.help = field->help ? field->help : "";
        assert(list->count < COMMAND_FLAGS_MAX - ARRAY_COUNT(shared));
        list->rows[list->count++] = flag;
    }
}

/* The fields of an inner object, as flags of their own: agent.max_iterations. */
static void add_inner(const struct command *command, const struct field *outer,
                      struct flag_list *list)
{
    for (uint32_t i = 0; i < outer->sub->field_count; i++) {
        char *name = list->names + list->names_size;
        size_t left = sizeof(list->names) - list->names_size;
        int size = snprintf(name, left, "%s.%s", outer->name, outer->sub->fields[i].name);

        assert(size > 0 && (size_t)size < left);
        list->names_size += (size_t)size + 1;
        add_field(command, &outer->sub->fields[i], name, list);
    }
}

static void add_fields(const struct command *command, struct flag_list *list)
{
    const struct op_spec *spec = command->op ? op_find_name(command->op) : NULL;

    for (uint32_t i = 0; spec && i < spec->request->field_count; i++) {
        const struct field *field = &spec->request->fields[i];
        enum flag_kind kind;

        if (field->kind == FIELD_MESSAGE && !(field->flags & FIELD_LIST) &&
            kind_of_field(field, &kind)) {
            add_inner(command, field, list);
        } else {
            add_field(command, field, field->name, list);
        }
    }
}

/* A command may have a flag of its own under the name of a shared one. */
static bool has_row(const struct flag_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->shared; i++) {
        if (strcmp(list->rows[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void command_flags(const struct command *command, struct flag_list *ret_list)
{
    ret_list->count = 0;
    ret_list->names_size = 0;
    for (uint32_t i = 0; command && i < command->flag_count; i++) {
        assert(ret_list->count < COMMAND_FLAGS_MAX - ARRAY_COUNT(shared));
        ret_list->rows[ret_list->count++] = command->flags[i];
    }
    if (command) {
        add_fields(command, ret_list);
    }
    ret_list->shared = ret_list->count;
    for (uint32_t i = 0; i < ARRAY_COUNT(shared); i++) {
        if (!has_row(ret_list, shared[i].name)) {
            ret_list->rows[ret_list->count++] = shared[i];
        }
    }
}

/* --- Spelling ------------------------------------------------------------------------------------
 */

const char *flag_spelling(const char *name, char ret_text[static FLAG_SPELLING_MAX])
{
    size_t i;

    for (i = 0; name[i] && i + 1 < FLAG_SPELLING_MAX; i++) {
        ret_text[i] = name[i] == '_' || name[i] == '.' ? '-' : name[i];
    }
    ret_text[i] = 0;
    return ret_text;
}

const char *flag_words(const struct flag *flag, const char *between,
                       char ret_text[static FLAG_VALUE_MAX])
{
    size_t size = 0;

    ret_text[0] = 0;
    for (uint32_t i = 0; flag->words && i < flag->words->count; i++) {
        if (flag->words->names[i] && size < FLAG_VALUE_MAX) {
            size += (size_t)snprintf(ret_text + size, FLAG_VALUE_MAX - size, "%s%s",
                                     size ? between : "", flag->words->names[i]);
        }
    }
    return ret_text;
}

const char *flag_value(const struct flag *flag, char ret_text[static FLAG_VALUE_MAX])
{
    if (!flag->value && flag->words && flag->kind != FLAG_WORDS) {
        return flag_words(flag, "|", ret_text);
    }
    (void)snprintf(ret_text, FLAG_VALUE_MAX, "%s",
                   flag->value ? flag->value : kind_values[flag->kind]);
    return ret_text;
}
