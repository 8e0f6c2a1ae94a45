/* Deadlines: see deadline.h. */
#include "http/deadline.h"

static void unlink_deadline(struct http_deadline *deadline)
{
    if (deadline->next) {
        deadline->previous->next = deadline->next;
        deadline->next->previous = deadline->previous;
        deadline->previous = NULL;
        deadline->next = NULL;
    }
}

static void append(struct http_deadline *head, struct http_deadline *deadline)
{
    deadline->previous = head->previous;
    deadline->next = head;
    head->previous->next = deadline;
    head->previous = deadline;
}

static void on_timer(uv_timer_t *timer);

static void arm(struct http_deadlines *all, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(all->loop);

    all->armed_ms = due_ms;
    (void)uv_timer_start(&all->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* The earliest deadline stands at the head of one of the lists. */
static uint64_t earliest(const struct http_deadlines *all)
{
    uint64_t due_ms = UINT64_MAX;

    for (size_t i = 0; i < HTTP_DEADLINE_COUNT; i++) {
        const struct http_deadline *first = all->heads[i].next;

        if (first != &all->heads[i] && first->due_ms < due_ms) {
            due_ms = first->due_ms;
        }
    }
    return due_ms;
}

/* The timer may find nothing due: deadlines that moved on do not re-arm it, so that moving stays
 * cheap. What is due again at once waits a millisecond: libuv runs timers until none is due, and
 * sockets would never have their turn. */
static void on_timer(uv_timer_t *timer)
{
    struct http_deadlines *all = timer->data;
    uint64_t now_ms = uv_now(all->loop);
    uint64_t due_ms;

    all->armed_ms = 0; /* Nobody below arms it. */
    for (size_t i = 0; i < HTTP_DEADLINE_COUNT; i++) {
        struct http_deadline *head = &all->heads[i];
        struct http_deadline end; /* What is set again at once is behind it, for the next turn. */

        append(head, &end);
        while (head->next != &end && head->next->due_ms <= now_ms) {
            struct http_deadline *first = head->next;

            unlink_deadline(first);
            all->passed(first->owner, first->kind);
        }
        unlink_deadline(&end);
    }
    all->armed_ms = UINT64_MAX;
    due_ms = earliest(all);
    if (due_ms != UINT64_MAX) {
        arm(all, due_ms > now_ms ? due_ms : now_ms + 1);
    }
}

void http_deadlines_init(struct http_deadlines *all, uv_loop_t *loop, http_deadline_passed passed)
{
    *all = (struct http_deadlines){.loop = loop, .armed_ms = UINT64_MAX, .passed = passed};
    for (size_t i = 0; i < HTTP_DEADLINE_COUNT; i++) {
        all->heads[i].next = &all->heads[i];
        all->heads[i].previous = &all->heads[i];
    }
    (void)uv_timer_init(loop, &all->timer); /* Cannot fail: it only fills the struct. */
    all->timer.data = all;
}

/* A long reply takes long to make, and the loop's time stands still meanwhile: its client's time
 * begins behind that. */
static uint64_t now_for(const struct http_deadlines *all, enum http_deadline_kind kind)
{
    return kind == HTTP_DEADLINE_WRITE ? uv_hrtime() / NS_PER_MS : uv_now(all->loop);
}

void http_deadline_set(struct http_deadlines *all, struct http_deadline *deadline,
                       enum http_deadline_kind kind)
{
    struct http_deadline *head = &all->heads[kind];

    assert(kind < HTTP_DEADLINE_COUNT);
    unlink_deadline(deadline);
    deadline->kind = kind;
    if (kind == HTTP_DEADLINE_NONE) {
        return;
    }
    deadline->due_ms = now_for(all, kind) + all->lasts_ms[kind];
    append(head, deadline);
    if (deadline->due_ms < all->armed_ms) {
        arm(all, deadline->due_ms);
    }
}
