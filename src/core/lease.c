/* Lease tokens: see lease.h. */
#include "core/lease.h"

static bool same_key(struct job_key a, struct job_key b)
{
    return a.time_ns == b.time_ns && a.seq == b.seq;
}

bool lease_token_required(const struct tx *tx, const struct job *job, bool by_request)
{
    return by_request || index_queue(tx->index, job->queue)->row.require_lease_token;
}

static enum err_code judge_token(const struct job *job, const struct lease_request *request,
                                 uint32_t epoch, bool *ret_repeated, struct err *err)
{
    if (job->state == JOB_ACTIVE && epoch == job->epoch) {
        *ret_repeated = false;
        return ERR_NONE;
    }
    if (epoch == job->end.epoch && (enum lease_verb)job->end.verb == request->verb) {
        *ret_repeated = true;
        return ERR_NONE;
    }
    return err_reply(err, REPLY_LEASE_LOST, "the lease of epoch %u of this job is over", epoch);
}

enum err_code lease_open(struct tx *tx, const struct lease_request *request, struct job *ret_job,
                         bool *ret_repeated, struct err *err)
{
    struct job_key key;
    struct job_key token_key = {0};
    uint32_t epoch = 0;

    if (request->token.size > 0 &&
        lease_token_parse(request->token, &token_key, &epoch, err) != ERR_NONE) {
        return err->code;
    }
    if (!job_id_parse(request->job_id, &key) || !job_load(tx, key, ret_job)) {
        return job_unknown(request->job_id, request->refuse, err);
    }
    if (request->token.size > 0) {
        if (!same_key(token_key, key)) {
            return err_reply(err, REPLY_LEASE_LOST, "the lease is of another job");
        }
        return judge_token(ret_job, request, epoch, ret_repeated, err);
    }
    if (lease_token_required(tx, ret_job, request->token_required)) {
        return err_reply(err, request->refuse, "lease_token is required");
    }
    if (ret_job->state != JOB_ACTIVE) {
        return err_reply(err, request->refuse, "job is %s, not active",
                         job_state_name((enum job_state)ret_job->state));
    }
    *ret_repeated = false;
    return ERR_NONE;
}
