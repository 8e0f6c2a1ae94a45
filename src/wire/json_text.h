/* The inside of JSON strings. Of this room only; json.h has what others use. */
#ifndef WIRE_JSON_TEXT_H
#define WIRE_JSON_TEXT_H

#include "base/buf.h"

/* Appends the text with its escapes, without quotes; invalid UTF-8 becomes U+FFFD. Any thread. */
void json_text_body(struct buf *buf, struct slice text);

#endif
