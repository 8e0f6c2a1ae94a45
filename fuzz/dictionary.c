/* Reading dictionaries: see dictionary.h. */
#include "fuzz/dictionary.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_SIZE 1024

/* The value of a hexadecimal digit; 16 when it is none. */
static uint8_t digit_of(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return (uint8_t)(byte - '0');
    }
    if (byte >= 'a' && byte <= 'f') {
        return (uint8_t)(byte - 'a' + 10);
    }
    return byte >= 'A' && byte <= 'F' ? (uint8_t)(byte - 'A' + 10) : 16;
}

/* Decodes one escape behind its backslash; returns how many bytes it has, 0 when it is none. */
static size_t unescape(const char *at, uint8_t *ret_byte)
{
    if (at[0] == '\\' || at[0] == '"') {
        *ret_byte = (uint8_t)at[0];
        return 1;
    }
    if (at[0] != 'x' || digit_of(at[1]) > 15 || digit_of(at[2]) > 15) {
        return 0;
    }
    *ret_byte = (uint8_t)(digit_of(at[1]) * 16 + digit_of(at[2]));
    return 3;
}

/* Decodes the word between the line's first quote and its last one, in place. */
static bool parse_word(char *line, struct slice *ret_word)
{
    char *from = strchr(line, '"');
    char *end = strrchr(line, '"');
    uint8_t *word = (uint8_t *)line;
    size_t size = 0;

    if (!from || end == from) {
        return false;
    }
    for (const char *at = from + 1; at < end;) {
        if (*at == '\\') {
            size_t used = unescape(at + 1, &word[size++]);

            if (used == 0) {
                return false;
            }
            at += 1 + used;
        } else {
            word[size++] = (uint8_t)*at++;
        }
    }
    *ret_word = slice_of(word, size);
    return size > 0;
}

static enum err_code read_lines(FILE *file, struct arena *arena, struct dictionary *dictionary,
                                struct err *err)
{
    char line[LINE_MAX_SIZE];

    for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
        struct slice word;

        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        if (!parse_word(line, &word)) {
            return err_set(err, ERR_INVALID, "line %u is not a word in quotes", number);
        }
        if (dictionary->count == DICTIONARY_WORDS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "more than %d words", DICTIONARY_WORDS_MAX);
        }
        if (!arena_copy(arena, word, &dictionary->words[dictionary->count++])) {
            return err_set(err, ERR_NOMEM, "no memory for the words");
        }
    }
    return ERR_NONE;
}

enum err_code dictionary_read(const char *path, struct arena *arena,
                              struct dictionary *ret_dictionary, struct err *err)
{
    FILE *file = fopen(path, "r");
    enum err_code code;

    ret_dictionary->count = 0;
    if (!file) {
        return err_set(err, ERR_NOT_FOUND, "%s does not open", path);
    }
    code = read_lines(file, arena, ret_dictionary, err);
    (void)fclose(file);
    return code ? err_prefix(err, "%s", path) : ERR_NONE;
}
