/* The parts of a manual page in man(7). */
#ifndef TOOLS_GEN_MAN_TEXT_H
#define TOOLS_GEN_MAN_TEXT_H

#include <stddef.h>

struct buf;

struct man_item {
    const char *term;
    const char *text;
};

/* Text in which nothing is a macro or an escape; the same as a line. */
void man_add_text(struct buf *buf, const char *text);
void man_add_line(struct buf *buf, const char *text);

/* The head of a page, and the head of a section. */
void man_add_title(struct buf *buf, const char *name, const char *section, const char *what);
void man_add_section(struct buf *buf, const char *title);

/* Terms with their explanations. */
void man_add_items(struct buf *buf, const struct man_item *items, size_t count);

/* Lines to be typed, as they are; each ends with a line end. */
void man_add_code(struct buf *buf, const char *lines);

#endif
