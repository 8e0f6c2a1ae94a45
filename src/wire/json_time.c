/* Times as RFC 3339, on the proleptic Gregorian calendar, without the C library's (it reads the
 * environment). The arithmetic counts days from 1 March of year 0, so that leap days fall at the
 * end. */
#include "base/common.h"
#include "wire/json.h"

#define DAYS_TO_1970 719468 /* From 0000-03-01. */
#define DAYS_PER_ERA 146097 /* 400 years. */
#define TIME_TEXT_MAX 40

struct parts {
    uint32_t year;
    uint32_t month;
    uint32_t day;
    uint32_t hour;
    uint32_t minute;
    uint32_t second;
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool take_number(struct slice *rest, size_t digits, uint32_t *ret_number)
{
    uint32_t number = 0;

    if (rest->size < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(rest->data[i])) {
            return false;
        }
        number = number * 10 + (uint32_t)(rest->data[i] - '0');
    }
    *rest = slice_from(*rest, digits);
    *ret_number = number;
    return true;
}

/* One of two bytes: RFC 3339 takes "T" and "Z" in either case. */
static bool take_byte(struct slice *rest, char byte, char other)
{
    if (rest->size == 0 || (rest->data[0] != (uint8_t)byte && rest->data[0] != (uint8_t)other)) {
        return false;
    }
    *rest = slice_from(*rest, 1);
    return true;
}

static bool take_date(struct slice *rest, struct parts *parts)
{
    return take_number(rest, 4, &parts->year) && take_byte(rest, '-', '-') &&
           take_number(rest, 2, &parts->month) && take_byte(rest, '-', '-') &&
           take_number(rest, 2, &parts->day);
}

static bool take_clock(struct slice *rest, struct parts *parts)
{
    return take_number(rest, 2, &parts->hour) && take_byte(rest, ':', ':') &&
           take_number(rest, 2, &parts->minute) && take_byte(rest, ':', ':') &&
           take_number(rest, 2, &parts->second);
}

/* An optional fraction in nanoseconds; digits after the ninth are dropped. */
static bool take_fraction(struct slice *rest, uint32_t *ret_ns)
{
    uint32_t scale = NS_PER_SECOND / 10;
    uint32_t ns = 0;

    if (take_byte(rest, '.', '.')) {
        if (rest->size == 0 || !is_digit(rest->data[0])) {
            return false;
        }
        for (; rest->size > 0 && is_digit(rest->data[0]); scale /= 10) {
            ns += (uint32_t)(rest->data[0] - '0') * scale;
            *rest = slice_from(*rest, 1);
        }
    }
    *ret_ns = ns;
    return true;
}

static bool take_offset(struct slice *rest, int64_t *ret_seconds)
{
    uint32_t hours;
    uint32_t minutes;
    bool west;

    if (take_byte(rest, 'Z', 'z')) {
        *ret_seconds = 0;
        return true;
    }
    west = rest->size > 0 && rest->data[0] == '-';
    if (!take_byte(rest, '+', '-') || !take_number(rest, 2, &hours) || !take_byte(rest, ':', ':') ||
        !take_number(rest, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_seconds = (west ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
    return true;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static bool is_real(const struct parts *parts)
{
    return parts->month >= 1 && parts->month <= 12 && parts->day >= 1 &&
           parts->day <= days_in_month(parts->year, parts->month) && parts->hour <= 23 &&
           parts->minute <= 59 && parts->second <= 59;
}

static int64_t days_since_1970(const struct parts *parts)
{
    uint32_t year = parts->year - (parts->month <= 2 ? 1 : 0);
    uint32_t month = parts->month > 2 ? parts->month - 3 : parts->month + 9;
    uint32_t day_of_year = (153 * month + 2) / 5 + parts->day - 1;

    return (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_1970;
}

bool json_parse_time(struct slice text, uint64_t *ret_time_ns)
{
    struct parts parts;
    uint32_t ns;
    int64_t offset;
    int64_t seconds;

    if (!take_date(&text, &parts) || !take_byte(&text, 'T', 't') || !take_clock(&text, &parts) ||
        !take_fraction(&text, &ns) || !take_offset(&text, &offset) || text.size > 0) {
        return false;
    }
    if (!is_real(&parts) || parts.year < 1) {
        return false;
    }
    seconds = days_since_1970(&parts) * 86400 +
              (int64_t)(parts.hour * 3600 + parts.minute * 60 + parts.second) - offset;
    if (seconds < 0 || (uint64_t)seconds > (UINT64_MAX - ns) / NS_PER_SECOND) {
        return false;
    }
    *ret_time_ns = (uint64_t)seconds * NS_PER_SECOND + ns;
    return true;
}

static struct parts parts_of(uint64_t seconds)
{
    uint32_t days = (uint32_t)(seconds / 86400) + DAYS_TO_1970;
    uint32_t second = (uint32_t)(seconds % 86400);
    uint32_t day_of_era = days % DAYS_PER_ERA;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day + 2) / 153;

    return (struct parts){
        .year = days / DAYS_PER_ERA * 400 + year_of_era + (month >= 10 ? 1 : 0),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day - (153 * month + 2) / 5 + 1,
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
    };
}

static uint8_t *put_number(uint8_t *at, uint32_t number, size_t digits, char behind)
{
    for (size_t i = digits; i > 0; i--, number /= 10) {
        at[i - 1] = (uint8_t)('0' + number % 10);
    }
    at[digits] = (uint8_t)behind;
    return at + digits + 1;
}

static uint8_t *put_fraction(uint8_t *at, uint32_t ns)
{
    size_t digits = 9;

    if (ns == 0) {
        return at;
    }
    for (; ns % 10 == 0; ns /= 10) {
        digits--;
    }
    at[-1] = '.';
    return put_number(at, ns, digits, 'Z');
}

void json_write_time(struct buf *buf, uint64_t time_ns)
{
    struct parts parts = parts_of(time_ns / NS_PER_SECOND);
    uint8_t text[TIME_TEXT_MAX];
    uint8_t *at = text;

    *at++ = '"';
    at = put_number(at, parts.year, 4, '-');
    at = put_number(at, parts.month, 2, '-');
    at = put_number(at, parts.day, 2, 'T');
    at = put_number(at, parts.hour, 2, ':');
    at = put_number(at, parts.minute, 2, ':');
    at = put_number(at, parts.second, 2, 'Z');
    at = put_fraction(at, (uint32_t)(time_ns % NS_PER_SECOND));
    *at++ = '"';
    (void)buf_add(buf, text, (size_t)(at - text));
}
