/* One run of a command: its arguments, the screen it writes to, the server it asks. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/arena.h"
#include "cli/args.h"
#include "cli/client.h"
#include "cli/exit.h"
#include "cli/screen.h"

struct session {
    const struct args *args;
    struct screen screen;
    struct client client;
    bool json;          /* --output json. */
    uint64_t now_ns;    /* When it began. */
    struct arena arena; /* Of the whole command. */
    struct buf out;     /* What is to be printed; session_flush writes it. */
    struct buf body;    /* Of the next request. */
    struct buf path;    /* Likewise. */
    struct buf lines;   /* Scratch of what shows JSON. */
};

struct request {
    uint32_t route;        /* Index into the command's routes. */
    const char *params[2]; /* What its {names} stand for. */
    struct slice query;    /* "?limit=3", or empty. */
    struct slice body;     /* data NULL: none. */
    const char *idempotency_key;
};

struct answer {
    enum exit_code exit; /* What the answer, or its absence, means. */
    uint32_t status;     /* HTTP; 0: there is no answer. */
    struct slice body;   /* As it came; borrowed until the next request. */
    struct slice json;   /* The value in it; empty when it is not JSON. */
    struct err err;      /* Without an answer: why. */
};

/* A session on the process's own terminals, with a client that is not open yet. */
void session_init(struct session *session, const struct args *args);

/* Frees it, and closes the client. */
void session_done(struct session *session);

/* Sends a request and says what came of it; prints nothing. */
struct answer session_ask(struct session *session, const struct request *request);

/* Prints what went wrong: the server's error body with --output json, else its text and what to
 * try. `about` (an id) is put before it; NULL: nothing. Returns answer->exit. */
int session_report(struct session *session, const struct answer *answer, const char *about);

/* session_ask of one of the command's routes, with up to two parameters, without a body; what goes
 * wrong is reported. False then, and *ret_answer.exit is the command's result. */
bool session_get(struct session *session, uint32_t route, const char *param,
                 struct answer *ret_answer);

/* Prints a complaint about the arguments that only the command could find. Returns EXIT_USAGE. */
int session_misuse(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the answer's body as it came. Returns EXIT_DONE. */
int session_print_json(struct session *session, const struct answer *answer);

/* Appends a text of anybody's to session->out, harmless and painted. */
void session_paint(struct session *session, enum paint paint, struct slice text);

/* Writes what is in session->out. Returns EXIT_DONE. */
int session_flush(struct session *session);

/* The decoded text of an object's member; empty when it is no string. Lives in the arena or in the
 * object. */
struct slice session_text(struct session *session, struct slice object, const char *name);

/* A time member in nanoseconds; 0 when it is absent or none. */
uint64_t session_time(struct session *session, struct slice object, const char *name);

/* A number member; 0 when it is absent. */
uint64_t session_number(struct slice object, const char *name);

#endif
