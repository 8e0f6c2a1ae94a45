/* Commands that show one list of a reply as a table. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli/session.h"
#include "cli/table.h"

struct list_row {
    const struct table_column *columns;
    uint32_t column_count;
    const char *member;  /* Where the list is; NULL: the reply itself. */
    const char *id;      /* The member that --quiet prints of each item. */
    const char *nothing; /* What is said when there is none. */
    /* Adds one item's cells. */
    void (*add)(struct session *session, struct slice item, struct table *table);
};

/* Asks the command's first route, with its first argument if it has one and its FLAG_QUERY flags,
 * and prints the list. Returns the exit status. */
int list_run(struct session *session, const struct list_row *row);

/* A cell with the age of a time member; "-" when there is none. */
void list_add_age(struct session *session, struct slice item, const char *name,
                  struct table *table);

#endif
