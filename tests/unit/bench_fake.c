/* poll() over a few connections; one FIFO of jobs whatever their queue. See the header. */
#include "tests/unit/bench_fake.h"

#include "base/buf.h"
#include "bench/clock.h"
#include "bench/scan.h"
#include "wire/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 256
#define BYTES_MAX ((size_t)16 << 20)
#define PAYLOAD_MAX 512
#define JOBS_MAX 20000

struct peer {
    int fd; /* -1: free. */
    struct buf in;
    struct buf out;
    uint32_t waits_for; /* Jobs it would take; 0: not in a fetch. */
    bool waits_batch;
    bool closes;
};

struct job {
    char payload[PAYLOAD_MAX];
    uint64_t due_ns; /* Of the wall clock. */
};

struct bench_fake {
    struct bench_fake_mode mode;
    struct bench_fake_counts counts;
    pthread_t thread;
    int listen_fd;
    int stop_fds[2];
    uint16_t port;
    struct peer peers[PEERS_MAX];
    uint32_t peer_count; /* Places that were ever used. */
    struct job *jobs;
    uint32_t first_job, job_count;
};

static bool nth(uint64_t count, uint32_t every)
{
    return every != 0 && count % every == 0;
}

static void reply(struct bench_fake *fake, struct peer *peer, const char *status, struct slice body)
{
    const char *extra = "";

    if (nth(fake->counts.requests, fake->mode.close_every)) {
        peer->closes = true;
        extra = "Connection: close\r\n";
    }
    (void)buf_printf(&peer->out, "HTTP/1.1 %s\r\ncontent-LENGTH:  %zu\r\n%s\r\n", status, body.size,
                     extra);
    (void)buf_add_slice(&peer->out, body);
}

static void add_job(struct bench_fake *fake, struct slice text)
{
    struct slice number = {0};
    struct slice due = {0};
    struct job *job;

    fake->counts.enqueued++;
    if (nth(fake->counts.enqueued, fake->mode.lose_every)) {
        return;
    }
    if (fake->job_count == JOBS_MAX) {
        abort();
    }
    job = &fake->jobs[(fake->first_job + fake->job_count++) % JOBS_MAX];
    job->due_ns = 0;
    (void)scan_text(&text, "{\"n\":\"", &number);
    (void)snprintf(job->payload, sizeof(job->payload), "{\"n\":\"%.*s\"}", (int)number.size,
                   (const char *)number.data);
    if (scan_text(&text, "\"scheduled_at\":\"", &due) && !json_parse_time(due, &job->due_ns)) {
        abort();
    }
}

static void enqueue(struct bench_fake *fake, struct peer *peer, struct slice body)
{
    static const char text[] = "{\"job_id\":\"job_1\",\"status\":\"pending\"}";
    static const char start[] = "{\"queue\":";

    while (body.size > 0) {
        const uint8_t *found = memmem(body.data, body.size, start, strlen(start));
        const uint8_t *next;
        struct slice job;

        if (!found) {
            break;
        }
        body = slice_from(body, (size_t)(found - body.data));
        next = memmem(body.data + 1, body.size - 1, start, strlen(start));
        job = slice_of(body.data, next ? (size_t)(next - body.data) : body.size);
        add_job(fake, job);
        body = slice_from(body, job.size);
    }
    reply(fake, peer, "201 Created", slice_text(text));
}

/* Whether the head of the FIFO may leave. */
static bool is_ready(const struct bench_fake *fake)
{
    return fake->job_count > 0 && (fake->mode.early || fake->jobs[fake->first_job].due_ns == 0 ||
                                   clock_wall_ns() >= fake->jobs[fake->first_job].due_ns);
}

static void give_jobs(struct bench_fake *fake, struct peer *peer)
{
    struct buf body;
    uint32_t given = 0;

    buf_init(&body, BYTES_MAX);
    if (peer->waits_batch) {
        (void)buf_add_text(&body, "{\"jobs\":[");
    }
    while (given < peer->waits_for && is_ready(fake)) {
        (void)buf_printf(&body, "%s{\"job_id\":\"job_%llu\",\"payload\":%s", given ? "," : "",
                         (unsigned long long)fake->counts.delivered,
                         fake->jobs[fake->first_job].payload);
        if (!fake->mode.no_tokens) {
            (void)buf_printf(&body, ",\"lease_token\":\"t%llu\"",
                             (unsigned long long)fake->counts.delivered);
        }
        (void)buf_add_byte(&body, '}');
        fake->first_job = (fake->first_job + 1) % JOBS_MAX;
        fake->job_count--;
        fake->counts.delivered++;
        given++;
    }
    if (peer->waits_batch) {
        (void)buf_add_text(&body, "]}");
    }
    peer->waits_for = 0;
    reply(fake, peer, "200 OK", buf_slice(&body));
    buf_done(&body);
}

static void ack(struct bench_fake *fake, struct peer *peer, struct slice body)
{
    char text[64];
    struct slice token;
    uint64_t count = 0;

    while (scan_text(&body, "\"lease_token\":\"t", &token)) {
        count++;
    }
    fake->counts.acked += count;
    (void)snprintf(text, sizeof(text), "{\"status\":\"ok\",\"acked\":%llu}",
                   (unsigned long long)count);
    reply(fake, peer, "200 OK", slice_text(text));
}

static void answer(struct bench_fake *fake, struct peer *peer, struct slice path, struct slice body)
{
    static const char busy[] = "{\"error\":\"too much\",\"code\":\"OVERLOADED\"}";
    uint64_t count = 1;

    fake->counts.requests++;
    if (nth(fake->counts.requests, fake->mode.drop_every)) {
        peer->closes = true;
    } else if (nth(fake->counts.requests, fake->mode.refuse_every)) {
        fake->counts.refused++;
        reply(fake, peer, "429 Too Many Requests", slice_text(busy));
    } else if (memmem(path.data, path.size, "/enqueue", 8)) {
        enqueue(fake, peer, body);
    } else if (memmem(path.data, path.size, "/fetch", 6)) {
        peer->waits_batch = scan_number(body, "\"count\":", &count);
        peer->waits_for = (uint32_t)count;
    } else if (memmem(path.data, path.size, "/ack", 4)) {
        ack(fake, peer, body);
    } else {
        reply(fake, peer, "200 OK", slice_text("{\"pid\":4711}"));
    }
}

/* Answers the complete request at the front of `in`, if there is one. */
static bool take_request(struct bench_fake *fake, struct peer *peer)
{
    struct slice bytes = buf_slice(&peer->in);
    const uint8_t *end = bytes.size ? memmem(bytes.data, bytes.size, "\r\n\r\n", 4) : NULL;
    struct slice header;
    uint64_t body_size = 0;

    if (!end || peer->waits_for > 0 || peer->closes) {
        return false;
    }
    header = slice_of(bytes.data, (size_t)(end - bytes.data) + 4);
    if (!scan_number(header, "Content-Length: ", &body_size)) {
        abort();
    }
    if (bytes.size < header.size + body_size) {
        return false;
    }
    answer(fake, peer, slice_of(bytes.data, strcspn((const char *)bytes.data, "\r")),
           slice_of(bytes.data + header.size, body_size));
    buf_consume(&peer->in, header.size + body_size);
    return true;
}

static void peer_close(struct peer *peer)
{
    (void)close(peer->fd);
    peer->fd = -1;
    buf_done(&peer->in);
    buf_done(&peer->out);
}

static void peer_write(const struct bench_fake *fake, struct peer *peer)
{
    while (peer->out.size > 0) {
        size_t size = fake->mode.splits && peer->out.size > 3 ? 3 : peer->out.size;
        ssize_t sent = send(peer->fd, peer->out.data, size, MSG_NOSIGNAL);

        if (sent <= 0) {
            break;
        }
        buf_consume(&peer->out, (size_t)sent);
    }
    if (peer->closes) {
        peer_close(peer);
    }
}

static void peer_read(struct peer *peer)
{
    ssize_t got;

    if (!buf_reserve(&peer->in, 65536)) {
        abort();
    }
    got = recv(peer->fd, peer->in.data + peer->in.size, 65536, MSG_DONTWAIT);
    if (got > 0) {
        peer->in.size += (size_t)got;
    } else if (got == 0 || errno != EAGAIN) {
        peer_close(peer);
    }
}

static void accept_one(struct bench_fake *fake)
{
    int fd = accept(fake->listen_fd, NULL, NULL);

    for (uint32_t i = 0; i < PEERS_MAX && fd >= 0; i++) {
        struct peer *peer = &fake->peers[i];

        if (peer->fd < 0) {
            *peer = (struct peer){.fd = fd};
            buf_init(&peer->in, BYTES_MAX);
            buf_init(&peer->out, BYTES_MAX);
            fake->peer_count = i < fake->peer_count ? fake->peer_count : i + 1;
            return;
        }
    }
    abort();
}

static void serve_peers(struct bench_fake *fake)
{
    for (uint32_t i = 0; i < fake->peer_count; i++) {
        struct peer *peer = &fake->peers[i];

        if (peer->fd < 0) {
            continue;
        }
        while (take_request(fake, peer)) {
        }
        if (peer->waits_for > 0 && is_ready(fake)) {
            give_jobs(fake, peer);
        }
        peer_write(fake, peer);
    }
}

static void *serve(void *context)
{
    struct bench_fake *fake = context;
    struct pollfd waits[PEERS_MAX + 2];

    for (;;) {
        waits[0] = (struct pollfd){.fd = fake->stop_fds[0], .events = POLLIN};
        waits[1] = (struct pollfd){.fd = fake->listen_fd, .events = POLLIN};
        for (uint32_t i = 0; i < fake->peer_count; i++) {
            waits[i + 2] = (struct pollfd){.fd = fake->peers[i].fd, .events = POLLIN};
        }
        /* A job may have become due since the peers were served: nothing else would tell. */
        (void)poll(waits, fake->peer_count + 2, fake->job_count > 0 ? 1 : -1);
        if (waits[0].revents) {
            return NULL;
        }
        for (uint32_t i = 0; i < fake->peer_count; i++) {
            if (waits[i + 2].revents) {
                peer_read(&fake->peers[i]);
            }
        }
        if (waits[1].revents) {
            accept_one(fake);
        }
        serve_peers(fake);
        serve_peers(fake); /* An enqueue may have made work for an earlier one. */
    }
}

struct bench_fake *bench_fake_start(const struct bench_fake_mode *mode)
{
    struct bench_fake *fake = calloc(1, sizeof(*fake));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    if (!fake || pipe(fake->stop_fds) != 0) {
        abort();
    }
    fake->mode = *mode;
    fake->jobs = calloc(JOBS_MAX, sizeof(fake->jobs[0]));
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        fake->peers[i].fd = -1;
    }
    fake->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!fake->jobs || bind(fake->listen_fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fake->listen_fd, 128) != 0 ||
        getsockname(fake->listen_fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&fake->thread, NULL, serve, fake) != 0) {
        abort();
    }
    fake->port = ntohs(address.sin_port);
    return fake;
}

uint16_t bench_fake_port(const struct bench_fake *fake)
{
    return fake->port;
}

struct bench_fake_counts bench_fake_stop(struct bench_fake *fake)
{
    struct bench_fake_counts counts;

    if (write(fake->stop_fds[1], "x", 1) != 1 || pthread_join(fake->thread, NULL) != 0) {
        abort();
    }
    counts = fake->counts;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (fake->peers[i].fd >= 0) {
            peer_close(&fake->peers[i]);
        }
    }
    (void)close(fake->listen_fd);
    (void)close(fake->stop_fds[0]);
    (void)close(fake->stop_fds[1]);
    free(fake->jobs);
    free(fake);
    return counts;
}
