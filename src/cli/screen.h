/* Where output goes: what the terminals at stdin, stdout and stderr are and can do.
 *
 * Whatever is not a terminal gets no colour, no cut and no progress line. Tests make a screen of
 * their own over files in memory. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "base/buf.h"

#include <stdio.h>

enum paint {
    PAINT_NONE,
    PAINT_BOLD,
    PAINT_DIM,
    PAINT_RED,
    PAINT_GREEN,
    PAINT_YELLOW,
    PAINT_BLUE,
    PAINT_MAGENTA,
    PAINT_CYAN,
    PAINT_COUNT
};

struct screen {
    FILE *in;
    FILE *out;
    FILE *err;
    bool in_terminal;
    bool out_terminal;
    bool err_terminal;
    bool colour;      /* On out. */
    bool err_colour;  /* On err. */
    bool quiet;       /* Only what was asked for: ids, names. */
    uint32_t columns; /* Of out; 0: nothing is cut, because it is no terminal. */
    bool progress;    /* A progress line stands on err. */
    bool failed;      /* Something could not be written. */
};

/* The process's own: terminals by isatty, their width by COLUMNS or the kernel, colour unless
 * NO_COLOR is set or TERM is dumb. */
void screen_init(struct screen *screen);

/* Appends a text that is harmless already, painted where `colour`. Any thread. */
void paint_add(struct buf *buf, bool colour, enum paint paint, struct slice text);

/* The same for a text of anybody's, which is made harmless. Any thread. */
void paint_plain_add(struct buf *buf, bool colour, enum paint paint, struct slice text);

/* The colour of a job's state, a health or an outcome; PAINT_NONE for unknown words. Any thread. */
enum paint paint_of(struct slice word);

/* Writes the bytes to out, taking away a progress line first, and empties the buffer. */
void screen_write(struct screen *screen, struct buf *buf);

/* Writes JSON as it came and a line end, to out or to err. On a terminal, characters that could do
 * harm are written as JSON's escapes, which mean the same. */
void screen_write_json(struct screen *screen, FILE *file, struct slice json);

/* One line on err for people, taking away a progress line first. Not for texts of others: make them
 * harmless before. */
void screen_say(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Replaces the progress line; nothing when err is no terminal or quiet. */
void screen_progress(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes the progress line away. */
void screen_progress_end(struct screen *screen);

/* Asks on the terminal; true for y or yes. False when there is no terminal, and at its end. */
bool screen_confirm(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
