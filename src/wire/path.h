/* Error texts that say where: each level of a nested record puts its name before the text on the
 * way up. Of this room only. */
#ifndef WIRE_PATH_H
#define WIRE_PATH_H

#include "base/err.h"
#include "wire/field.h"

/* "queue is required" becomes "agent.queue is required". *err may be NULL. Returns `code`. Any
 * thread. */
enum err_code path_field(struct err *err, enum err_code code, const struct field *field);

/* "not a time" becomes "scheduled_at: not a time". Any thread. */
enum err_code path_value(struct err *err, enum err_code code, const struct field *field);

/* "queue is required" becomes "jobs[3].queue is required". Any thread. */
enum err_code path_item(struct err *err, enum err_code code, const struct field *field,
                        uint32_t index);

/* "queue is required" becomes "jobs.job_1.queue is required". Any thread. */
enum err_code path_key(struct err *err, enum err_code code, const struct field *field,
                       struct slice key);

#endif
