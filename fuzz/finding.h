/* What happens when an input ends the process: it is written to a file, and the one command that
 * replays it is printed. */
#ifndef FUZZ_FINDING_H
#define FUZZ_FINDING_H

#include "base/slice.h"

#define FINDING_SLOW_S 10

/* Watches from now on. `program` is argv[0], `name` the target, `folder` where findings go (it
 * exists); NULL: they are not written, as when a file is replayed. All three are kept. */
void finding_watch(const char *program, const char *name, const char *folder);

/* Says which input is tried now; its bytes are kept by the caller until the next call. One that
 * takes more than FINDING_SLOW_S seconds of CPU time is a finding. */
void finding_trying(struct slice input);

/* Says that no input is tried now. */
void finding_idle(void);

#endif
