/* Golden transcripts: commands above `----`, what they must print below.
 *
 *   # A comment.
 *   enqueue queue=mail payload={"n":1}   one operation, one entry; words become JSON strings
 *   fetch queues=mail,sms worker_id=w1   a,b under `queues` is a list
 *   ack job_id=$1 lease_token=$1.1       $n: id of the n-th job made; $n.e: its token of epoch e
 *   head traceparent=00-aa-bb-01         what the next operation's head carries
 *   head key=k1                          makes the operations up to the end of the entry one keyed
 *                                        request, whose fingerprint is its first line
 *   head key=k1 list                     the same; each operation stands alone
 *   begin, begin unit, ... end           several operations in one entry; as a unit
 *   clock +5s, clock -5s, clock +1ns     moves the time that entries carry
 *   job $1, attempts $1, queues, due, why $1    reads
 *   options retention=1h events_max=5    opens the core anew with these options
 *   reopen                               opens the core anew over the same rows
 *   repeat 1030 enqueue queue=mail       the command that often; only the last time is printed
 *   quiet ... loud                       operations in between are not printed
 *   epoch                                prints the rows that a store would have written since
 *                                        the last `epoch`
 *
 * Each line of output is the command's number, its name, `again` when it is the first outcome of a
 * keyed request, and `ok` with the reply or the contract's error code; behind the bar what changed:
 * `+ ~ -` rows made, changed, removed; `!` events; `^` queues woken. After each command the indexes
 * are compared with the rows and the state hash with a scan. Over a store, golden_run also closes
 * it in the middle and opens it again, which no output may show. run.py replays the replies over
 * HTTP. */
#ifndef GOLDEN_GOLDEN_H
#define GOLDEN_GOLDEN_H

#include "base/buf.h"
#include "core/core.h"
#include "tests/golden/place.h"
#include "tests/golden/record.h"

#define SCRIPT_ARENA_MAX ((size_t)256 << 20)
#define OPS_MAX 2048

struct golden_op {
    const struct op_spec *spec;
    struct err err; /* Of reading the request. */
};

struct golden {
    struct place place;
    struct record record;
    struct core *core;
    struct core_options options;
    struct arena arena; /* Of one command. */
    struct buf out;
    uint64_t now_ns;
    uint64_t index;
    uint32_t line;
    bool quiet;
    bool hushed;     /* Between `quiet` and `loud`. */
    bool failed;     /* A check did not hold; the output says which. */
    char (*ids)[32]; /* ids[n]: the id of job n, "" when there is none. */
    uint32_t id_room;
    char traceparent[80];
    char key[64];         /* Of the request that is being made; "" = none. */
    char fingerprint[64]; /* "" until its first operation. */
    bool list;
    uint32_t call; /* Of the key. */
    struct buf entry;
    struct golden_op ops[OPS_MAX];
    uint32_t op_count;
    bool in_entry;
    uint32_t unit;
    bool flushed; /* The store was, after a quarter of the lines. */
    bool restarted;
};

/* Runs the commands of a script and appends their output to golden->out. False: a line makes no
 * sense (the output says so). */
bool golden_run(struct golden *golden, char *script);

/* Opens an empty core over a place of that kind. */
void golden_init(struct golden *golden, enum place_kind kind);
void golden_done(struct golden *golden);

/* Appends what the last entry changed, in the notation above. */
void golden_print_changes(struct golden *golden, const struct core_applied *applied);

/* Appends text with job ids as $n and lease tokens as $n.e. */
void golden_print(struct golden *golden, struct slice text);

/* The text with $n and $n.e replaced by ids and tokens, in the command's arena. */
struct slice golden_expand(struct golden *golden, struct slice text);

/* Remembers the id in an enqueue reply. */
void golden_learn(struct golden *golden, struct slice id);

/* The request object of `key=value` words as JSON; empty when a word has no `=`. */
struct slice golden_request(struct golden *golden, struct slice words);

/* Takes the next word off *rest; spaces within quotes and brackets do not end it. Empty at the end.
 */
struct slice golden_word(struct slice *rest);

#endif
