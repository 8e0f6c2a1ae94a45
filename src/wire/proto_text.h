/* Field rows as the text of a .proto file: what clients generate their code from, and what the
 * tests hand to protoc. */
#ifndef WIRE_PROTO_TEXT_H
#define WIRE_PROTO_TEXT_H

#include "base/buf.h"
#include "wire/field.h"

/* Appends the syntax line, the package, the imports that the messages need, and the messages with
 * all that they name, each name once. Fields without a tag are left out. At most PROTO_MESSAGES_MAX
 * of them (asserted). Services are the caller's to append. A full buffer sets buf->failed. Any
 * thread. */
void proto_write(const char *package, const struct message *const *messages, uint32_t count,
                 struct buf *buf);

#define PROTO_MESSAGES_MAX 256

#endif
