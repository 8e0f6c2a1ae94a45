/* Times and sizes for people: see human.h. */
#include "cli/human.h"

#include "base/buf.h"
#include "base/common.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>

#define MS_SECOND UINT64_C(1000)
#define MS_MINUTE (60 * MS_SECOND)
#define MS_HOUR (60 * MS_MINUTE)
#define MS_DAY (24 * MS_HOUR)
#define DAYS_WITH_HOURS 10
#define NOW_NS (NS_PER_SECOND / 2)

/* "5m12s"; "5m" when nothing is left for the second unit. */
static void two_units(uint64_t first, char first_unit, uint64_t second, char second_unit,
                      char *ret_text)
{
    int size = snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 "%c", first, first_unit);

    if (second > 0) {
        (void)snprintf(ret_text + size, HUMAN_TEXT_MAX - (size_t)size, "%" PRIu64 "%c", second,
                       second_unit);
    }
}

const char *human_duration(uint64_t ms, char ret_text[static HUMAN_TEXT_MAX])
{
    if (ms < MS_SECOND) {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 "%s", ms, ms ? "ms" : "s");
    } else if (ms < 10 * MS_SECOND && ms % MS_SECOND >= 100) {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "s", ms / MS_SECOND,
                       ms % MS_SECOND / 100);
    } else if (ms < MS_MINUTE) {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 "s", ms / MS_SECOND);
    } else if (ms < MS_HOUR) {
        two_units(ms / MS_MINUTE, 'm', ms % MS_MINUTE / MS_SECOND, 's', ret_text);
    } else if (ms < MS_DAY) {
        two_units(ms / MS_HOUR, 'h', ms % MS_HOUR / MS_MINUTE, 'm', ret_text);
    } else if (ms < DAYS_WITH_HOURS * MS_DAY) {
        two_units(ms / MS_DAY, 'd', ms % MS_DAY / MS_HOUR, 'h', ret_text);
    } else {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 "d", ms / MS_DAY);
    }
    return ret_text;
}

const char *human_age(uint64_t time_ns, uint64_t now_ns, char ret_text[static HUMAN_TEXT_MAX])
{
    bool future = time_ns > now_ns;
    uint64_t distance_ns = future ? time_ns - now_ns : now_ns - time_ns;
    char text[HUMAN_TEXT_MAX];

    if (distance_ns < NOW_NS) {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "now");
        return ret_text;
    }
    /* Whole seconds: nobody wants the tenths of an age. */
    (void)human_duration((distance_ns / NOW_NS + 1) / 2 * MS_SECOND, text);
    (void)snprintf(ret_text, HUMAN_TEXT_MAX, future ? "in %.40s" : "%.40s ago", text);
    return ret_text;
}

const char *human_time(uint64_t time_ns, char ret_text[static HUMAN_TEXT_MAX])
{
    struct buf buf;

    buf_init(&buf, HUMAN_TEXT_MAX);
    json_write_time(&buf, time_ns - time_ns % NS_PER_SECOND);
    ret_text[0] = 0;
    if (!buf.failed && buf.size > 2) {
        /* Without its quotes, and with a space where RFC 3339 has a T. */
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%.10s %.*s", (const char *)buf.data + 1,
                       (int)buf.size - 13, (const char *)buf.data + 12);
    }
    buf_done(&buf);
    return ret_text;
}

const char *human_when(uint64_t time_ns, uint64_t now_ns, char ret_text[static HUMAN_TEXT_MAX])
{
    char time[HUMAN_TEXT_MAX], age[HUMAN_TEXT_MAX];

    (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%.24s (%.32s)", human_time(time_ns, time),
                   human_age(time_ns, now_ns, age));
    return ret_text;
}

const char *human_size(uint64_t bytes, char ret_text[static HUMAN_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t tenths = 0;
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < ARRAY_COUNT(units)) {
        tenths = bytes % 1024 * 10 / 1024;
        bytes /= 1024;
        unit++;
    }
    if (unit > 0 && bytes < 10) {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %s", bytes, tenths,
                       units[unit]);
    } else {
        (void)snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 " %s", bytes, units[unit]);
    }
    return ret_text;
}
