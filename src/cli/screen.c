/* Terminals: see screen.h. */
#include "cli/screen.h"

#include "base/common.h"
#include "base/limits.h"
#include "cli/interrupt.h"
#include "cli/plain.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 20
#define COLUMNS_MAX 10000
#define ANSWER_MAX 64

static const char *const codes[PAINT_COUNT] = {
    [PAINT_NONE] = "",   [PAINT_BOLD] = "1",     [PAINT_DIM] = "2",
    [PAINT_RED] = "31",  [PAINT_GREEN] = "32",   [PAINT_YELLOW] = "33",
    [PAINT_BLUE] = "34", [PAINT_MAGENTA] = "35", [PAINT_CYAN] = "36",
};

struct word_paint {
    const char *word;
    enum paint paint;
};

static const struct word_paint word_paints[] = {
    {"active", PAINT_CYAN},       {"running", PAINT_CYAN},
    {"busy", PAINT_CYAN},         {"scheduled", PAINT_BLUE},
    {"retrying", PAINT_YELLOW},   {"held", PAINT_MAGENTA},
    {"completed", PAINT_GREEN},   {"healthy", PAINT_GREEN},
    {"ok", PAINT_GREEN},          {"dead", PAINT_RED},
    {"failed", PAINT_RED},        {"lost", PAINT_RED},
    {"degraded", PAINT_RED},      {"cancelled", PAINT_DIM},
    {"idle", PAINT_DIM},          {"iteration_timeout", PAINT_RED},
    {"lease_expired", PAINT_RED},
};

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

static uint32_t columns_of(FILE *file)
{
    const char *text = getenv("COLUMNS");
    struct winsize size = {0};
    unsigned long columns = text && isdigit((unsigned char)*text) ? strtoul(text, NULL, 10) : 0;

    if (columns == 0 && ioctl(fileno(file), TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    if (columns == 0 || columns > COLUMNS_MAX) {
        return COLUMNS_DEFAULT;
    }
    return columns < COLUMNS_MIN ? COLUMNS_MIN : (uint32_t)columns;
}

void screen_init(struct screen *screen)
{
    const char *terminal = getenv("TERM");
    bool plain = is_set("NO_COLOR") || (terminal && strcmp(terminal, "dumb") == 0);

    *screen = (struct screen){
        .in = stdin,
        .out = stdout,
        .err = stderr,
        .in_terminal = isatty(STDIN_FILENO) == 1,
        .out_terminal = isatty(STDOUT_FILENO) == 1,
        .err_terminal = isatty(STDERR_FILENO) == 1,
    };
    screen->colour = screen->out_terminal && !plain;
    screen->err_colour = screen->err_terminal && !plain;
    screen->columns = screen->out_terminal ? columns_of(stdout) : 0;
}

static bool paint_begin(struct buf *buf, bool colour, enum paint paint, struct slice text)
{
    bool painted = colour && paint != PAINT_NONE && text.size > 0;

    if (painted) {
        (void)buf_printf(buf, "\x1b[%sm", codes[paint]);
    }
    return painted;
}

void paint_add(struct buf *buf, bool colour, enum paint paint, struct slice text)
{
    bool painted = paint_begin(buf, colour, paint, text);

    (void)buf_add_slice(buf, text);
    (void)buf_add_text(buf, painted ? "\x1b[0m" : "");
}

void paint_plain_add(struct buf *buf, bool colour, enum paint paint, struct slice text)
{
    bool painted = paint_begin(buf, colour, paint, text);

    plain_add(buf, text);
    (void)buf_add_text(buf, painted ? "\x1b[0m" : "");
}

enum paint paint_of(struct slice word)
{
    for (size_t i = 0; i < ARRAY_COUNT(word_paints); i++) {
        if (slice_is(word, word_paints[i].word)) {
            return word_paints[i].paint;
        }
    }
    return PAINT_NONE;
}

static void write_all(struct screen *screen, FILE *file, struct slice bytes)
{
    if (bytes.size && fwrite(bytes.data, 1, bytes.size, file) != bytes.size) {
        screen->failed = true;
    }
}

void screen_write(struct screen *screen, struct buf *buf)
{
    screen_progress_end(screen);
    if (buf->failed) {
        screen->failed = true;
    }
    write_all(screen, screen->out, buf_slice(buf));
    buf_clear(buf);
}

void screen_write_json(struct screen *screen, FILE *file, struct slice json)
{
    bool terminal = file == screen->out ? screen->out_terminal : screen->err_terminal;
    struct buf buf;
    struct slice line;

    while (json.size > 0 && json.data[json.size - 1] == '\n') {
        json.size--;
    }
    buf_init(&buf, SIZE_MAX / 2);
    if (!terminal) {
        write_all(screen, file, json);
        (void)buf_add_byte(&buf, '\n');
    }
    while (terminal && plain_next_line(&json, &line)) {
        plain_add(&buf, line);
        (void)buf_add_byte(&buf, '\n');
    }
    write_all(screen, file, buf_slice(&buf));
    screen->failed = screen->failed || buf.failed;
    buf_done(&buf);
}

void screen_say(struct screen *screen, const char *format, ...)
{
    va_list args;

    screen_progress_end(screen);
    (void)fflush(screen->out);
    va_start(args, format);
    (void)vfprintf(screen->err, format, args);
    va_end(args);
    (void)fputc('\n', screen->err);
}

void screen_progress(struct screen *screen, const char *format, ...)
{
    va_list args;

    if (!screen->err_terminal || screen->quiet) {
        return;
    }
    (void)fflush(screen->out);
    (void)fputs("\r\x1b[K", screen->err);
    va_start(args, format);
    (void)vfprintf(screen->err, format, args);
    va_end(args);
    (void)fflush(screen->err);
    screen->progress = true;
}

void screen_progress_end(struct screen *screen)
{
    if (screen->progress) {
        (void)fputs("\r\x1b[K", screen->err);
        (void)fflush(screen->err);
        screen->progress = false;
    }
}

bool screen_confirm(struct screen *screen, const char *format, ...)
{
    char answer[ANSWER_MAX];
    va_list args;

    if (!screen->in_terminal) {
        return false;
    }
    screen_progress_end(screen);
    (void)fflush(screen->out);
    va_start(args, format);
    (void)vfprintf(screen->err, format, args);
    va_end(args);
    (void)fputs(" [y/N] ", screen->err);
    (void)fflush(screen->err);
    if (!interrupt_until_readable(fileno(screen->in)) ||
        !fgets(answer, sizeof(answer), screen->in)) {
        (void)fputc('\n', screen->err);
        return false;
    }
    answer[strcspn(answer, "\r\n")] = 0;
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
