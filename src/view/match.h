/* Whether a job matches a search, judged by its row: what the view found by hashes, or may have
 * found too late, is decided here. */
#ifndef VIEW_MATCH_H
#define VIEW_MATCH_H

#include "base/limits.h"
#include "core/job_read.h"
#include "view/search.h"

/* What is looked for in texts; ASCII case does not count. */
struct match_text {
    struct slice lower; /* Empty: nothing is looked for. */
};

/* Prepares a text to be looked for. False: the arena is full. Any thread. */
bool match_text_make(struct slice text, struct arena *arena, struct match_text *ret_text);

/* True if it is in `bytes`. False with *ret_failed when there is no memory. Any thread. */
bool match_text_in(const struct match_text *text, struct slice bytes, bool *ret_failed);

/* Decodes the escapes of compact JSON that stand for what is not ASCII, in place, so that a text is
 * found however its client spelled it. Returns what it then is. Any thread. */
struct slice match_decode(uint8_t *json, size_t size);

/* True if the job is as the search wants it, but for texts in payload and errors and for times of
 * creation. `queue` is the number of the search's queue, 0 = any; `states` are bits. Any thread. */
bool match_job(const struct search *search, uint64_t queue, uint32_t states, const struct job *job);

/* True if the job's tags have what the search wants. ERR_NOMEM. Any thread. */
enum err_code match_tags(const struct search *search, struct slice tags, struct arena *arena,
                         bool *ret_matches, struct err *err) MUST_USE;

#endif
