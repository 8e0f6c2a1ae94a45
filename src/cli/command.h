/* The table of commands. Parsing, help, suggestions, completions, the reference page and the manual
 * pages all follow from its rows. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/buf.h"
#include "base/common.h"
#include "wire/field.h"

#define COMMAND_ROUTES_MAX 3
#define COMMAND_FLAGS_MAX 64
#define COMMAND_WORDS_ANY 255
#define COMMAND_NAMES_MAX 1024

struct session;

enum flag_kind {
    FLAG_SWITCH, /* --flag, --flag=false. A member is `true`. */
    FLAG_TEXT,
    FLAG_NUMBER,   /* Any JSON number. */
    FLAG_DURATION, /* 1h30m, 7d. */
    FLAG_TIME,     /* RFC 3339. */
    FLAG_SINCE,    /* RFC 3339, or a duration: that long ago. */
    FLAG_WORD,     /* One of `words`, or a whole number, which the server judges. */
    FLAG_WORDS,    /* Some of `words`, with commas between; a member is a list. */
    FLAG_JSON,     /* Any JSON value. */
    FLAG_PAIRS,    /* KEY=VALUE, repeated, or one JSON object; a member is an object. */
    FLAG_TEXTS,    /* Repeated; a member is a list. */
    FLAG_KIND_COUNT
};

/* What becomes of the value. */
enum flag_place { FLAG_LOCAL, FLAG_BODY, FLAG_QUERY };

struct flag {
    /* As a member of the request: retry_base_delay, agent.max_iterations. As a flag it is written
     * with dashes: --retry-base-delay, --agent-max-iterations. */
    const char *name;
    char letter; /* Of the short form, or 0. */
    enum flag_kind kind;
    enum flag_place place;
    const char *alias;         /* Another name that does the same, or NULL. */
    const char *member;        /* The member, when it is not `name`. */
    const char *implies;       /* Another member that goes with it: "\"revise\":true". */
    const char *needs;         /* The flag without which it means nothing. */
    const char *value;         /* What stands for the value in help; NULL: the kind's word. */
    const struct words *words; /* FLAG_WORD, FLAG_WORDS; FLAG_TEXT: what a shell may complete. */
    const char *initial;       /* The value when it is not given; NULL: none. */
    const char *unset;         /* The value that says what no flag says, or NULL. */
    const char *environment;   /* A variable that gives it. */
    const char *help;
};

struct command {
    const char *name;
    const char *arguments; /* "QUEUE [PAYLOAD|-|@FILE]"; "" for none. */
    const char *group;     /* The heading under which `corvo help` lists it. */
    const char *summary;   /* One line. */
    const char *help;      /* Paragraphs behind it, lines of at most 78 columns, or "". */
    const char *examples;  /* Lines to type, each behind its `# remark`. */
    /* "POST /api/v1/jobs/{job_id}/retry": what it calls, the main one first. */
    const char *routes[COMMAND_ROUTES_MAX];
    uint8_t words_min;
    uint8_t words_max;     /* COMMAND_WORDS_ANY: no bound. */
    const char *also;      /* Words by which others know it, for suggestions. */
    const char *last_word; /* The member that the last argument becomes, or NULL. */
    const char *op;        /* The operation whose fields are flags as well, or NULL. */
    const struct flag *flags;
    uint32_t flag_count;
    int (*run)(struct session *session); /* NULL: another half of the program does it. */
};

/* The flags of one command: its own, those of its operation's fields, those that all share. */
struct flag_list {
    struct flag rows[COMMAND_FLAGS_MAX];
    uint32_t count;
    uint32_t shared;               /* The index of the first that all share. */
    char names[COMMAND_NAMES_MAX]; /* Of members of inner objects. */
    size_t names_size;
};

/* The table, in the order of help. Any thread. */
const struct command *const *command_rows(uint32_t *ret_count);

/* The row of that name, or NULL. Any thread. */
const struct command *command_find(const char *name);

/* The name of the command that was probably meant, or NULL. Any thread. */
const char *command_nearest(const char *name);

/* The one of `names` that was probably meant: one that begins so, else the nearest; or NULL. Any
 * thread. */
const char *command_guess(const char *name, const char *const *names, uint32_t count);

/* The command's flags; NULL gives those that all share. Any thread. */
void command_flags(const struct command *command, struct flag_list *ret_list);

/* How a flag is spelled, without the leading dashes. Any thread. */
#define FLAG_SPELLING_MAX 64
const char *flag_spelling(const char *name, char ret_text[static FLAG_SPELLING_MAX]);

/* What stands for its value in help: "DURATION", "none|fixed|linear|exponential"; "" for a switch.
 * Any thread. */
#define FLAG_VALUE_MAX 160
const char *flag_value(const struct flag *flag, char ret_text[static FLAG_VALUE_MAX]);

/* The words that it takes, with `between` between them: "dead, held"; "" when any text will do. Any
 * thread. */
const char *flag_words(const struct flag *flag, const char *between,
                       char ret_text[static FLAG_VALUE_MAX]);

/* Text for people: `corvo COMMAND --help`, and the list of all commands (NULL); lines of at most
 * `columns`. Titles are painted where `colour`. Any thread. */
void command_help(const struct command *command, uint32_t columns, bool colour, struct buf *out);

/* docs/reference/cli.md. Any thread. */
void command_reference(struct buf *out);

/* A script that completes commands, flags, words and names of queues. False: no such shell. Any
 * thread. */
bool command_completion(const char *shell, struct buf *out);

#endif
