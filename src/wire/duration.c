/* Durations: see duration.h and json.h. Whole nanoseconds are added up, then rounded up to
 * milliseconds, so that a wait is never shorter than was asked for. No floats: "0.1s" is exact. */
#include "wire/duration.h"

#include "base/common.h"
#include "base/limits.h"
#include "base/reply.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_MAX (DURATION_MS_MAX * NS_PER_MS)
#define FRACTION_DIGITS_MAX 9

struct unit {
    const char *name;
    uint64_t ns;
};

static const struct unit units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* Micro sign. */
    {"\xce\xbcs", 1000}, /* Greek mu. */
    {"ms", NS_PER_MS},
    {"s", NS_PER_SECOND},
    {"m", 60 * NS_PER_SECOND},
    {"h", 3600 * NS_PER_SECOND},
    {"d", 86400 * NS_PER_SECOND},
    {"w", 7 * 86400 * NS_PER_SECOND},
};

struct decimal {
    uint64_t whole;
    uint64_t fraction; /* Billionths. */
    bool more;         /* Digits behind the billionths were not all zero. */
};

static bool is_digit(const struct slice *rest)
{
    return rest->size > 0 && rest->data[0] >= '0' && rest->data[0] <= '9';
}

static uint64_t take_digit(struct slice *rest)
{
    uint64_t digit = (uint64_t)(rest->data[0] - '0');

    *rest = slice_from(*rest, 1);
    return digit;
}

static void take_fraction(struct slice *rest, struct decimal *number)
{
    uint64_t scale = NS_PER_SECOND / 10;

    for (; is_digit(rest); scale /= 10) {
        uint64_t digit = take_digit(rest);

        number->fraction += digit * scale;
        number->more = number->more || (scale == 0 && digit != 0);
    }
}

static bool take_decimal(struct slice *rest, struct decimal *ret_number)
{
    struct decimal number = {0};
    size_t before = rest->size;

    while (is_digit(rest)) {
        number.whole = number.whole * 10 + take_digit(rest);
        if (number.whole > NS_MAX) {
            return false;
        }
    }
    if (rest->size > 0 && rest->data[0] == '.') {
        *rest = slice_from(*rest, 1);
        before--; /* The point alone is not a number. */
        take_fraction(rest, &number);
    }
    *ret_number = number;
    return rest->size < before;
}

static const struct unit *take_unit(struct slice *rest)
{
    size_t size = 0;

    while (size < rest->size && rest->data[size] != '.' &&
           (rest->data[size] < '0' || rest->data[size] > '9')) {
        size++;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (slice_is(slice_of(rest->data, size), units[i].name)) {
            *rest = slice_from(*rest, size);
            return &units[i];
        }
    }
    return NULL;
}

/* number * unit in nanoseconds, rounded up; false when over the limit. */
static bool to_ns(const struct decimal *number, uint64_t unit_ns, uint64_t *ret_ns)
{
    uint64_t seconds = unit_ns / NS_PER_SECOND;
    uint64_t below = unit_ns % NS_PER_SECOND * number->fraction;
    uint64_t ns = number->fraction * seconds + below / NS_PER_SECOND;

    if (number->whole > NS_MAX / unit_ns) {
        return false;
    }
    if (number->more || below % NS_PER_SECOND != 0) {
        ns++;
    }
    *ret_ns = ns + number->whole * unit_ns;
    return true;
}

static bool parse_ns(struct slice text, uint64_t *ret_ns)
{
    uint64_t total = 0;

    if (text.size > 0 && text.data[0] == '+') {
        text = slice_from(text, 1);
    }
    if (text.size == 0) {
        return false;
    }
    if (slice_is(text, "0")) {
        *ret_ns = 0;
        return true;
    }
    while (text.size > 0) {
        struct decimal number;
        const struct unit *unit;
        uint64_t ns;

        if (!take_decimal(&text, &number)) {
            return false;
        }
        unit = take_unit(&text);
        if (!unit || !to_ns(&number, unit->ns, &ns) || ns > NS_MAX - total) {
            return false;
        }
        total += ns;
    }
    *ret_ns = total;
    return true;
}

enum err_code json_parse_duration(struct slice text, uint64_t *ret_ms, struct err *err)
{
    uint64_t ns;

    if (!parse_ns(text, &ns)) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "'%.*s' is not a duration from 0 to ten years, like 90s, 1h30m or 7d",
                         text.size < 40 ? (int)text.size : 40,
                         text.size ? (const char *)text.data : "");
    }
    *ret_ms = (ns + NS_PER_MS - 1) / NS_PER_MS;
    return ERR_NONE;
}

/* Seconds with their fraction, without trailing zeros. */
static int format_seconds(char *text, size_t size, uint64_t ms)
{
    uint64_t fraction = ms % 1000;
    int digits = 3;

    if (fraction == 0) {
        return snprintf(text, size, "%" PRIu64 "s", ms / 1000);
    }
    for (; fraction % 10 == 0; digits--) {
        fraction /= 10;
    }
    return snprintf(text, size, "%" PRIu64 ".%0*" PRIu64 "s", ms / 1000, digits, fraction);
}

size_t duration_format(uint64_t ms, char ret_text[static DURATION_TEXT_MAX])
{
    uint64_t hours = ms / 3600000;
    uint64_t minutes = ms / 60000 % 60;
    int used = 0;

    if (ms > 0 && ms < 1000) {
        return (size_t)snprintf(ret_text, DURATION_TEXT_MAX, "%" PRIu64 "ms", ms);
    }
    if (hours > 0) {
        used = snprintf(ret_text, DURATION_TEXT_MAX, "%" PRIu64 "h", hours);
    }
    if (hours > 0 || minutes > 0) {
        used +=
            snprintf(ret_text + used, DURATION_TEXT_MAX - (size_t)used, "%" PRIu64 "m", minutes);
    }
    used += format_seconds(ret_text + used, DURATION_TEXT_MAX - (size_t)used, ms % 60000);
    return (size_t)used;
}
