/* The program's own log: see log.h. */
#include "base/log.h"

#include "base/common.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_SIZE 1024

static enum log_level level_min = LOG_INFO;
static bool as_json;

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

void log_setup(enum log_level level, bool json)
{
    level_min = level;
    as_json = json;
}

/* JSON must be UTF-8, which neither clients' bytes nor a text that was cut need be: only ASCII goes
 * into it. */
static bool is_harmful(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7f || (as_json && (byte == '"' || byte == '\\' || byte > 0x7f));
}

static void make_harmless(char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if (is_harmful(byte)) {
            *text = byte == '"' ? '\'' : '?';
        }
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[LINE_MAX_SIZE];
    char when[32];
    struct timespec now;
    struct tm parts;
    va_list args;

    if (level < level_min) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_harmless(text);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)fprintf(stderr,
                  as_json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":\"%s\"}\n"
                          : "%s.%03ldZ %-5s %s\n",
                  when, now.tv_nsec / 1000000, level_names[level], text);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
