/* Tables: see table.h. */
#include "cli/table.h"

#include "base/common.h"
#include "base/limits.h"
#include "cli/plain.h"

#include <stdarg.h>

#define GAP 2
#define COMFORT 24 /* Columns to which a text is cut without regret. */
#define BYTES_MAX (64 * MIB)
#define ELLIPSIS "\xe2\x80\xa6"

/* How wide each column becomes; `shown` leaves some out. */
struct layout {
    uint32_t widths[TABLE_COLUMNS_MAX];
    bool shown[TABLE_COLUMNS_MAX];
};

void table_init(struct table *table, const struct table_column *columns, uint32_t column_count)
{
    assert(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .column_count = column_count};
    buf_init(&table->bytes, BYTES_MAX);
    buf_init(&table->cells, BYTES_MAX);
    for (uint32_t i = 0; i < column_count; i++) {
        assert(!(columns[i].flags & TABLE_SHRINKS) || columns[i].least > 0);
        table->widths[i] = (uint32_t)strlen(columns[i].title);
    }
}

void table_done(struct table *table)
{
    buf_done(&table->bytes);
    buf_done(&table->cells);
}

static uint32_t cell_count(const struct table *table)
{
    return (uint32_t)(table->cells.size / sizeof(struct table_cell));
}

uint32_t table_row_count(const struct table *table)
{
    return cell_count(table) / table->column_count;
}

void table_cell(struct table *table, enum paint paint, struct slice text)
{
    uint32_t column = cell_count(table) % table->column_count;
    struct table_cell cell = {.offset = table->bytes.size, .paint = paint};

    plain_add(&table->bytes, text);
    cell.size = (uint32_t)(table->bytes.size - cell.offset);
    cell.width = plain_width(slice_of(table->bytes.data + cell.offset, cell.size));
    if (cell.width > table->widths[column]) {
        table->widths[column] = cell.width;
    }
    (void)buf_add(&table->cells, &cell, sizeof(cell));
}

void table_cell_printf(struct table *table, enum paint paint, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    table_cell(table, paint, slice_text(text));
}

/* --- Layout --------------------------------------------------------------------------------------
 */

static uint32_t total_width(const struct table *table, const struct layout *layout)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (layout->shown[i]) {
            total += layout->widths[i] + (total ? GAP : 0);
        }
    }
    return total;
}

/* How narrow a column may become: comfortably, while columns that matter less are still shown. */
static uint32_t least_width(const struct table *table, uint32_t i, bool comfortable)
{
    uint32_t least = table->columns[i].least;

    return comfortable && least < COMFORT ? COMFORT : least;
}

/* The widest column that may still become narrower, or the column count. */
static uint32_t widest_that_shrinks(const struct table *table, const struct layout *layout,
                                    bool comfortable)
{
    uint32_t widest = table->column_count;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (layout->shown[i] && (table->columns[i].flags & TABLE_SHRINKS) &&
            layout->widths[i] > least_width(table, i, comfortable) &&
            (widest == table->column_count || layout->widths[i] > layout->widths[widest])) {
            widest = i;
        }
    }
    return widest;
}

static bool shrink(const struct table *table, struct layout *layout, uint32_t columns,
                   bool comfortable)
{
    uint32_t total = total_width(table, layout);

    for (; total > columns; total--) {
        uint32_t widest = widest_that_shrinks(table, layout, comfortable);

        if (widest == table->column_count) {
            return false;
        }
        layout->widths[widest]--;
    }
    return true;
}

/* Leaves out the column that matters least, of at least that rank; false when there is none. */
static bool drop_column(const struct table *table, struct layout *layout, uint32_t rank)
{
    uint32_t least = table->column_count;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (layout->shown[i] && table->columns[i].rank >= rank) {
            rank = table->columns[i].rank;
            least = i;
        }
    }
    if (least == table->column_count) {
        return false;
    }
    layout->shown[least] = false;
    return true;
}

static void set_widths(const struct table *table, struct layout *layout, uint32_t columns)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        uint32_t width = table->widths[i];

        layout->widths[i] =
            columns > 0 && width > columns && (table->columns[i].flags & TABLE_SHRINKS) ? columns
                                                                                        : width;
    }
}

/* Narrower columns first, then fewer of those that matter least, then ever narrower and fewer. */
static void lay_out(const struct table *table, uint32_t columns, struct layout *ret_layout)
{
    bool comfortable = true;

    for (uint32_t i = 0; i < table->column_count; i++) {
        ret_layout->shown[i] = true;
    }
    for (;;) {
        set_widths(table, ret_layout, columns);
        if (columns == 0 || shrink(table, ret_layout, columns, comfortable)) {
            return;
        }
        if (drop_column(table, ret_layout, comfortable ? TABLE_RANK_EXTRA : 1)) {
            continue;
        }
        if (!comfortable) {
            return;
        }
        comfortable = false;
    }
}

/* --- Rows ----------------------------------------------------------------------------------------
 */

static void add_spaces(struct buf *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)buf_add_byte(out, ' ');
    }
}

struct printer {
    const struct table *table;
    const struct layout *layout;
    struct buf *out;
    bool colour;
    uint32_t owed; /* Spaces that come before the next text of the row, if there is one. */
};

static void print_cell(struct printer *printer, uint32_t column, enum paint paint,
                       struct slice text, uint32_t width)
{
    uint32_t wanted = printer->layout->widths[column];
    bool right = printer->table->columns[column].flags & TABLE_RIGHT;
    bool cut = width > wanted;

    if (cut) {
        text = plain_fit(text, wanted - 1);
        width = plain_width(text) + 1;
    }
    if (right) {
        printer->owed += wanted - width;
    }
    if (width > 0) {
        add_spaces(printer->out, printer->owed);
        printer->owed = 0;
        paint_add(printer->out, printer->colour, paint, text);
        if (cut) {
            paint_add(printer->out, printer->colour, PAINT_DIM, slice_text(ELLIPSIS));
        }
    }
    printer->owed += GAP + (right ? 0 : wanted - width);
}

static void print_titles(struct printer *printer)
{
    for (uint32_t i = 0; i < printer->table->column_count; i++) {
        struct slice title = slice_text(printer->table->columns[i].title);

        if (printer->layout->shown[i]) {
            print_cell(printer, i, PAINT_BOLD, title, (uint32_t)title.size);
        }
    }
    printer->owed = 0;
    (void)buf_add_byte(printer->out, '\n');
}

static void print_row(struct printer *printer, const struct table_cell *cells)
{
    for (uint32_t i = 0; i < printer->table->column_count; i++) {
        struct slice text = slice_of(printer->table->bytes.data + cells[i].offset, cells[i].size);

        if (printer->layout->shown[i]) {
            print_cell(printer, i, cells[i].paint, text, cells[i].width);
        }
    }
    printer->owed = 0;
    (void)buf_add_byte(printer->out, '\n');
}

void table_print(struct table *table, uint32_t columns, bool colour, struct buf *out)
{
    const struct table_cell *cells = (const void *)table->cells.data;
    struct layout layout;
    struct printer printer = {.table = table, .layout = &layout, .out = out, .colour = colour};

    lay_out(table, columns, &layout);
    if (!table->titles_done) {
        print_titles(&printer);
        table->titles_done = true;
    }
    for (uint32_t i = 0; i < table_row_count(table); i++) {
        print_row(&printer, cells + (size_t)i * table->column_count);
    }
    if (table->bytes.failed || table->cells.failed) {
        out->failed = true;
    }
    buf_clear(&table->bytes);
    buf_clear(&table->cells);
}
