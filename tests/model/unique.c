/* Unique keys as plain as can be: see unique.h. */
#include "tests/model/unique.h"

bool model_is_holder(const struct model *model, const struct model_job *job)
{
    return !job->gone && job->unique_ends_at > model->now_ns;
}

struct model_job *model_holder(struct model *model, uint32_t queue, const char *key)
{
    for (uint32_t i = 0; i < model->job_count; i++) {
        struct model_job *job = &model->jobs[i];

        if (job->queue == queue && model_is_holder(model, job) &&
            strcmp(job->unique_key.text, key) == 0) {
            return job;
        }
    }
    return NULL;
}

bool model_is_key_taken(struct model *model, const struct model_job *job, uint32_t queue)
{
    struct model_job *holder = model_holder(model, queue, job->unique_key.text);

    return holder && holder != job;
}

void model_take_key(const struct model *model, struct model_job *job)
{
    if (job->unique_until && !model_is_holder(model, job)) {
        job->unique_ends_at =
            job->unique_period_ms ? model->now_ns + job->unique_period_ms * NS_PER_MS : UINT64_MAX;
    }
}
