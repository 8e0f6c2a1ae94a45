/* A command line, read by the rows of its command. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/err.h"
#include "base/limits.h"
#include "cli/command.h"

struct given {
    const struct flag *flag;
    const char *value; /* "true" or "false" for a switch. */
};

struct args {
    const struct command *command; /* NULL: none was named. */
    struct flag_list flags;
    char **words; /* The arguments that are no flags, in argv, which is sorted for it. */
    uint32_t word_count;
    struct given given[CLI_FLAGS_MAX];
    uint32_t given_count;
};

/* Reads argv[1..]. Shared flags may stand before the command. The texts stay argv's. ERR_INVALID
 * says what is wrong, with the nearest name that exists; args->command tells how far it came. */
enum err_code args_read(int argc, char **argv, struct args *ret_args, struct err *err) MUST_USE;

/* The last value given to that flag, else the environment's, else the initial one, else NULL. The
 * name is that of a row of the command. */
const char *args_text(const struct args *args, const char *name);

/* True if a switch is on. */
bool args_switch(const struct args *args, const char *name);

/* A duration in milliseconds; 0 when it has no value. */
uint64_t args_duration(const struct args *args, const char *name);

/* A whole number; 0 when it has no value. */
uint64_t args_number(const struct args *args, const char *name);

/* Appends the members of a JSON object that the given FLAG_BODY flags say, with commas between and
 * behind `*comma` if that is set already; sets it. */
void args_write_members(const struct args *args, uint64_t now_ns, bool *comma, struct buf *out);

/* Appends "?name=value&…" of the given FLAG_QUERY flags; nothing when there are none. */
void args_write_query(const struct args *args, struct buf *out);

/* Appends the text with everything but unreserved characters as %XX. Any thread. */
void args_write_encoded(struct slice text, struct buf *out);

#endif
