/* The codec as a filter, for run.py: `run --proto` prints the sample messages as .proto text, `run
 * --serve` answers requests on stdin, and `run` alone is the mutation test of mutate.c.
 *
 * A request is a line "MESSAGE FROM TO SIZE" and SIZE bytes; FROM and TO are proto, rest or rpc.
 * The answer is a line "ok SIZE" and SIZE bytes, or "error TEXT". */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "tests/codec/mutate.h"
#include "tests/codec/sample.h"
#include "wire/json.h"
#include "wire/proto_text.h"
#include "wire/protobuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES_MAX ((size_t)1 << 24)
#define LINE_SIZE_MAX 128

static const struct message *const messages[] = {&sample_every, &sample_rpc};

static const struct message *message_find(const char *name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(messages); i++) {
        if (strcmp(messages[i]->name, name) == 0) {
            return messages[i];
        }
    }
    return NULL;
}

static enum err_code read_form(const struct message *message, const char *form, struct slice bytes,
                               struct arena *arena, void *ret_record, struct err *err)
{
    enum json_dialect dialect = strcmp(form, "rpc") == 0 ? JSON_RPC : JSON_REST;
    enum err_code code;

    if (strcmp(form, "proto") != 0) {
        return json_read(message, dialect, bytes, arena, ret_record, err);
    }
    code = protobuf_read(message, bytes, arena, ret_record, err);
    return code ? code : message_check(message, ret_record, err);
}

static void write_form(const struct message *message, const char *form, const void *record,
                       struct buf *buf)
{
    if (strcmp(form, "proto") == 0) {
        protobuf_write(message, record, buf);
    } else {
        json_write(message, strcmp(form, "rpc") == 0 ? JSON_RPC : JSON_REST, record, buf);
    }
}

static void answer(const struct message *message, const char *from, const char *to,
                   struct slice bytes)
{
    struct sample record;
    struct arena arena;
    struct buf buf;
    struct err err = {.code = ERR_NONE};

    arena_init(&arena, BYTES_MAX);
    buf_init(&buf, BYTES_MAX);
    if (read_form(message, from, bytes, &arena, &record, &err)) {
        printf("error %s\n", err.text);
    } else {
        write_form(message, to, &record, &buf);
        printf("ok %zu\n", buf.size);
        if (buf.size > 0) {
            (void)fwrite(buf.data, 1, buf.size, stdout);
        }
    }
    (void)fflush(stdout);
    buf_done(&buf);
    arena_done(&arena);
}

/* Cuts the line into four words; false when there are not so many. */
static bool split(char *line, char *ret_words[4])
{
    char *rest = line;

    for (int i = 0; i < 4; i++) {
        ret_words[i] = strsep(&rest, " \n");
        if (!ret_words[i] || !*ret_words[i]) {
            return false;
        }
    }
    return true;
}

static int serve(void)
{
    static char line[LINE_SIZE_MAX];
    uint8_t *bytes = malloc(BYTES_MAX);
    int status = EXIT_FAILURE;
    char *words[4];

    if (!bytes) {
        return EXIT_FAILURE;
    }
    while (fgets(line, sizeof(line), stdin)) {
        const struct message *message = split(line, words) ? message_find(words[0]) : NULL;
        size_t size = message ? strtoul(words[3], NULL, 10) : BYTES_MAX + 1;

        if (size > BYTES_MAX || fread(bytes, 1, size, stdin) != size) {
            (void)fprintf(stderr, "not a request: %s\n", line);
            goto out;
        }
        answer(message, words[1], words[2], slice_of(bytes, size));
    }
    status = EXIT_SUCCESS;
out:
    free(bytes);
    return status;
}

static int print_proto(void)
{
    struct buf buf;
    bool good;

    buf_init(&buf, BYTES_MAX);
    proto_write("corvo.sample", messages, ARRAY_COUNT(messages), &buf);
    good = !buf.failed && fwrite(buf.data, 1, buf.size, stdout) == buf.size;
    buf_done(&buf);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--proto") == 0) {
        return print_proto();
    }
    if (argc == 2 && strcmp(argv[1], "--serve") == 0) {
        return serve();
    }
    return mutate_all(&sample_every) ? EXIT_SUCCESS : EXIT_FAILURE;
}
