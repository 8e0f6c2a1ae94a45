/* The bounds on tags that are to be searched (A5, A23). */
#ifndef CORE_TAGS_H
#define CORE_TAGS_H

#include "base/arena.h"
#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

/* Checks tags: an object of strings, numbers and booleans has at most TAGS_MAX of them, with keys
 * and values in bounds; any other JSON is stored as it is. ERR_INVALID with REPLY_VALIDATION_ERROR;
 * ERR_NOMEM. Any thread. */
enum err_code tags_check(struct slice tags, struct arena *arena, struct err *err) MUST_USE;

#endif
