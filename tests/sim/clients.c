/* The clients: see clients.h. */
#include "clients.h"

#include <stdio.h>
#include <string.h>

enum verb {
    VERB_ENQUEUE,
    VERB_FETCH,
    VERB_ACK,
    VERB_FAIL,
    VERB_HEARTBEAT,
    VERB_CANCEL,
    VERB_PAUSE,
    VERB_RESUME,
    VERB_CLEAR,
    VERB_DESTROY,
};

static const char *const verb_names[] = {"enqueue", "fetch", "ack",    "fail",  "heartbeat",
                                         "cancel",  "pause", "resume", "clear", "destroy"};
static const char *const queue_names[SIM_QUEUES] = {"mail", "video", "report", "sync"};

/* --- Answers -------------------------------------------------------------------------------------
 */

static void ended(struct client *client, enum job_state state)
{
    struct known_job *job = ledger_find(client->all->ledger, slice_text(client->target));

    if (job) {
        job->ended = true;
        job->end = state;
    }
}

static bool is_struck(struct client *client)
{
    const struct known_job *job = ledger_find(client->all->ledger, slice_text(client->target));

    return job && job->fate >= FATE_CLEARED;
}

static void judge_stale(struct client *client, bool accepted)
{
    struct ledger *ledger = client->all->ledger;
    struct known_job *job = ledger_find(ledger, slice_text(client->target));

    if (job && accepted) {
        /* Accepted means: nobody was given a newer lease meanwhile. */
        ledger_judge(ledger, I4_EPOCHS_GROW, client->epoch >= job->epoch,
                     "%s: %s with epoch %u accepted, epoch %u was given out", job->id,
                     verb_names[client->verb], client->epoch, job->epoch);
        ledger_judge(ledger, I17_STRUCK, !is_struck(client), "%s: %s accepted after its queue went",
                     job->id, verb_names[client->verb]);
    }
}

static void answer_enqueue(struct client *client, const struct op_result *result)
{
    const struct op_enqueue_reply *reply = result->reply;

    if (ledger_judge(client->all->ledger, I5_LEGAL_EDGES, !result->err.code, "enqueue: %.100s",
                     result->err.text)) {
        (void)ledger_add(client->all->ledger, reply->job_id, client->queue);
    }
}

static void answer_fetch(struct client *client, const struct op_result *result)
{
    struct clients *all = client->all;
    const struct op_fetch_reply *reply = result->reply;
    const struct op_fetch_job *job;

    if (!ledger_judge(all->ledger, I5_LEGAL_EDGES, !result->err.code, "fetch: %.100s",
                      result->err.text) ||
        reply->jobs.count == 0) {
        return;
    }
    job = reply->jobs.items;
    (void)ledger_delivered(all->ledger, job, client->queue);
    ledger_judge(all->ledger, I16_PAUSED,
                 !all->paused[client->queue] || all->pause_unknown[client->queue],
                 "%s is paused and handed out %.*s", queue_names[client->queue],
                 (int)job->job_id.size, (const char *)job->job_id.data);
    (void)snprintf(client->job_id, sizeof(client->job_id), "%.*s", (int)job->job_id.size,
                   (const char *)job->job_id.data);
    (void)snprintf(client->token, sizeof(client->token), "%.*s", (int)job->lease_token.size,
                   (const char *)job->lease_token.data);
    client->epoch = ledger_token_epoch(job->lease_token);
}

static void answer_end(struct client *client, const struct op_result *result)
{
    judge_stale(client, !result->err.code);
    if (!result->err.code && client->verb == VERB_ACK) {
        ended(client, JOB_COMPLETED);
    } else if (!result->err.code &&
               ((const struct op_fail_reply *)result->reply)->status == JOB_DEAD) {
        ended(client, JOB_DEAD);
    }
}

static void answer_cancel(struct client *client, const struct op_result *result)
{
    struct ledger *ledger = client->all->ledger;
    struct known_job *job = ledger_find(ledger, slice_text(client->target));

    ledger_judge(ledger, I1_ENQUEUE_KEPT,
                 job->fate != FATE_SPARED || !strstr(result->err.text, "no job"), "cancel: %.100s",
                 result->err.text);
    ledger_judge(ledger, I17_STRUCK, result->err.code || !is_struck(client),
                 "%s was cancelled after its queue went", client->target);
    ledger_judge(ledger, I3_TERMINAL_FINAL, result->err.code || !job->ended,
                 "%s was cancelled after it had ended", client->target);
    if (!result->err.code) {
        ended(client, JOB_CANCELLED);
    }
}

static void answer_pause(struct client *client, const struct op_result *result)
{
    if (!result->err.code) {
        client->all->paused[client->queue] = client->verb == VERB_PAUSE;
        client->all->pause_unknown[client->queue] = false;
    }
}

static void answer_strike(struct client *client, const struct op_result *result)
{
    struct clients *all = client->all;
    bool destroyed = client->verb == VERB_DESTROY;

    if (ledger_judge(all->ledger, I5_LEGAL_EDGES, !result->err.code, "%s: %.100s",
                     verb_names[client->verb], result->err.text)) {
        ledger_strike(all->ledger, client->queue, destroyed ? FATE_DESTROYED : FATE_CLEARED);
    }
    if (destroyed) {
        all->paused[client->queue] = false;
        all->pause_unknown[client->queue] = false;
    }
}

static void act(void *context, uint64_t number);

static void lost_answer(struct client *client)
{
    struct clients *all = client->all;
    struct known_job *job = ledger_find(all->ledger, slice_text(client->target));

    all->unknown++;
    if (client->verb == VERB_ENQUEUE) {
        all->ledger->unknown_enqueues++;
    } else if (client->verb == VERB_PAUSE || client->verb == VERB_RESUME) {
        all->pause_unknown[client->queue] = true;
    } else if (client->verb == VERB_CLEAR || client->verb == VERB_DESTROY) {
        all->pause_unknown[client->queue] |= client->verb == VERB_DESTROY;
        ledger_strike(all->ledger, client->queue, FATE_UNKNOWN);
    } else if (client->verb == VERB_FETCH) {
        ledger_claim_unknown(all->ledger, client->queue);
    } else if (job && client->verb != VERB_HEARTBEAT) {
        job->end_unknown = true;
    }
}

static void on_answer(void *context, uint64_t call, const struct op_result *result, uint64_t index)
{
    static void (*const answers[])(struct client *client, const struct op_result *result) = {
        [VERB_ENQUEUE] = answer_enqueue, [VERB_FETCH] = answer_fetch,
        [VERB_ACK] = answer_end,         [VERB_FAIL] = answer_end,
        [VERB_CANCEL] = answer_cancel,   [VERB_PAUSE] = answer_pause,
        [VERB_RESUME] = answer_pause,    [VERB_CLEAR] = answer_strike,
        [VERB_DESTROY] = answer_strike,
    };
    struct client *client = context;

    (void)call;
    (void)index;
    client->busy = false;
    client->all->in_flight--;
    if (!result) {
        world_trace(client->all->world, "client %u: %s got no answer", client->number,
                    verb_names[client->verb]);
        lost_answer(client);
        return;
    }
    client->all->answered++;
    world_trace(client->all->world, "client %u: %s %s %s", client->number, verb_names[client->verb],
                client->target, result->err.code ? result->err.text : "ok");
    if (answers[client->verb]) {
        answers[client->verb](client, result);
    }
}

/* --- Calls ---------------------------------------------------------------------------------------
 */

static void call(struct client *client, enum verb verb, const void *request)
{
    struct clients *all = client->all;
    const struct op_spec *spec = op_find_name(verb_names[verb]);

    if (all->forget_clear && verb == VERB_CLEAR) {
        spec = op_find_name(verb_names[VERB_RESUME]);
    }
    client->verb = verb;
    if (server_submit(all->server, spec, request, on_answer, client, client->number)) {
        client->busy = true;
        all->in_flight++;
        all->operations++;
    }
}

static void enqueue(struct client *client)
{
    struct world *world = client->all->world;
    struct op_enqueue op = {0};

    client->queue = (uint32_t)world_random(world, SIM_QUEUES);
    client->target[0] = 0;
    op.queue = slice_text(queue_names[client->queue]);
    op.payload = slice_text("{\"n\":1}");
    if (world_chance(world, 30)) {
        op.has |= 1u << (OP_ENQUEUE_HAS_PRIORITY - 1);
        op.priority = (uint32_t)world_random(world, 4);
    }
    if (world_chance(world, 20)) {
        op.has |= 1u << (OP_ENQUEUE_HAS_DELAY - 1);
        op.delay = world_random(world, 5000);
    }
    if (world_chance(world, 10)) {
        op.expire_after = 1 + world_random(world, 20000);
    }
    if (world_chance(world, 50)) {
        op.has |= 1u << (OP_ENQUEUE_HAS_RETRY_BASE_DELAY - 1);
        op.retry_base_delay = world_random(world, 2000);
    }
    call(client, VERB_ENQUEUE, &op);
}

static void fetch(struct client *client)
{
    struct world *world = client->all->world;
    struct slice queue;
    struct op_fetch op = {0};
    char worker[16];

    client->queue = (uint32_t)world_random(world, SIM_QUEUES);
    client->target[0] = 0;
    queue = slice_text(queue_names[client->queue]);
    (void)snprintf(worker, sizeof(worker), "w%u", client->number);
    op.queues = (struct list){.items = &queue, .count = 1};
    op.worker_id = slice_text(worker);
    op.count = 1;
    op.timeout = 1 + (int32_t)world_random(world, 4);
    call(client, VERB_FETCH, &op);
}

static void finish(struct client *client, bool fails)
{
    struct op_ack ack = {0};
    struct op_fail fail = {0};

    (void)snprintf(client->target, sizeof(client->target), "%s", client->job_id);
    client->job_id[0] = 0;
    if (fails) {
        fail.job_id = slice_text(client->target);
        fail.lease_token = slice_text(client->token);
        fail.error = slice_text("it broke");
        call(client, VERB_FAIL, &fail);
        return;
    }
    ack.job_id = slice_text(client->target);
    ack.lease_token = slice_text(client->token);
    ack.result = slice_text("{\"ok\":true}");
    call(client, VERB_ACK, &ack);
}

static void heartbeat(struct client *client)
{
    struct op_heartbeat_item item = {0};
    struct op_heartbeat op = {.jobs = {.items = &item, .count = 1}};

    (void)snprintf(client->target, sizeof(client->target), "%s", client->job_id);
    item.key = slice_text(client->target);
    item.job.lease_token = slice_text(client->token);
    item.job.progress = slice_text("{\"current\":1}");
    call(client, VERB_HEARTBEAT, &op);
}

static void cancel(struct client *client)
{
    struct clients *all = client->all;
    struct op_job op = {0};
    const struct known_job *job;

    if (all->ledger->job_count == 0) {
        return;
    }
    job = &all->ledger->jobs[world_random(all->world, all->ledger->job_count)];
    (void)snprintf(client->target, sizeof(client->target), "%s", job->id);
    op.job_id = slice_text(client->target);
    call(client, VERB_CANCEL, &op);
}

static void pause_or_resume(struct client *client, bool pause)
{
    struct op_queue op = {0};

    client->queue = (uint32_t)world_random(client->all->world, SIM_QUEUES);
    client->target[0] = 0;
    op.queue = slice_text(queue_names[client->queue]);
    call(client, pause ? VERB_PAUSE : VERB_RESUME, &op);
}

static void strike(struct client *client, bool destroy)
{
    struct op_queue op = {0};

    client->queue = (uint32_t)world_random(client->all->world, SIM_QUEUES);
    client->target[0] = 0;
    op.queue = slice_text(queue_names[client->queue]);
    call(client, destroy ? VERB_DESTROY : VERB_CLEAR, &op);
}

/* With a job in hand: mostly ends it, sometimes holds on to it until the lease is lost. */
static void work(struct client *client)
{
    uint64_t dice = world_random(client->all->world, 100);

    if (dice < 55 || client->all->finishing) {
        finish(client, false);
    } else if (dice < 75) {
        finish(client, true);
    } else if (dice < 90) {
        heartbeat(client);
    } else if (dice < 93) {
        client->job_id[0] = 0;
    }
}

static void choose(struct client *client)
{
    uint64_t dice = world_random(client->all->world, 100);

    if (client->job_id[0]) {
        work(client);
    } else if (client->all->finishing) {
        if (dice < 10) {
            pause_or_resume(client, false);
        } else {
            fetch(client);
        }
    } else if (dice < 40) {
        enqueue(client);
    } else if (dice < 90) {
        fetch(client);
    } else if (dice < 94) {
        cancel(client);
    } else if (dice < 98) {
        pause_or_resume(client, dice < 95);
    } else {
        strike(client, dice == 99);
    }
}

static void act(void *context, uint64_t number)
{
    struct client *client = context;
    struct world *world = client->all->world;
    /* Bursts: often the next call follows at once, so that faults meet calls in flight. */
    uint64_t pause_ms =
        world_chance(world, 70) ? 1 + world_random(world, 4) : 1 + world_random(world, 3000);

    (void)number;
    if (!client->busy) {
        choose(client);
    }
    world_after(world, pause_ms * NS_PER_MS, act, client, 0);
}

void clients_init(struct clients *clients, struct world *world, struct server *server,
                  struct ledger *ledger)
{
    *clients = (struct clients){.world = world, .server = server, .ledger = ledger};
    for (uint32_t i = 0; i < SIM_CLIENTS; i++) {
        clients->each[i].all = clients;
        clients->each[i].number = i;
    }
}

void clients_start(struct clients *clients)
{
    for (uint32_t i = 0; i < SIM_CLIENTS; i++) {
        world_after(clients->world, world_random(clients->world, 50) * NS_PER_MS, act,
                    &clients->each[i], 0);
    }
}
