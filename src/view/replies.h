/* What the queries write by rows of their own. Of this room only. */
#ifndef VIEW_REPLIES_H
#define VIEW_REPLIES_H

#include "wire/field.h"

extern const struct message search_rest_message; /* search_reply_message without the jobs. */

#endif
