/* The program's own log: see log.h. */
#include "base/log.h"

#include "base/common.h"
#include "base/log_limit.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A line as it grows. What does not fit is dropped, whole characters at a time, but for the room
 * that its end wants. */
struct line {
    char text[LOG_LINE_MAX];
    size_t size;
};

#define LINE_END_MAX 4 /* Closing quote, brace, newline. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Over all of these. */
static enum log_level level_min = LOG_INFO;
static enum log_form form = LOG_TEXT;
static struct log_limit limit;

static const struct {
    const char *name;
    const char *journal; /* As systemd's journal wants it (sd-daemon(3)). */
} levels[] = {
    [LOG_DEBUG] = {"debug", "<7>"},
    [LOG_INFO] = {"info", "<6>"},
    [LOG_WARN] = {"warn", "<4>"},
    [LOG_ERROR] = {"error", "<3>"},
};

/* --- The line ----------------------------------------------------------------------------------
 */

static bool add(struct line *line, const char *text, size_t size)
{
    if (line->size + size > sizeof(line->text) - LINE_END_MAX) {
        return false;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
    return true;
}

static void add_text(struct line *line, const char *text)
{
    (void)add(line, text, strlen(text));
}

/* What may not stand as it is, in the form's way to write it. */
static size_t escape(uint8_t byte, char ret_text[static 8])
{
    if (byte == '"' || byte == '\\') {
        ret_text[0] = '\\';
        ret_text[1] = (char)byte;
        return 2;
    }
    if (form == LOG_JSON && byte >= 0x80) {
        memcpy(ret_text, "\\ufffd", 6); /* Not UTF-8, and JSON can not say it. */
        return 6;
    }
    return (size_t)snprintf(ret_text, 8, form == LOG_JSON ? "\\u%04x" : "\\x%02x", byte);
}

/* `quoted`: quotes and back-slashes are escaped, too. False: it was cut. */
static bool add_escaped(struct line *line, const char *text, bool quoted)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t size = utf8_sequence(at, left);
        bool plain =
            size > 0 && *at >= 0x20 && *at != 0x7f && !(quoted && (*at == '"' || *at == '\\'));
        char escaped[8];
        size_t escaped_size = plain ? 0 : escape(*at, escaped);

        if (!(plain ? add(line, (const char *)at, size) : add(line, escaped, escaped_size))) {
            return false;
        }
        at += plain ? size : 1;
        left -= plain ? size : 1;
    }
    return true;
}

static bool wants_quotes(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((uint8_t)*at <= ' ' || strchr("\"\\=\x7f", *at)) {
            return true;
        }
    }
    return *text == '\0';
}

/* A field that does not fit is left out as a whole, so that no value is misread. */
static void add_field(struct line *line, const struct log_field *field)
{
    size_t before = line->size;
    bool quoted = field->text && (form == LOG_JSON || wants_quotes(field->text));
    char number[24];
    bool well;

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)field->number);
    well = add(line, form == LOG_JSON ? ",\"" : " ", form == LOG_JSON ? 2 : 1) &&
           add_escaped(line, field->name, true) &&
           add(line, form == LOG_JSON ? "\":" : "=", form == LOG_JSON ? 2 : 1) &&
           (!quoted || add(line, "\"", 1)) &&
           add_escaped(line, field->text ? field->text : number, quoted) &&
           (!quoted || add(line, "\"", 1));
    if (!well) {
        line->size = before;
    }
}

static void add_head(struct line *line, enum log_level level)
{
    struct timespec now;
    struct tm parts;
    char when[32];
    char head[96];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(head, sizeof(head),
                   form == LOG_JSON ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":\""
                                    : "%s.%03ldZ %-5s ",
                   when, now.tv_nsec / 1000000, levels[level].name);
    add_text(line, form == LOG_JOURNAL ? levels[level].journal : head);
}

static void write_line(enum log_level level, const char *message, const struct log_field *fields,
                       uint32_t field_count)
{
    struct line line = {.size = 0};

    add_head(&line, level);
    (void)add_escaped(&line, message, form == LOG_JSON);
    if (form == LOG_JSON) {
        line.text[line.size++] = '"';
    }
    for (uint32_t i = 0; i < field_count; i++) {
        add_field(&line, &fields[i]);
    }
    if (form == LOG_JSON) {
        line.text[line.size++] = '}';
    }
    line.text[line.size++] = '\n';
    (void)fwrite(line.text, 1, line.size, stderr);
}

/* --- Which lines -------------------------------------------------------------------------------
 */

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void tell_missed(uint64_t now_ns, bool all)
{
    const char *key;
    uint32_t count;

    while ((key = log_limit_missed(&limit, now_ns, all, &count))) {
        struct log_field fields[] = {{"like", key, 0}, {"count", NULL, count}};

        write_line(LOG_WARN, "messages were left out", fields, ARRAY_COUNT(fields));
    }
}

/* With the mutex held. */
static bool may_write(enum log_level level, const char *key)
{
    uint64_t now_ns = monotonic_ns();

    if (level < level_min) {
        return false;
    }
    tell_missed(now_ns, false);
    return level == LOG_DEBUG || log_limit_take(&limit, key, now_ns);
}

void log_setup(enum log_level level, enum log_form new_form)
{
    pthread_mutex_lock(&mutex);
    level_min = level;
    form = new_form;
    pthread_mutex_unlock(&mutex);
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pthread_mutex_lock(&mutex);
    if (may_write(level, format)) {
        write_line(level, text, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
}

void log_event(enum log_level level, const char *message, const struct log_field *fields,
               uint32_t field_count)
{
    pthread_mutex_lock(&mutex);
    if (may_write(level, message)) {
        write_line(level, message, fields, field_count);
    }
    pthread_mutex_unlock(&mutex);
}

void log_flush(bool all)
{
    pthread_mutex_lock(&mutex);
    tell_missed(monotonic_ns(), all);
    pthread_mutex_unlock(&mutex);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(levels); i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
