/* Text that others wrote, made fit for a terminal: harmless, and measured in columns.
 *
 * Job data is whatever a client sent. Written as it is, an escape sequence in it could clear the
 * screen, change the window's title or type into the shell, and a change of writing direction could
 * make one name look like another. So every control character (C0, DEL, C1), every mark that turns
 * or hides text, and every line end inside of a line is shown as JSON would write it: \n, \u001b.
 */
#ifndef CLI_PLAIN_H
#define CLI_PLAIN_H

#include "base/buf.h"

/* Appends the text as one harmless line; what is not UTF-8 becomes U+FFFD. Any thread. */
void plain_add(struct buf *buf, struct slice text);

/* True if the code point may be written as it is. Any thread. */
bool plain_is_safe(uint32_t point);

/* Columns of a harmless text on a terminal: wide characters take two, combining ones none. Any
 * thread. */
uint32_t plain_width(struct slice text);

/* The start of a harmless text that takes at most `columns`, whole characters only. Any thread. */
struct slice plain_fit(struct slice text, uint32_t columns);

/* Takes the text up to the next line end from *rest, without that end; false when nothing is left.
 * Any thread. */
bool plain_next_line(struct slice *rest, struct slice *ret_line);

#endif
