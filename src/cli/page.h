/* A page about one thing: rows of a label and a value, blocks of text and JSON below titles. All of
 * it goes to session->out, harmless, painted where the terminal can. */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "cli/session.h"

/* "  Queue          mail", both made harmless. Nothing when the text is empty. */
void page_text(struct session *session, const char *label, enum paint paint, struct slice text);

/* The same with a printf, at most 255 bytes of it. */
void page_printf(struct session *session, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "  Created        2026-11-25 21:45:07Z (3m ago)". Nothing when the object has no such time. */
void page_time(struct session *session, const char *label, struct slice object, const char *name);

/* A title line with an empty one above. */
void page_title(struct session *session, const char *title);

/* Lines of a text of anybody's, indented; at most lines_max of them (0: all), with a remark where
 * there are more. */
void page_lines(struct session *session, enum paint paint, struct slice text, uint32_t lines_max);

/* One JSON value, indented. */
void page_json(struct session *session, struct slice json);

/* One JSON value over several lines, each after `indent` spaces; `harmless`: as plain_add does. */
void page_write_json(struct slice json, uint32_t indent, bool colour, bool harmless,
                     struct buf *out);

#endif
