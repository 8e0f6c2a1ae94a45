/* Fetches that wait for a job: FIFO for each queue, woken by apply.
 *
 * A claim is submitted only when one of the waiter's queues has a job that no claim in flight will
 * take, so waiting costs no log entries and nobody polls. The per-queue semaphore counts claims
 * submitted and not yet applied; a waiter over it waits on.
 *
 * A waiter whose claim is in flight stands in no list and misses what happens to its other queues:
 * when it comes back with nothing, it looks at all of them again. */
#include "node/wait_queue.h"

#include <stdlib.h>

struct waiter {
    struct node *node;
    struct waiter *next, *previous; /* In waiters.all. */
    uv_timer_t timer;
    const struct op_head *head; /* Borrowed, as is fetch: the request's. */
    const struct op_fetch *fetch;
    struct wait_queue *charged; /* The queue that the claim in flight counts for. */
    node_done done;
    void *context;
    uint64_t ticket;       /* Who has a smaller one was first. */
    uint32_t job_count;    /* That a claim asks for. */
    uint32_t queue_count;  /* Places that hold a queue. */
    bool waiting;          /* In its queues' lists. */
    bool expired;          /* The time is over: the claim in flight is the last. */
    struct place places[]; /* One for each queue of the fetch, in its order. */
};

/* Puts the waiter into the lists of its queues, at the place that it has by its ticket. */
static void start_waiting(struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        place_link(&waiter->places[i]);
    }
    waiter->waiting = true;
    waiter->node->waiters.count++;
}

static void stop_waiting(struct waiter *waiter)
{
    if (!waiter->waiting) {
        return;
    }
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        place_unlink(&waiter->places[i]);
    }
    waiter->waiting = false;
    waiter->node->waiters.count--;
}

/* --- A waiter's life -----------------------------------------------------------------------------
 */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void waiter_destroy(struct waiter *waiter)
{
    struct waiters *waiters = &waiter->node->waiters;

    stop_waiting(waiter);
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        struct wait_queue *queue = waiter->places[i].queue;

        queue->places--;
        wait_queue_forget_if_idle(waiters, queue);
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    }
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        waiters->all = waiter->next;
    }
    (void)uv_timer_stop(&waiter->timer);
    waiter->timer.data = waiter;
    uv_close((uv_handle_t *)&waiter->timer, on_timer_closed);
}

static void answer(struct waiter *waiter, const struct node_reply *reply)
{
    node_done done = waiter->done;
    void *context = waiter->context;

    /* Gone before the callback, which may fetch again. */
    waiter_destroy(waiter);
    done(context, reply);
}

static void answer_empty(struct waiter *waiter)
{
    struct op_fetch_reply empty = {0};
    struct op_result result = {.spec = op_find_name("fetch"), .reply = &empty};
    struct node_reply reply = {.results = &result, .count = 1};

    answer(waiter, &reply);
}

static void answer_error(struct waiter *waiter, const struct err *err)
{
    struct node_reply reply = {.err = *err, .count = 1};

    answer(waiter, &reply);
}

/* --- Claims --------------------------------------------------------------------------------------
 */

static struct slice queue_at(const struct op_fetch *fetch, uint32_t i)
{
    return ((const struct slice *)fetch->queues.items)[i];
}

/* True if the queue has a job that no claim in flight will take. */
static bool has_unclaimed(const struct node *node, const struct wait_queue *queue)
{
    struct slice name = slice_of(queue->name, queue->name_size);

    return queue->claims < node->options.claims_max &&
           core_ready_count(node->core, name) > queue->jobs;
}

static struct wait_queue *queue_to_claim(const struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        if (has_unclaimed(waiter->node, waiter->places[i].queue)) {
            return waiter->places[i].queue;
        }
    }
    return NULL;
}

static void claim_done(void *context, const struct node_reply *reply);

/* Submits a claim. The waiter must not be waiting. On failure it is as it was. */
static enum err_code claim(struct waiter *waiter, struct wait_queue *queue, struct err *err)
{
    struct node_op op = {.spec = op_find_name("fetch"), .request = waiter->fetch};
    struct submission submission = {
        .head = waiter->head,
        .ops = &op,
        .count = 1,
        .work = waiter->job_count,
        .done = claim_done,
        .context = waiter,
    };

    assert(!waiter->waiting && !waiter->charged);
    if (pipeline_submit(waiter->node, &submission, err)) {
        return err->code;
    }
    waiter->charged = queue;
    queue->claims++;
    queue->jobs += waiter->job_count;
    return ERR_NONE;
}

static void discharge(struct waiter *waiter)
{
    struct wait_queue *queue = waiter->charged;

    queue->claims--;
    queue->jobs -= waiter->job_count;
    waiter->charged = NULL;
}

/* There is a job and no room for the claim: tried again when there may be. */
static void note_refused(struct waiters *waiters, struct wait_queue *queue)
{
    if (queue->refused) {
        return;
    }
    queue->refused = true;
    queue->next_refused = NULL;
    if (waiters->refused_last) {
        waiters->refused_last->next_refused = queue;
    } else {
        waiters->refused = queue;
    }
    waiters->refused_last = queue;
    waiters->refused_count++;
}

static struct wait_queue *take_refused(struct waiters *waiters)
{
    struct wait_queue *queue = waiters->refused;

    waiters->refused = queue->next_refused;
    if (!waiters->refused) {
        waiters->refused_last = NULL;
    }
    waiters->refused_count--;
    queue->refused = false;
    return queue;
}

/* Claims for those who wait, in their order, as far as there are jobs and room. Calls nobody back.
 */
static void wake_queue(struct node *node, struct wait_queue *queue)
{
    while (queue->first && has_unclaimed(node, queue)) {
        struct waiter *waiter = queue->first->waiter;
        struct err err;

        stop_waiting(waiter);
        if (claim(waiter, queue, &err)) {
            start_waiting(waiter);
            note_refused(&node->waiters, queue);
            return;
        }
    }
}

/* Has the waiter wait, and claims for it and for those before it what is there. */
static void line_up(struct waiter *waiter)
{
    start_waiting(waiter);
    for (uint32_t i = 0; i < waiter->queue_count && waiter->waiting; i++) {
        wake_queue(waiter->node, waiter->places[i].queue);
    }
}

static void note_claimed(struct node *node, const struct op_fetch *fetch,
                         const struct op_fetch_reply *fetched)
{
    const struct op_fetch_job *jobs = fetched->jobs.items;
    uint64_t now_ns = core_now_ns(node->core);

    for (uint32_t i = 0; i < fetched->jobs.count; i++) {
        pace_started(&node->pace, now_ns, core_queue_number(node->core, jobs[i].queue),
                     now_ns > jobs[i].ready_at ? now_ns - jobs[i].ready_at : 0);
    }
    presence_took(&node->presence, node->core, now_ns, fetch, &fetched->jobs);
}

static void claim_done(void *context, const struct node_reply *reply)
{
    struct waiter *waiter = context;
    struct node *node = waiter->node;
    struct wait_queue *queue = waiter->charged;
    const struct op_fetch_reply *fetched = NULL;

    discharge(waiter);
    if (!reply->err.code && !reply->results[0].err.code) {
        fetched = reply->results[0].reply;
        note_claimed(node, waiter->fetch, fetched);
    }
    queue->places++; /* Keeps the queue while it is used below. */
    if (fetched && fetched->jobs.count == 0 && !waiter->expired) {
        line_up(waiter);
    } else if (fetched && fetched->jobs.count == 0) {
        answer_empty(waiter);
    } else {
        answer(waiter, reply);
    }
    /* What this claim asked for and did not take may serve the next. */
    wake_queue(node, queue);
    queue->places--;
    wait_queue_forget_if_idle(&node->waiters, queue);
}

bool waiters_wait_for(const struct node *node, struct slice name)
{
    return wait_queue_find(&node->waiters, name) != NULL;
}

void waiters_wake(struct node *node, const struct core_woken *woken, uint32_t count)
{
    for (uint32_t i = 0; i < count && node->waiters.count > 0; i++) {
        struct wait_queue *queue = wait_queue_find(&node->waiters, woken[i].queue);

        if (queue) {
            wake_queue(node, queue);
        }
    }
}

void waiters_retry(struct node *node)
{
    struct waiters *waiters = &node->waiters;
    struct err ignored;

    for (uint32_t count = waiters->refused_count; count > 0; count--) {
        struct wait_queue *queue;

        if (pipeline_refusal(node, 1, &ignored)) {
            return;
        }
        queue = take_refused(waiters);
        wake_queue(node, queue);
        wait_queue_forget_if_idle(waiters, queue);
    }
}

static void on_waited_enough(uv_timer_t *timer)
{
    struct waiter *waiter = timer->data;

    waiter->expired = true;
    if (waiter->waiting) {
        answer_empty(waiter);
    }
}

/* --- node_fetch ----------------------------------------------------------------------------------
 */

static bool find_places(struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->fetch->queues.count; i++) {
        struct wait_queue *queue =
            wait_queue_need(&waiter->node->waiters, queue_at(waiter->fetch, i));

        if (!queue) {
            return false;
        }
        queue->places++;
        waiter->places[i] =
            (struct place){.ticket = waiter->ticket, .queue = queue, .waiter = waiter};
        waiter->queue_count++;
    }
    return true;
}

static struct waiter *waiter_create(struct node *node, const struct op_head *head,
                                    const struct op_fetch *fetch)
{
    struct waiter *waiter =
        calloc(1, sizeof(*waiter) + fetch->queues.count * sizeof(waiter->places[0]));

    if (!waiter) {
        return NULL;
    }
    waiter->node = node;
    waiter->head = head;
    waiter->fetch = fetch;
    waiter->ticket = node->waiters.next_ticket++;
    waiter->job_count = fetch->count > 0 ? (uint32_t)fetch->count : 1;
    (void)uv_timer_init(node->loop, &waiter->timer);
    waiter->timer.data = waiter;
    waiter->next = node->waiters.all;
    if (waiter->next) {
        waiter->next->previous = waiter;
    }
    node->waiters.all = waiter;
    if (!find_places(waiter)) {
        waiter_destroy(waiter);
        return NULL;
    }
    return waiter;
}

/* Claims at once or answers with nothing: who does not wait has no place to keep. */
static enum err_code fetch_at_once(struct waiter *waiter, struct waiter **ret_waiter,
                                   struct err *err)
{
    struct wait_queue *queue = queue_to_claim(waiter);

    waiter->expired = true;
    if (!queue) {
        answer_empty(waiter);
        return ERR_NONE;
    }
    if (claim(waiter, queue, err)) {
        waiter_destroy(waiter);
        return err->code;
    }
    *ret_waiter = waiter;
    return ERR_NONE;
}

static enum err_code fetch_waiting(struct waiter *waiter, uint64_t wait_ms,
                                   struct waiter **ret_waiter, struct err *err)
{
    struct node *node = waiter->node;

    line_up(waiter);
    if (waiter->waiting && queue_to_claim(waiter) && pipeline_refusal(node, 1, err)) {
        waiter_destroy(waiter);
        return err->code;
    }
    uv_update_time(node->loop);
    (void)uv_timer_start(&waiter->timer, on_waited_enough, wait_ms, 0);
    *ret_waiter = waiter;
    return ERR_NONE;
}

static void note_asked(struct node *node, const struct op_fetch *fetch)
{
    uint64_t now_ns = node_clock_now(&node->clock);

    for (uint32_t i = 0; i < fetch->queues.count; i++) {
        pace_asked(&node->pace, now_ns, core_queue_number(node->core, queue_at(fetch, i)));
    }
    presence_asks(&node->presence, now_ns, fetch);
}

enum err_code node_fetch(struct node *node, const struct op_head *head,
                         const struct op_fetch *fetch, uint64_t wait_ms, node_done done,
                         void *context, struct waiter **ret_waiter, struct err *err)
{
    struct waiter *waiter;
    enum err_code code;

    if (node_refusal(node, err)) {
        return err->code;
    }
    waiter = waiter_create(node, head, fetch);
    if (!waiter) {
        return err_set(err, ERR_NOMEM, "no memory for a waiting fetch");
    }
    waiter->done = done;
    waiter->context = context;
    *ret_waiter = NULL;
    note_asked(node, fetch);
    code = wait_ms == 0 ? fetch_at_once(waiter, ret_waiter, err)
                        : fetch_waiting(waiter, wait_ms, ret_waiter, err);
    node->overload_total += code == ERR_BUSY;
    return code;
}

bool node_fetch_cancel(struct node *node, struct waiter *waiter)
{
    assert(waiter->node == node);
    waiter->expired = true;
    if (!waiter->waiting) {
        return false;
    }
    waiter_destroy(waiter);
    return true;
}

/* --- All of them ---------------------------------------------------------------------------------
 *
 * A callback may cancel the next waiter: that one is then not waiting any more, and its memory
 * stays until the loop has closed its timer. */

void waiters_fail(struct node *node, const struct err *err)
{
    struct waiter *next;

    for (struct waiter *waiter = node->waiters.all; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->waiting) {
            answer_error(waiter, err);
        }
    }
}

void waiters_release(struct node *node)
{
    struct waiter *next;

    for (struct waiter *waiter = node->waiters.all; waiter; waiter = next) {
        next = waiter->next;
        waiter->expired = true;
        if (waiter->waiting) {
            answer_empty(waiter);
        }
    }
}

void waiters_free(struct node *node)
{
    struct waiters *waiters = &node->waiters;

    while (waiters->refused) {
        wait_queue_forget_if_idle(waiters, take_refused(waiters));
    }
    assert(waiters->queue_count == 0);
    free(waiters->buckets);
    waiters->buckets = NULL;
}
