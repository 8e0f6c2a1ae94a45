/* The clients: producers, workers and operators that act at random on few queues, and remember what
 * they were told. */
#ifndef SIM_CLIENTS_H
#define SIM_CLIENTS_H

#include "server.h"

#define SIM_QUEUES 4
#define SIM_CLIENTS 12

struct client {
    struct clients *all;
    uint32_t number;
    bool busy;
    char job_id[40]; /* The job it works on; empty = none. */
    char token[72];
    uint32_t epoch;
    uint32_t verb;   /* What is under way. */
    uint64_t call;   /* Number of the call under way: answers of older ones are void. */
    char target[40]; /* Job that the call under way is about. */
    uint32_t queue;  /* Queue that it is about. */
};

struct clients {
    struct world *world;
    struct server *server;
    struct ledger *ledger;
    struct client each[SIM_CLIENTS];
    uint64_t operations; /* Calls that were submitted. */
    uint64_t answered, unknown;
    bool paused[SIM_QUEUES];        /* As the log order says. */
    bool pause_unknown[SIM_QUEUES]; /* A pause or resume got no answer. */
    bool finishing;                 /* Only work off what is there. */
    bool forget_clear;              /* The planted bug: a clear is answered and not done. */
    uint32_t in_flight;
};

void clients_init(struct clients *clients, struct world *world, struct server *server,
                  struct ledger *ledger);

/* Starts every client's endless life. */
void clients_start(struct clients *clients);

#endif
