/* From rows to the view's file: what changed since its index, or all of them.
 *
 * Of the feeder's thread alone. */
#ifndef VIEW_FEED_H
#define VIEW_FEED_H

#include "view/file.h"

struct view_feed;

/* A row that changed: a job's, or one of its error records. */
struct view_change {
    uint64_t seq, time_ns; /* Of the job. */
    uint32_t error_id;     /* 0 = the job. */
    uint8_t table;         /* Where the job may be. */
};

/* ERR_NOMEM. */
enum err_code view_feed_create(struct view_feed **ret_feed, struct err *err) MUST_USE;

/* Takes NULL. */
void view_feed_destroy(struct view_feed *feed);

/* Forgets what it knows of the file: after another was opened, or a transaction was taken back. */
void view_feed_forget(struct view_feed *feed);

/* One step: takes over what changed above the file's index, in one transaction, up to the rows'
 * mark or, when that is much, up to an index before it: more follows when file->mark.index is below
 * rows->mark.index. *ret_count is how many rows changed. ERR_STATE: the changes are not known
 * any more, or the rows are of another history: make a new file. Others as sql_fail and those of
 * `rows`; the transaction is taken back then. */
enum err_code view_feed_step(struct view_feed *feed, struct view_file *file, struct kv_reader *rows,
                             uint32_t *ret_count, struct err *err) MUST_USE;

/* Fills a new file with all rows, in several transactions; the last makes it complete. `may_go_on`
 * is asked now and then; false ends it with ERR_CLOSED. Errors as view_feed_step. */
enum err_code view_feed_all(struct view_feed *feed, struct view_file *file, struct kv_reader *rows,
                            bool (*may_go_on)(void *context), void *context,
                            struct err *err) MUST_USE;

#endif
