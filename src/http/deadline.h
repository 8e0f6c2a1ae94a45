/* Deadlines of many connections on one timer.
 *
 * All deadlines of a kind last equally long, so a list per kind that is appended to is in order of
 * its own: setting, moving and clearing cost a few pointers, and the timer is armed for the
 * earliest head only. Loop thread only. */
#ifndef HTTP_DEADLINE_H
#define HTTP_DEADLINE_H

#include "base/common.h"

#include <uv.h>

enum http_deadline_kind {
    HTTP_DEADLINE_NONE,
    HTTP_DEADLINE_NOW,     /* In the next turn of the loop. */
    HTTP_DEADLINE_OPEN,    /* The TLS handshake does not end. */
    HTTP_DEADLINE_IDLE,    /* No request begins. */
    HTTP_DEADLINE_REQUEST, /* A request does not end. */
    HTTP_DEADLINE_WRITE,   /* The client does not take its reply. */
    HTTP_DEADLINE_LINGER,  /* The client does not close after us. */
    HTTP_DEADLINE_GRACE,   /* A draining server waits for requests that are on their way. */
    HTTP_DEADLINE_ACCEPT,  /* Accepting is tried again. */
    HTTP_DEADLINE_BACKLOG, /* Accepting goes on in the next turn. */
    HTTP_DEADLINE_COUNT
};

struct http_deadline {
    struct http_deadline *previous; /* Both NULL when not set. */
    struct http_deadline *next;
    void *owner;
    uint64_t due_ms; /* In the loop's time, whose zero is uv_hrtime's. */
    enum http_deadline_kind kind;
};

typedef void (*http_deadline_passed)(void *owner, enum http_deadline_kind kind);

struct http_deadlines {
    uv_loop_t *loop;
    uv_timer_t timer;
    uint64_t armed_ms; /* UINT64_MAX: the timer is not armed. */
    uint64_t lasts_ms[HTTP_DEADLINE_COUNT];
    struct http_deadline heads[HTTP_DEADLINE_COUNT]; /* Of circular lists. */
    http_deadline_passed passed;
};

/* Starts with no deadline; `passed` is called with the owner of each one that passes, which is
 * cleared by then. The caller fills lasts_ms and closes `timer`. */
void http_deadlines_init(struct http_deadlines *all, uv_loop_t *loop, http_deadline_passed passed);

/* Sets the deadline to lasts_ms[kind] from now, in place of any earlier one; HTTP_DEADLINE_NONE
 * clears it. */
void http_deadline_set(struct http_deadlines *all, struct http_deadline *deadline,
                       enum http_deadline_kind kind);

#endif
