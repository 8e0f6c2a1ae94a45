/* SQLite's files with planted failures: the n-th read or write of any database fails.
 *
 * Files opened while it is installed have no shared memory, so they are not in write-ahead mode. */
#ifndef TESTS_UNIT_SQL_FAULTS_H
#define TESTS_UNIT_SQL_FAULTS_H

#include <stdatomic.h>

/* Count down; the call that reaches 0 fails. 0 = never. */
extern atomic_int sql_faults_read_at, sql_faults_write_at;

/* For every database that is opened from now on, until it is removed. */
void sql_faults_install(void);
void sql_faults_remove(void);

#endif
