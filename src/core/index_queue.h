/* The queues' part of an index. Of this room only. */
#ifndef CORE_INDEX_QUEUE_H
#define CORE_INDEX_QUEUE_H

#include "core/index.h"

/* What index_init and index_done do for queues. */
void index_queues_init(struct index *index);
void index_queues_done(struct index *index);

#endif
