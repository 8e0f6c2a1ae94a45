/* Values of options: see option_value.h. */
#include "server/option_value.h"

#include "base/limits.h"
#include "wire/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define NUMBER_MAX 32

struct unit {
    const char *name;
    uint64_t factor;
};

/* Numbers are written with the first unit that divides them, the last of each list always does. */
static const struct unit size_units[] = {
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"", 1},
};
static const struct unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};
/* What sizes may also be written with. */
static const struct unit other_size_units[] = {
    {"B", 1},     {"K", 1 << 10},  {"M", 1 << 20},     {"G", 1 << 30},
    {"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000},
};

static const char *const kind_words[] = {
    [OPTION_TEXT] = "TEXT", [OPTION_BOOL] = "BOOL",     [OPTION_COUNT] = "N",
    [OPTION_SIZE] = "SIZE", [OPTION_DURATION] = "TIME",
};

/* What a value that does not parse should have been. */
static const char *const kind_examples[] = {
    [OPTION_BOOL] = "true or false",
    [OPTION_COUNT] = "a number",
    [OPTION_SIZE] = "a size like 64KiB or 16MiB",
    [OPTION_DURATION] = "a duration like 30s, 1h30m or 7d",
};

/* --- Text to number ----------------------------------------------------------------------------
 */

static bool parse_count(const char *text, uint64_t *ret_value, const char **ret_rest)
{
    uint64_t value = 0;

    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    for (; isdigit((unsigned char)*text); text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    *ret_rest = text;
    return true;
}

static bool find_unit(const struct unit *units, size_t count, const char *name,
                      uint64_t *ret_factor)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, units[i].name) == 0) {
            *ret_factor = units[i].factor;
            return true;
        }
    }
    return false;
}

static bool parse_size(const char *text, uint64_t *ret_value)
{
    uint64_t factor;
    const char *rest;

    return parse_count(text, ret_value, &rest) &&
           (find_unit(size_units, ARRAY_COUNT(size_units), rest, &factor) ||
            find_unit(other_size_units, ARRAY_COUNT(other_size_units), rest, &factor)) &&
           !__builtin_mul_overflow(*ret_value, factor, ret_value);
}

static bool parse_bool(const char *text, uint64_t *ret_value)
{
    *ret_value = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *ret_value || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* Everything but a text is a number. */
static bool parse_number(enum option_kind kind, const char *text, uint64_t *ret_value)
{
    struct err ignored;
    const char *rest;

    switch (kind) {
    case OPTION_BOOL:
        return parse_bool(text, ret_value);
    case OPTION_SIZE:
        return parse_size(text, ret_value);
    case OPTION_DURATION:
        return !json_parse_duration(slice_text(text), ret_value, &ignored);
    default:
        return parse_count(text, ret_value, &rest) && !*rest;
    }
}

/* --- Number to text ----------------------------------------------------------------------------
 */

static void format_number(enum option_kind kind, uint64_t value, char ret_text[static NUMBER_MAX])
{
    const struct unit *unit = kind == OPTION_DURATION ? time_units : size_units;

    if (kind == OPTION_COUNT || value == 0) {
        (void)snprintf(ret_text, NUMBER_MAX, "%" PRIu64, value);
        return;
    }
    while (value % unit->factor != 0) {
        unit++;
    }
    (void)snprintf(ret_text, NUMBER_MAX, "%" PRIu64 "%s", value / unit->factor, unit->name);
}

static void join_words(const char *const *words, char ret_text[static OPTION_RANGE_TEXT_MAX])
{
    size_t size = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; words[i]; i++) {
        int more = snprintf(ret_text + size, OPTION_RANGE_TEXT_MAX - size, "%s%s", i ? ", " : "",
                            words[i]);

        assert(more > 0 && size + (size_t)more < OPTION_RANGE_TEXT_MAX);
        size += (size_t)more;
    }
}

void option_range(const struct option *row, char ret_text[static OPTION_RANGE_TEXT_MAX])
{
    char min[NUMBER_MAX];
    char max[NUMBER_MAX];

    if (row->words) {
        join_words(row->words, ret_text);
    } else if (row->kind == OPTION_TEXT || row->kind == OPTION_BOOL) {
        (void)snprintf(ret_text, OPTION_RANGE_TEXT_MAX, "%s",
                       row->kind == OPTION_TEXT ? "text" : kind_examples[OPTION_BOOL]);
    } else {
        format_number(row->kind, row->min, min);
        format_number(row->kind, row->max, max);
        (void)snprintf(ret_text, OPTION_RANGE_TEXT_MAX, "%s to %s", min, max);
    }
}

const char *option_kind_word(enum option_kind kind)
{
    return kind_words[kind];
}

/* --- Setting -----------------------------------------------------------------------------------
 */

static enum err_code check_text(const struct option *row, const char *text, struct err *err)
{
    char range[OPTION_RANGE_TEXT_MAX];

    if (strlen(text) > OPTION_VALUE_MAX) {
        return err_set(err, ERR_INVALID, "longer than %d bytes", OPTION_VALUE_MAX);
    }
    if (!*text && *row->fallback) {
        return err_set(err, ERR_INVALID, "may not be empty (default %s)", row->fallback);
    }
    for (uint32_t i = 0; row->words && row->words[i]; i++) {
        if (strcmp(row->words[i], text) == 0) {
            return ERR_NONE;
        }
    }
    if (row->words) {
        option_range(row, range);
        return err_set(err, ERR_INVALID, "'%.40s' is not possible: want one of %s", text, range);
    }
    return ERR_NONE;
}

static enum err_code check_number(const struct option *row, const char *text, uint64_t *ret_number,
                                  struct err *err)
{
    char range[OPTION_RANGE_TEXT_MAX];
    uint64_t number;

    if (!parse_number(row->kind, text, &number)) {
        return err_set(err, ERR_INVALID, "'%.40s' is not %s", text, kind_examples[row->kind]);
    }
    if (row->kind != OPTION_BOOL && (number < row->min || number > row->max)) {
        option_range(row, range);
        return err_set(err, ERR_INVALID, "'%.40s' is out of range: want %s", text, range);
    }
    *ret_number = number;
    return ERR_NONE;
}

bool option_same(const struct option *row, const char *a, const char *b)
{
    uint64_t number_a;
    uint64_t number_b;

    if (row->kind == OPTION_TEXT) {
        return strcmp(a, b) == 0;
    }
    return parse_number(row->kind, a, &number_a) && parse_number(row->kind, b, &number_b) &&
           number_a == number_b;
}

static void store(const struct option *row, const char *text, uint64_t number,
                  struct server_options *options)
{
    uint8_t *at = (uint8_t *)options + row->offset;
    bool truth = number != 0;

    if (row->offset == OPTION_NOWHERE) {
        return;
    }
    if (row->kind == OPTION_TEXT) {
        memcpy(at, &text, sizeof(text));
    } else if (row->kind == OPTION_BOOL) {
        memcpy(at, &truth, sizeof(truth));
    } else {
        memcpy(at, &number, sizeof(number));
    }
}

enum err_code option_set(const struct option *row, const char *text, struct server_options *options,
                         struct err *err)
{
    uint64_t number = 0;
    enum err_code code = row->kind == OPTION_TEXT ? check_text(row, text, err)
                                                  : check_number(row, text, &number, err);

    if (code) {
        return code;
    }
    if (row->flags & OPTION_UNBUILT && !option_same(row, text, row->fallback)) {
        return err_set(err, ERR_UNSUPPORTED, "not built yet in this version: leave it at '%s'",
                       row->fallback);
    }
    store(row, text, number, options);
    return ERR_NONE;
}
