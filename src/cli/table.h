/* Tables that fit the terminal: columns as wide as their contents, cut where a column allows it,
 * left out where even that is not enough. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/screen.h"

#define TABLE_COLUMNS_MAX 20
#define TABLE_RANK_EXTRA 4 /* From this rank on, left out before a text is cut to less than 24. */

enum table_flag {
    TABLE_RIGHT = 1 << 0,   /* Numbers stand at the right. */
    TABLE_SHRINKS = 1 << 1, /* May be cut to `least` columns. Ids never are. */
};

struct table_column {
    const char *title;
    uint8_t flags; /* enum table_flag. */
    uint8_t rank;  /* 0: always shown; of the others the highest goes first on a narrow terminal. */
    uint8_t least; /* TABLE_SHRINKS: columns that remain. */
};

struct table_cell {
    size_t offset; /* In `bytes`. */
    uint32_t size;
    uint32_t width;
    enum paint paint;
};

struct table {
    const struct table_column *columns;
    uint32_t column_count;
    struct buf bytes;
    struct buf cells; /* Of struct table_cell, row by row. */
    uint32_t widths[TABLE_COLUMNS_MAX];
    bool titles_done;
};

/* An empty table of at most TABLE_COLUMNS_MAX columns, whose rows stay the caller's. */
void table_init(struct table *table, const struct table_column *columns, uint32_t column_count);

/* Frees it. */
void table_done(struct table *table);

/* The next cell, row by row from the left. The text may be of anybody: it is made harmless. */
void table_cell(struct table *table, enum paint paint, struct slice text);

/* The same with a printf, at most 255 bytes of it. */
void table_cell_printf(struct table *table, enum paint paint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Rows that are whole. */
uint32_t table_row_count(const struct table *table);

/* Appends the titles (the first time) and all rows, and forgets the rows: pages of one table follow
 * each other under one line of titles. `columns` 0: nothing is cut or left out. */
void table_print(struct table *table, uint32_t columns, bool colour, struct buf *out);

#endif
