/* Every bound on input, queues, buffers and batches that is not an option. A.. = contract
 * additions. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* Names and texts, bytes (A23). */
#define QUEUE_NAME_MAX 200
#define JOB_ID_MAX 64
#define WORKER_ID_MAX 128
#define HOSTNAME_MAX 255
#define UNIQUE_KEY_MAX 256
#define LEASE_TOKEN_MAX 64
#define TAGS_MAX 32
#define TAG_KEY_MAX 64
#define TAG_VALUE_MAX 256
#define ERROR_TEXT_MAX (8 * KIB)
#define BACKTRACE_MAX (64 * KIB)
#define RESULT_MAX (1 * MIB)
#define CHECKPOINT_MAX (1 * MIB)
#define PROGRESS_MAX (16 * KIB)
#define JSON_DEPTH_MAX 64
#define ERROR_RECORDS_MAX 50
#define TRACEPARENT_MAX 64
#define BY_MAX 255 /* Who held, approved or rejected a job. */
#define REASON_MAX (1 * KIB)
#define NOTE_MAX (4 * KIB)
#define FEEDBACK_MAX (16 * KIB)
#define PAYLOAD_PATCH_MAX (64 * KIB)

/* Keyed requests (A4). */
#define IDEMPOTENCY_KEY_MAX 128
#define KEPT_KEY_MAX 24          /* Bytes of the hash of a key and its scope. */
#define KEPT_SIZE_MAX (64 * KIB) /* Of one outcome. */

/* Requests (A23, reference 1.9). */
#define PAYLOAD_MAX_DEFAULT (256 * KIB)
#define BODY_MAX_DEFAULT (16 * MIB)
#define ENQUEUE_BATCH_MAX 10000
#define FETCH_COUNT_MAX 512
#define FETCH_QUEUES_MAX 64
#define ACK_BATCH_MAX 512
#define HEARTBEAT_JOBS_MAX 10000
#define POLL_MS_MAX 60000
#define POLL_MS_DEFAULT 30000
#define LEASE_MS_DEFAULT 60000
#define LEASE_MS_MAX 86400000
#define DURATION_MS_MAX (UINT64_C(366) * 86400000 * 10) /* Ten years. */

/* The process. */
#define TLS_EXPIRY_WARNING_DAYS 14

/* The log and its pipeline (architecture 8). */
#define ENTRY_OPS_MAX 1024
#define ENTRY_SIZE_MAX (8 * MIB)
#define ENTRY_ARENA_MAX (96 * MIB)
#define PENDING_OPS_MAX 16384
#define PENDING_SIZE_MAX (64 * MIB)
#define LOG_WRITES_IN_FLIGHT 2
#define TICK_JOBS_MAX 1024
#define SWEEP_JOBS_MAX 1000 /* Rows of cleared and destroyed queues that an entry removes. */
#define RATE_MAX 100000
#define RATE_WINDOW_MS_MAX 86400000
#define CONCURRENCY_MAX INT32_MAX
#define WINDOW_TRIM_MAX 64      /* Old claims of a throttled queue that a claim's entry removes. */
#define CLAIMS_IN_FLIGHT_MAX 64 /* Of one queue. */
#define READS_WAITING_MAX 1024
#define WHY_AHEAD_MAX 10000
#define WHY_HOLDERS_MAX 20

/* What the leader knows of workers and of the queues' pace (A8, A10, A16). */
#define WORKERS_MAX 10000
#define WORKER_JOBS_MAX 200000 /* Of all workers. */
#define WORKER_JOBS_SHOWN 100
#define WORKER_LOST_MS 90000
#define WORKER_GONE_MS 600000
#define WORKERS_UNKNOWN_MS 60000 /* So new is a leader that has not heard of all. */
#define PACE_QUEUES_MAX 10000
#define BULK_GET_MAX 1000
#define EVENTS_PAGE_DEFAULT 100
#define EVENTS_PAGE_MAX 1000
#define BULK_GET_SIZE_MAX (16 * MIB) /* Of the reply. */
#define BULK_READS_MAX 16            /* At a time. */
#define SEARCH_LIMIT_DEFAULT 50
#define SEARCH_LIMIT_MAX 1000
#define SEARCH_STATES_MAX 16
#define SEARCH_TAGS_ANY_MAX 32
#define SEARCH_TAGS_SIZE_MAX (64 * KIB) /* Of the JSON of one set of tags. */
#define SEARCH_TEXT_MAX (4 * KIB)
#define SEARCH_CURSOR_MAX 256
#define SEARCH_COUNT_MAX 10000 /* Matches that are counted without being asked for, */
#define SEARCH_COUNT_MS 25     /* and for how long. */
#define SEARCH_BODY_MAX (1 * MIB)
#define SEARCH_ARENA_MAX (8 * MIB)
#define SEARCH_ROW_MAX (64 * MIB)        /* What is read of one job. */
#define SEARCH_REPLY_SIZE_MAX (16 * MIB) /* A page ends with the job that passes it. */
#define ERROR_GROUPS_MAX 10000
#define ERROR_GROUPS_DEFAULT 50
#define ERROR_GROUPS_SHOWN 1000
#define ERROR_GROUPS_ARENA_MAX (128 * MIB) /* Of a query, and of its answer. */
#define ERROR_GROUP_JOBS 5
#define ERROR_GROUP_QUEUES 20
#define ERRORS_PERIOD_MS_DEFAULT (24 * UINT64_C(3600000))
#define READ_WAIT_MS_DEFAULT 2000
#define READ_WAIT_MS_MAX 10000
#define READ_VIEW_WAIT_MS 1000 /* For the view to have what is applied. */
#define QUERIES_MAX 64         /* Searches and the like, under way at a time. */
#define REFUSAL_RETRY_MS_MIN 10
#define REFUSAL_RETRY_MS_MAX 2000
#define REQUEST_ARENA_MAX (64 * MIB)

/* Configuration (docs/operating/configuration.md). */
#define OPTION_ROWS_MAX 128
#define OPTION_VALUE_MAX 4096
#define CONFIG_FILE_MAX (256 * KIB)
#define CONFIG_ARENA_MAX (2 * MIB)
#define CONFIG_PROBLEMS_MAX 100
#define CONFIG_PROBLEM_TEXT_MAX 640

/* Open files that connections leave alone, for the store's tables, the log, the loop: an eighth of
 * all, since the store opens more the more it holds, and never fewer than so many. */
#define FILES_RESERVED_SHARE 8
#define FILES_RESERVED_MIN 256
#define FILES_STORE_MAX 1000000

/* The store (store.md, rules 6 and 8). */
#define STORE_EPOCH_SOFT_MAX (16 * MIB)
#define STORE_EPOCH_HARD_MAX (96 * MIB)
#define STORE_UNFLUSHED_LOG_MAX (128 * MIB)
#define STORE_HURRY_NS (10 * UINT64_C(1000000)) /* Between epochs that someone waits for. */

/* The view. */
#define VIEW_READERS 2        /* Threads that queries run on. */
#define VIEW_QUERIES_MAX 1024 /* That wait for one of them. */
#define VIEW_REBUILDS_WAITING_MAX 64
#define VIEW_ERROR_TEXT_MAX (1 * KIB) /* Of an error, in the file. */
#define VIEW_CHANGES_MAX 262144       /* Of one step of the feeder, but for the last record. */

/* The command line. */
#define CLI_REPLY_MAX (256 * MIB)
#define CLI_FLAGS_MAX 64         /* Given to one command, the same one counted each time. */
#define CLI_BATCH_JOBS 1000      /* Of one enqueue/batch. */
#define CLI_BATCH_SIZE (4 * MIB) /* Likewise, of its body. */
#define CLI_ENQUEUE_COUNT_MAX 100000000

#endif
