/* SIGINT: it ends what waits, and the command then says what is done and what is not. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT is remembered instead of ending the process. */
void interrupt_catch(void);

/* True once there was one. */
bool interrupt_seen(void);

/* Sleeps; false when it was or is interrupted. */
bool interrupt_sleep(uint64_t ms);

/* Waits until the file has something to read or has ended; false when it was or is interrupted. */
bool interrupt_until_readable(int fd);

#endif
