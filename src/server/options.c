/* The server's options: see options.h. */
#include "server/options.h"

#include "base/limits.h"
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>

static const char *const level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const tls_words[] = {"1.2", "1.3", NULL};
static const char *const store_words[] = {"segments", "badger", "bolt", "pebble", NULL};
static const char *const apply_words[] = {"grouped", "indexed", "individual", NULL};

static const char *const group_titles[GROUP_COUNT] = {
    [GROUP_NODE] = "Node",
    [GROUP_NETWORK] = "Network",
    [GROUP_STORAGE] = "Storage",
    [GROUP_LIMITS] = "Limits",
    [GROUP_LOG] = "Log",
    [GROUP_AUTH] = "Access",
    [GROUP_CLUSTER] = "Cluster",
    [GROUP_VIEW] = "Search",
    [GROUP_STREAMS] = "Streams and fetching",
    [GROUP_TELEMETRY] = "Telemetry and webhooks",
};

#define TEXT(field) OPTION_TEXT, offsetof(struct server_options, field)
#define BOOL(field) OPTION_BOOL, offsetof(struct server_options, field)
#define COUNT(field) OPTION_COUNT, offsetof(struct server_options, field)
#define SIZE(field) OPTION_SIZE, offsetof(struct server_options, field)
#define TIME(field) OPTION_DURATION, offsetof(struct server_options, field)
#define NO(kind) OPTION_##kind, OPTION_NOWHERE
#define UP_TO(most) .max = (most)
#define RANGE(least, most) .min = (least), .max = (most)
#define ANY_TIME .max = DURATION_MS_MAX
#define ANY_COUNT .max = UINT64_C(1) << 40

static const struct option rows[] = {
    {"config", GROUP_NODE, TEXT(config), "", .flags = OPTION_NO_FILE,
     .help = "the configuration file; see corvo.conf(5)"},
    {"data-dir", GROUP_NODE, TEXT(data_dir), "data", .help = "where the log and the state live"},
    {"bootstrap", GROUP_NODE, BOOL(bootstrap), "true",
     .help = "begin anew when there is no data; false guards against a disk that is not mounted"},
    {"node-id", GROUP_NODE, TEXT(node_id), "node-1", .help = "unique name of this node"},
    {"shutdown-timeout", GROUP_NODE, TIME(shutdown_timeout_ms), "30s", ANY_TIME,
     .flags = OPTION_RELOADS, .help = "how long SIGTERM waits for requests in flight"},

    {"bind", GROUP_NETWORK, TEXT(bind), ":8080",
     .help = "HTTP address, host:port; port 0 takes any"},
    {"http-advertise", GROUP_NETWORK, NO(TEXT), "", .flags = OPTION_IDLE,
     .help = "URL of this node for other members and their clients"},
    {"idle-timeout", GROUP_NETWORK, TIME(idle_timeout_ms), "120s", RANGE(1, DURATION_MS_MAX),
     .help = "how long a connection may be silent between requests"},
    {"request-timeout", GROUP_NETWORK, TIME(request_timeout_ms), "30s", RANGE(1, DURATION_MS_MAX),
     .help = "how long a request may take to arrive"},
    {"write-timeout", GROUP_NETWORK, TIME(write_timeout_ms), "30s", RANGE(1, DURATION_MS_MAX),
     .help = "how long a client may take nothing of its reply; it has 20 times that for all of it"},
    {"handshake-timeout", GROUP_NETWORK, TIME(handshake_timeout_ms), "10s",
     RANGE(1, DURATION_MS_MAX), .help = "how long a TLS handshake may take"},
    {"tls-cert", GROUP_NETWORK, TEXT(tls_cert), "",
     .help = "file with the certificate and its chain, PEM; with it HTTPS is spoken, not HTTP"},
    {"tls-key", GROUP_NETWORK, TEXT(tls_key), "",
     .help = "file with the certificate's key, PEM, without a passphrase"},
    {"tls-client-ca", GROUP_NETWORK, TEXT(tls_client_ca), "",
     .help = "file with authorities, PEM; clients must show a certificate of theirs"},
    {"tls-min-version", GROUP_NETWORK, TEXT(tls_min_version), "1.2", .words = tls_words,
     .help = "oldest version of TLS that is spoken"},
    {"compression", GROUP_NETWORK, BOOL(compression), "true",
     .help = "send larger replies in gzip to clients that accept it"},
    {"docs-enabled", GROUP_NETWORK, BOOL(docs_enabled), "true", .help = "serve /openapi.json"},
    {"no-compression", GROUP_NETWORK, NO(BOOL), "true", .flags = OPTION_IDLE,
     .help = "do not compress RPC responses"},

    {"durable", GROUP_STORAGE, BOOL(durable), "true",
     .help = "sync the log before each reply; false can lose acknowledged work in a power cut"},
    {"retention", GROUP_STORAGE, TIME(retention_ms), "168h", ANY_TIME, .flags = OPTION_RELOADS,
     .help = "how long finished jobs are kept; 0 = for ever"},
    {"retention-interval", GROUP_STORAGE, NO(DURATION), "1h", ANY_TIME, .flags = OPTION_IDLE,
     .help = "jobs go when they are due, not in intervals"},
    {"retention-max-jobs", GROUP_STORAGE, NO(COUNT), "0", ANY_COUNT, .flags = OPTION_UNBUILT,
     .help = "finished jobs kept at most; 0 = no bound"},
    {"lifecycle-events", GROUP_STORAGE, BOOL(lifecycle_events), "true", .flags = OPTION_RELOADS,
     .help = "store an event for each change of a job"},
    {"events-max", GROUP_STORAGE, COUNT(events_max), "10000000", RANGE(1, UINT64_C(1) << 40),
     .flags = OPTION_RELOADS, .help = "events kept; the oldest go"},
    {"events-retention", GROUP_STORAGE, NO(DURATION), "7d", ANY_TIME, .flags = OPTION_UNBUILT,
     .help = "how long events are kept"},
    {"snapshot-threshold", GROUP_STORAGE, NO(COUNT), "100000", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "entries between snapshots of the state"},
    {"snapshot-log-bytes", GROUP_STORAGE, NO(SIZE), "256MiB", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "log between snapshots of the state"},
    {"raft-store", GROUP_STORAGE, TEXT(raft_store), "segments", .words = store_words,
     .help = "log engine; badger means segments (bolt and pebble are not built yet)"},

    {"max-payload-size", GROUP_LIMITS, SIZE(max_payload_size), "256KiB", UP_TO(BODY_MAX_DEFAULT),
     .help = "largest job payload; 0 = as large as a body"},
    {"max-body-size", GROUP_LIMITS, SIZE(max_body_size), "16MiB", RANGE(KIB, 64 * MIB),
     .help = "largest request body"},
    {"max-connections", GROUP_LIMITS, COUNT(max_connections), "20000", RANGE(1, 1000000),
     .help = "open HTTP connections; one more is answered 503"},
    {"max-http-memory", GROUP_LIMITS, SIZE(max_http_memory), "512MiB",
     RANGE(MIB, UINT64_C(1) << 40),
     .help = "what requests and replies may hold together; more is answered 503"},
    {"raft-max-pending", GROUP_LIMITS, COUNT(raft_max_pending), "16384", RANGE(1, 1000000),
     .help = "operations accepted and not yet applied; above: 429 OVERLOADED"},
    {"raft-max-fetch-inflight", GROUP_LIMITS, COUNT(raft_max_fetch_inflight), "64",
     RANGE(1, 100000), .help = "claims of one queue in the log at a time; more wait"},
    {"rate-limit-enabled", GROUP_LIMITS, NO(BOOL), "false", .flags = OPTION_UNBUILT,
     .help = "limit requests of each client"},
    {"rate-limit-read-rps", GROUP_LIMITS, NO(COUNT), "2000", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "reads a second of a client"},
    {"rate-limit-read-burst", GROUP_LIMITS, NO(COUNT), "4000", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "reads at once of a client"},
    {"rate-limit-write-rps", GROUP_LIMITS, NO(COUNT), "1000", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "writes a second of a client"},
    {"rate-limit-write-burst", GROUP_LIMITS, NO(COUNT), "2000", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "writes at once of a client"},
    {"require-lease-token", GROUP_LIMITS, BOOL(require_lease_token), "false",
     .help = "refuse acks, fails and heartbeats that bring no lease token"},
    {"idempotency-ttl", GROUP_LIMITS, TIME(idempotency_ttl_ms), "24h", RANGE(1000, DURATION_MS_MAX),
     .flags = OPTION_RELOADS,
     .help = "how long the outcome of a request with an Idempotency-Key is kept"},
    {"idempotency-min-ttl", GROUP_LIMITS, TIME(idempotency_min_ttl_ms), "5m",
     RANGE(1, DURATION_MS_MAX), .flags = OPTION_RELOADS,
     .help = "how long even when there are too many; more are then 429 OVERLOADED"},
    {"idempotency-max", GROUP_LIMITS, COUNT(idempotency_max), "1000000",
     RANGE(1, UINT64_C(1) << 32), .flags = OPTION_RELOADS, .help = "outcomes kept; the oldest go"},

    {"log-level", GROUP_LOG, TEXT(log_level), "info", .words = level_words, .flags = OPTION_RELOADS,
     .help = "the least level that is written"},
    {"log-format", GROUP_LOG, TEXT(log_format), "text", .words = format_words,
     .flags = OPTION_RELOADS, .help = "how the program's own log is written"},

    {"admin-password", GROUP_AUTH, NO(TEXT), "", .flags = OPTION_UNBUILT | OPTION_SECRET,
     .help = "password of the first administrator"},
    {"license-key", GROUP_AUTH, NO(TEXT), "", .flags = OPTION_IDLE | OPTION_SECRET,
     .help = "licence of the features that want one"},
    {"license-public-key", GROUP_AUTH, NO(TEXT), "", .flags = OPTION_IDLE,
     .help = "key that licences are checked with"},
    {"oidc-issuer-url", GROUP_AUTH, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "issuer whose bearer tokens are accepted"},
    {"oidc-client-id", GROUP_AUTH, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "audience that such tokens must name"},
    {"saml-header-auth", GROUP_AUTH, NO(BOOL), "false", .flags = OPTION_UNBUILT,
     .help = "trust the headers of a proxy that speaks SAML"},

    {"raft-bind", GROUP_CLUSTER, TEXT(raft_bind), ":9000",
     .help = "this node's address in the cluster's configuration"},
    {"raft-advertise", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "address at which members reach this node"},
    {"join", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "HTTP address of a member of the cluster to join"},
    {"discover", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "how members are found: dns, or not at all"},
    {"discover-dns-name", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "name whose addresses are the members"},
    {"raft-shards", GROUP_CLUSTER, NO(COUNT), "1", RANGE(1, 64), .flags = OPTION_UNBUILT,
     .help = "independent logs"},
    {"apply-multi-mode", GROUP_CLUSTER, NO(TEXT), "grouped", .words = apply_words,
     .flags = OPTION_IDLE, .help = "operations of a group are always applied together"},
    {"election-timeout", GROUP_CLUSTER, NO(DURATION), "300ms", RANGE(10, 60000),
     .flags = OPTION_IDLE, .help = "silence of a leader after which another is elected"},
    {"heartbeat-interval", GROUP_CLUSTER, NO(DURATION), "75ms", RANGE(1, 60000),
     .flags = OPTION_IDLE, .help = "how often a leader says that it is there"},
    {"cluster-token", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT | OPTION_SECRET,
     .help = "secret by which members know each other"},
    {"cluster-tls-cert", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "certificate of this node for other members"},
    {"cluster-tls-key", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "key of that certificate"},
    {"cluster-tls-ca", GROUP_CLUSTER, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "authority of the members' certificates"},

    {"view", GROUP_VIEW, BOOL(view), "true", .help = "keep the tables that lists and search read"},
    {"view-fts", GROUP_VIEW, NO(BOOL), "true", .flags = OPTION_IDLE,
     .help = "index payloads for full-text search"},
    {"jq-timeout", GROUP_VIEW, NO(DURATION), "1s", ANY_TIME, .flags = OPTION_IDLE,
     .help = "how long a jq filter may run"},
    {"jq-memory", GROUP_VIEW, NO(SIZE), "128MiB", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "memory that a jq filter may take"},
    {"query-timeout", GROUP_VIEW, TIME(query_timeout_ms), "5s", RANGE(1, DURATION_MS_MAX),
     .help = "how long a search may run, its wait for a turn included"},

    {"stream-max-inflight", GROUP_STREAMS, NO(COUNT), "2048", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "jobs handed to one stream and not yet finished"},
    {"stream-max-open", GROUP_STREAMS, NO(COUNT), "4096", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "open streams"},
    {"stream-max-fps", GROUP_STREAMS, NO(COUNT), "500", ANY_COUNT, .flags = OPTION_IDLE,
     .help = "frames a second of one stream; 0 = no bound"},
    {"fetch-poll-interval", GROUP_STREAMS, NO(DURATION), "100ms", ANY_TIME, .flags = OPTION_IDLE,
     .help = "nothing polls: who waits is woken"},
    {"idle-fetch-sleep", GROUP_STREAMS, NO(DURATION), "100ms", ANY_TIME, .flags = OPTION_IDLE,
     .help = "nothing sleeps: who waits is woken"},

    {"metrics-public", GROUP_TELEMETRY, NO(BOOL), "false", .flags = OPTION_IDLE,
     .help = "serve metrics without a credential"},
    {"metrics-max-queues", GROUP_TELEMETRY, COUNT(metrics_max_queues), "1000", UP_TO(1000000),
     .help = "queues with figures of their own; the others share one"},
    {"pprof", GROUP_TELEMETRY, NO(TEXT), "none", .flags = OPTION_UNBUILT,
     .help = "address of the profiler"},
    {"otel-enabled", GROUP_TELEMETRY, NO(BOOL), "false", .flags = OPTION_UNBUILT,
     .help = "send traces"},
    {"otel-endpoint", GROUP_TELEMETRY, NO(TEXT), "", .flags = OPTION_UNBUILT,
     .help = "where traces go, host:port of an OTLP collector"},
    {"webhook-allow-private", GROUP_TELEMETRY, NO(BOOL), "false", .flags = OPTION_IDLE,
     .help = "let webhooks go to private addresses"},
    {"webhook-max-inflight", GROUP_TELEMETRY, NO(COUNT), "64", RANGE(1, 10000),
     .flags = OPTION_IDLE, .help = "webhook requests at a time"},
};

#undef TEXT
#undef BOOL
#undef COUNT
#undef SIZE
#undef TIME
#undef NO
#undef UP_TO
#undef RANGE
#undef ANY_TIME
#undef ANY_COUNT

_Static_assert(ARRAY_COUNT(rows) <= OPTION_ROWS_MAX, "raise OPTION_ROWS_MAX");

const struct option *server_option_rows(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(rows);
    return rows;
}

const char *option_group_title(enum option_group group)
{
    return group_titles[group];
}

int server_option_find(const char *name, size_t size)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strlen(rows[i].name) == size && memcmp(rows[i].name, name, size) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *server_option_suggest(const char *name)
{
    const char *names[ARRAY_COUNT(rows)];

    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        names[i] = rows[i].name;
    }
    return suggest_name(name, names, ARRAY_COUNT(rows));
}

void option_environment(const struct option *row, char ret_name[static OPTION_ENVIRONMENT_MAX])
{
    size_t size = 0;

    for (const char *from = "CORVO_"; *from; from++) {
        ret_name[size++] = *from;
    }
    for (const char *from = row->name; *from && size + 1 < OPTION_ENVIRONMENT_MAX; from++) {
        ret_name[size++] = *from == '-' ? '_' : (char)toupper((unsigned char)*from);
    }
    ret_name[size] = '\0';
}
