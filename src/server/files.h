/* How many files this process may open. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "server/config.h"
#include "server/refusal.h"

/* Raises the soft limit of open files to the hard one. Where that is too little for
 * max-connections, it is lowered, and said; where it does not even suffice without connections, the
 * start is refused. Main thread. */
bool files_prepare(struct config *config, struct refusal *refusal);

#endif
