/* The window of time and the loop around the client. */
#include "bench/load.h"

#include "bench/clock.h"

#include <stdio.h>

#define TURN_NS (NS_PER_SECOND / 10) /* How late an interruption or the progress may be seen. */

enum err_code load_init(struct load *load, struct bench *bench, const struct load_options *options,
                        struct err *err)
{
    const struct client_options client_options = {
        .address = &bench->address,
        .connection_count = options->connection_count,
        .depth_max = options->depth,
        .on_reply = options->on_reply,
        .context = options->context,
    };
    enum err_code code;

    memset(load, 0, sizeof(*load));
    load->bench = bench;
    load->name = options->name;
    code = client_create(&client_options, &load->client, err);
    load->from_ns = clock_mono_ns() + bench->options->warmup_ms * NS_PER_MS;
    load->until_ns = load->from_ns + bench->options->duration_ms * NS_PER_MS;
    return code;
}

void load_done(struct load *load)
{
    client_destroy(load->client);
    load->client = NULL;
    run_progress(NULL, 0, 0);
}

bool load_accept(struct load *load, const struct client_reply *reply)
{
    if (reply->status >= 200 && reply->status < 300) {
        return true;
    }
    results_fail(load->bench->results, load->name, reply->status,
                 reply->status == STATUS_LOST ? slice_text("connection lost") : reply->body);
    return false;
}

void load_count(struct load *load, const struct client_reply *reply, uint64_t count)
{
    if (reply->received_ns < load->from_ns || reply->received_ns >= load->until_ns) {
        return;
    }
    load->done += count;
    hist_add(&load->latency, reply->received_ns - reply->sent_ns);
}

void load_wrong(struct load *load, const char *text)
{
    results_fail(load->bench->results, load->name, STATUS_WRONG, slice_text(text));
}

enum err_code load_run(struct load *load, load_pump_fn pump, void *context, const bool *done,
                       struct err *err)
{
    enum err_code code = ERR_NONE;

    load->run_ns = clock_mono_ns();
    load->cpu_ns = clock_cpu_ns();
    while (code == ERR_NONE && !run_interrupted() && !(done && *done)) {
        uint64_t now_ns = clock_mono_ns();
        uint64_t wait_until_ns = now_ns + TURN_NS;
        uint64_t due_ns;

        if (now_ns >= load->until_ns) {
            break;
        }
        due_ns = pump ? pump(context, now_ns) : load->until_ns;
        wait_until_ns = due_ns < wait_until_ns ? due_ns : wait_until_ns;
        code = client_turn(load->client,
                           load->until_ns < wait_until_ns ? load->until_ns : wait_until_ns, err);
        load->last_ns = clock_mono_ns();
        if (load->done > 0) { /* Neither warming up nor a load that counts something else. */
            run_progress(load->name, load->done, load_rate(load));
        }
    }
    return code;
}

double load_rate(const struct load *load)
{
    uint64_t end_ns = load->last_ns < load->until_ns ? load->last_ns : load->until_ns;

    if (end_ns <= load->from_ns) {
        return 0;
    }
    return (double)load->done * 1e9 / (double)(end_ns - load->from_ns);
}

void load_report_latency(const struct load *load, const char *prefix, const struct hist *hist)
{
    static const struct {
        const char *name;
        double fraction;
    } rows[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}};
    char name[RESULTS_NAME_MAX];

    if (hist->count == 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)snprintf(name, sizeof(name), "%.12s%s", prefix, rows[i].name);
        results_add(load->bench->results, load->name, name, "us",
                    (double)hist_quantile_ns(hist, rows[i].fraction) / 1e3);
    }
}

void load_report_cpu(const struct load *load)
{
    uint64_t elapsed_ns = clock_mono_ns() - load->run_ns;

    if (elapsed_ns > 0) {
        results_add(load->bench->results, load->name, "client_cpu", "%",
                    (double)(clock_cpu_ns() - load->cpu_ns) * 100 / (double)elapsed_ns);
    }
}
