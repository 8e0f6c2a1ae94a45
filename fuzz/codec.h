/* The oracle of the codec, for the fuzz targets and for tests/codec. */
#ifndef FUZZ_CODEC_H
#define FUZZ_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/field.h"

enum codec_form { CODEC_PROTO, CODEC_REST, CODEC_RPC, CODEC_FORM_COUNT };

/* What one trial after the other works in. */
struct codec {
    struct arena arena;
    struct buf first;
    struct buf second;
    struct buf other;
    bool accepted;  /* Of the last trial: the reader took the bytes. */
    struct err err; /* Of the last trial: what a reader said that should not have. */
};

/* Allocates nothing. */
void codec_init(struct codec *codec);
void codec_done(struct codec *codec);

/* Reads the bytes as a message of at most CODEC_RECORD_MAX bytes. NULL when they are refused, or
 * all of this holds; else what does not:
 *
 * - what was read, written and read again, gives the same bytes;
 * - JSON is taken only if another reader takes it, and what is written is JSON;
 * - JSON and protobuf agree: what has been one, then the other, is still the same. */
#define CODEC_RECORD_MAX 8192
const char *codec_try(struct codec *codec, const struct message *message, enum codec_form form,
                      struct slice bytes);

#endif
