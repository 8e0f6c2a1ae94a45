/* How many files this process may open. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "server/config.h"
#include "server/refusal.h"

/* Raises the soft limit of open files to the hard one, and shares it out. Where that is too little
 * for max-connections, it is lowered, and said; where it does not even suffice without connections,
 * the start is refused. Main thread. */
bool files_prepare(struct config *config, struct refusal *refusal, uint64_t *ret_files_max);

/* How many connections a process that may open `files_max` files can have (0: none), and how many
 * tables its store may hold open. Any thread. */
uint64_t files_for_connections(uint64_t files_max);
uint32_t files_for_store(uint64_t files_max);

#endif
