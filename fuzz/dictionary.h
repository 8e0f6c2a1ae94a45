/* Dictionaries: words that mean something in an input's form. The files are libFuzzer's (and
 * AFL's): one word a line, in quotes, perhaps with a name before it, \xNN for any byte, # comments.
 */
#ifndef FUZZ_DICTIONARY_H
#define FUZZ_DICTIONARY_H

#include "base/arena.h"
#include "base/err.h"

#define DICTIONARY_WORDS_MAX 512

struct dictionary {
    struct slice words[DICTIONARY_WORDS_MAX];
    uint32_t count;
};

/* Reads a file; the words live in the arena. ERR_NOT_FOUND: there is no such file; ERR_INVALID
 * names the line; ERR_TOO_LARGE; ERR_NOMEM. */
enum err_code dictionary_read(const char *path, struct arena *arena,
                              struct dictionary *ret_dictionary, struct err *err)
    __attribute__((warn_unused_result));

#endif
