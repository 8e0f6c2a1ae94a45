/* Structs to and from the protobuf wire form by field rows: RPC messages, log entries and stored
 * rows.
 *
 * Writing is canonical: fields in row order, zero values and absent fields left out, so that equal
 * structs give equal bytes on every machine. Fields with a presence bit are written exactly when
 * the bit is set (lists and maps never when empty: the form has no word for that). Raw JSON is
 * written byte for byte, maps in the order of their items. */
#ifndef WIRE_PROTOBUF_H
#define WIRE_PROTOBUF_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/field.h"

/* Appends the record. A full buffer sets buf->failed. Any thread. */
void protobuf_write(const struct message *message, const void *record, struct buf *buf);

/* Reads into `record` (initialised here). Texts borrow from `bytes`; lists live in the arena.
 * Unknown fields are skipped, the last of a repeated singular field wins (sub-messages merge is not
 * needed: last wins), packed and unpacked are both accepted, nesting is at most 32, of equal map
 * keys the last stays. Bounds, UTF-8 and JSON syntax are not checked: message_check does, for what
 * comes from outside. ERR_INVALID: malformed bytes or times (REPLY_PARSE_ERROR), unknown words, bad
 * durations or amounts (REPLY_VALIDATION_ERROR). ERR_UNSUPPORTED: a FIELD_UNSUPPORTED one is sent.
 * ERR_NOMEM: the arena is full. Any thread. */
enum err_code protobuf_read(const struct message *message, struct slice bytes, struct arena *arena,
                            void *ret_record, struct err *err) MUST_USE;

#endif
