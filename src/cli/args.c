/* Reading a command line: see args.h. */
#include "cli/args.h"

#include "base/utf8.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Values --------------------------------------------------------------------------------------
 */

static bool is_digits(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool has_word(const struct words *words, const char *text, size_t size)
{
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->names[i] && strlen(words->names[i]) == size &&
            strncasecmp(words->names[i], text, size) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_any(const struct flag *flag, const char *text)
{
    (void)flag;
    (void)text;
    return true;
}

static bool is_switch(const struct flag *flag, const char *text)
{
    (void)flag;
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool is_number(const struct flag *flag, const char *text)
{
    (void)flag;
    return json_type_of(slice_text(text)) == JSON_NUMBER;
}

/* Some members take whole seconds too (unique_period); the server knows which. */
static bool is_duration(const struct flag *flag, const char *text)
{
    uint64_t ms;

    return (*text && !json_parse_duration(slice_text(text), &ms, NULL)) ||
           (flag->place == FLAG_BODY && is_digits(text));
}

static bool is_time(const struct flag *flag, const char *text)
{
    uint64_t ns;

    (void)flag;
    return json_parse_time(slice_text(text), &ns);
}

static bool is_since(const struct flag *flag, const char *text)
{
    uint64_t ms;

    return is_time(flag, text) || (*text && !json_parse_duration(slice_text(text), &ms, NULL));
}

static bool is_word(const struct flag *flag, const char *text)
{
    return has_word(flag->words, text, strlen(text)) ||
           (flag->place == FLAG_BODY && is_digits(text));
}

static bool are_words(const struct flag *flag, const char *text)
{
    size_t size;

    do {
        size = strcspn(text, ",");
        if (!has_word(flag->words, text, size)) {
            return false;
        }
        text += size + 1;
    } while (text[-1] == ',');
    return true;
}

static bool is_json(const struct flag *flag, const char *text)
{
    (void)flag;
    return json_type_of(slice_text(text)) != JSON_BAD;
}

static bool is_pairs(const struct flag *flag, const char *text)
{
    (void)flag;
    if (*text == '{') {
        return json_type_of(slice_text(text)) == JSON_OBJECT;
    }
    return strchr(text, '=') && *text != '=';
}

struct kind_row {
    bool (*is_valid)(const struct flag *flag, const char *text);
    const char *wanted;
};

static const struct kind_row kinds[FLAG_KIND_COUNT] = {
    [FLAG_SWITCH] = {is_switch, "true or false"},
    [FLAG_TEXT] = {is_any, "a text"},
    [FLAG_NUMBER] = {is_number, "a number"},
    [FLAG_DURATION] = {is_duration, "a duration like 90s, 1h30m or 7d"},
    [FLAG_TIME] = {is_time, "a time like 2026-11-25T21:45:00Z"},
    [FLAG_SINCE] = {is_since, "a time like 2026-11-25T21:45:00Z or an age like 2h"},
    [FLAG_WORD] = {is_word, "one of its words"},
    [FLAG_WORDS] = {are_words, "a list of its words"},
    [FLAG_JSON] = {is_json, "JSON"},
    [FLAG_PAIRS] = {is_pairs, "KEY=VALUE or a JSON object"},
    [FLAG_TEXTS] = {is_any, "a text"},
};

static enum err_code refuse_value(const struct flag *flag, const char *text, struct err *err)
{
    char name[FLAG_SPELLING_MAX], value[FLAG_VALUE_MAX];

    if (flag->words) {
        return err_set(err, ERR_INVALID, "--%s: '%.40s' is none of %.90s",
                       flag_spelling(flag->name, name), text, flag_words(flag, "|", value));
    }
    return err_set(err, ERR_INVALID, "--%s: '%.60s' is not %s", flag_spelling(flag->name, name),
                   text, kinds[flag->kind].wanted);
}

/* --- Flags ---------------------------------------------------------------------------------------
 */

static bool is_spelled(const char *name, const char *text, size_t size)
{
    char spelling[FLAG_SPELLING_MAX];

    return name && strlen(flag_spelling(name, spelling)) == size &&
           strncmp(spelling, text, size) == 0;
}

static const struct flag *find_long(const struct flag_list *list, const char *text, size_t size)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (is_spelled(list->rows[i].name, text, size) ||
            is_spelled(list->rows[i].alias, text, size)) {
            return &list->rows[i];
        }
    }
    return NULL;
}

static const struct flag *find_letter(const struct flag_list *list, char letter)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->rows[i].letter && list->rows[i].letter == letter) {
            return &list->rows[i];
        }
    }
    return NULL;
}

static enum err_code unknown_flag(const struct flag_list *list, const char *text, struct err *err)
{
    char spellings[COMMAND_FLAGS_MAX][FLAG_SPELLING_MAX];
    const char *names[COMMAND_FLAGS_MAX];
    char wrong[FLAG_SPELLING_MAX];
    const char *nearest;

    for (uint32_t i = 0; i < list->count; i++) {
        names[i] = flag_spelling(list->rows[i].name, spellings[i]);
    }
    (void)snprintf(wrong, sizeof(wrong), "%.*s", (int)strcspn(text, "="), text);
    nearest = command_guess(wrong + strspn(wrong, "-"), names, list->count);
    if (nearest) {
        return err_set(err, ERR_INVALID, "there is no flag %s. Did you mean --%s?", wrong, nearest);
    }
    return err_set(err, ERR_INVALID, "there is no flag %s", wrong);
}

/* The flag at argv[*at] and its value; *at is moved over a value of its own. */
static enum err_code take_flag(const struct flag_list *list, int argc, char **argv, int *at,
                               struct given *ret_given, struct err *err)
{
    const char *text = argv[*at];
    bool is_long = text[1] == '-';
    size_t size = is_long ? strcspn(text + 2, "=") : 0;
    const struct flag *flag =
        is_long ? find_long(list, text + 2, size) : find_letter(list, text[1]);
    const char *inside = is_long ? text + 2 + size : text + 2;
    char name[FLAG_SPELLING_MAX];

    if (!flag) {
        return unknown_flag(list, text, err);
    }
    inside = *inside ? inside + (*inside == '=') : NULL;
    if (!inside && flag->kind == FLAG_SWITCH) {
        inside = "true";
    } else if (!inside) {
        if (*at + 1 >= argc) {
            return err_set(err, ERR_INVALID, "--%s needs a value: %.80s",
                           flag_spelling(flag->name, name), flag->help);
        }
        inside = argv[++*at];
    }
    if (!kinds[flag->kind].is_valid(flag, inside)) {
        return refuse_value(flag, inside, err);
    }
    *ret_given = (struct given){.flag = flag, .value = inside};
    return ERR_NONE;
}

/* --- The line ------------------------------------------------------------------------------------
 */

static bool is_flag(const char *text)
{
    return text[0] == '-' && text[1] != 0;
}

static enum err_code unknown_command(const char *name, struct err *err)
{
    const char *nearest = command_nearest(name);

    if (nearest) {
        return err_set(err, ERR_INVALID, "'%.60s' is not a command. Did you mean '%s'?", name,
                       nearest);
    }
    return err_set(err, ERR_INVALID, "'%.60s' is not a command", name);
}

/* The place of the command's name; argc when there is none. */
static enum err_code find_command(int argc, char **argv, struct args *args, int *ret_at,
                                  struct err *err)
{
    struct given ignored;
    int at = 1;

    command_flags(NULL, &args->flags);
    for (; at < argc && is_flag(argv[at]); at++) {
        if (take_flag(&args->flags, argc, argv, &at, &ignored, err)) {
            return err->code;
        }
    }
    *ret_at = at;
    if (at == argc) {
        return ERR_NONE;
    }
    args->command = command_find(argv[at]);
    return args->command ? ERR_NONE : unknown_command(argv[at], err);
}

static bool is_given(const struct args *args, const char *name)
{
    for (uint32_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].flag->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code check_needs(const struct args *args, struct err *err)
{
    char name[FLAG_SPELLING_MAX], other[FLAG_SPELLING_MAX];

    for (uint32_t i = 0; i < args->given_count; i++) {
        const struct flag *flag = args->given[i].flag;

        if (flag->needs && !is_given(args, flag->needs)) {
            return err_set(err, ERR_INVALID, "--%s needs --%s", flag_spelling(flag->name, name),
                           flag_spelling(flag->needs, other));
        }
    }
    return ERR_NONE;
}

static enum err_code check_words(const struct args *args, struct err *err)
{
    const struct command *command = args->command;

    if (args->word_count < command->words_min) {
        return err_set(err, ERR_INVALID, "arguments are missing: %s", command->arguments);
    }
    if (command->words_max != COMMAND_WORDS_ANY && args->word_count > command->words_max) {
        return err_set(err, ERR_INVALID, "'%.60s' is one argument too many",
                       args->words[command->words_max]);
    }
    return ERR_NONE;
}

static enum err_code take_all(int argc, char **argv, int command_at, struct args *args,
                              struct err *err)
{
    bool flags_ended = false;

    args->words = argv + 1;
    for (int at = 1; at < argc; at++) {
        if (at == command_at) {
            continue;
        }
        if (!flags_ended && strcmp(argv[at], "--") == 0) {
            flags_ended = true;
        } else if (flags_ended || !is_flag(argv[at])) {
            args->words[args->word_count++] = argv[at];
        } else if (args->given_count == CLI_FLAGS_MAX) {
            return err_set(err, ERR_INVALID, "more than %d flags", CLI_FLAGS_MAX);
        } else if (take_flag(&args->flags, argc, argv, &at, &args->given[args->given_count], err)) {
            return err->code;
        } else {
            args->given_count++;
        }
    }
    return ERR_NONE;
}

/* Requests are JSON: other bytes would arrive as something else than was typed. */
static enum err_code check_text(int argc, char **argv, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        if (!utf8_valid(slice_text(argv[i]))) {
            return err_set(err, ERR_INVALID, "'%.60s' is not UTF-8", argv[i]);
        }
    }
    return ERR_NONE;
}

enum err_code args_read(int argc, char **argv, struct args *ret_args, struct err *err)
{
    int command_at = argc;

    *ret_args = (struct args){0};
    if (check_text(argc, argv, err) || find_command(argc, argv, ret_args, &command_at, err)) {
        return err->code;
    }
    if (ret_args->command && !ret_args->command->run) {
        /* Its arguments are its own. */
        ret_args->words = argv + command_at + 1;
        ret_args->word_count = (uint32_t)(argc - command_at - 1);
        return ERR_NONE;
    }
    command_flags(ret_args->command, &ret_args->flags);
    if (take_all(argc, argv, command_at, ret_args, err)) {
        return err->code;
    }
    if (!ret_args->command || args_switch(ret_args, "help")) {
        return ERR_NONE;
    }
    return check_words(ret_args, err) ? err->code : check_needs(ret_args, err);
}

/* --- Looking values up ---------------------------------------------------------------------------
 */

const char *args_text(const struct args *args, const char *name)
{
    const struct flag *row = NULL;
    const char *value = NULL;

    for (uint32_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].flag->name, name) == 0) {
            value = args->given[i].value;
        }
    }
    for (uint32_t i = 0; i < args->flags.count; i++) {
        if (strcmp(args->flags.rows[i].name, name) == 0) {
            row = &args->flags.rows[i];
        }
    }
    assert(row);
    if (!value && row->environment) {
        value = getenv(row->environment);
        value = value && *value ? value : NULL;
    }
    return value ? value : row->initial;
}

bool args_switch(const struct args *args, const char *name)
{
    const char *text = args_text(args, name);

    return text && strcmp(text, "true") == 0;
}

uint64_t args_duration(const struct args *args, const char *name)
{
    const char *text = args_text(args, name);
    uint64_t ms;

    return text && !json_parse_duration(slice_text(text), &ms, NULL) ? ms : 0;
}

uint64_t args_number(const struct args *args, const char *name)
{
    const char *text = args_text(args, name);

    return text && is_digits(text) ? strtoull(text, NULL, 10) : 0;
}
