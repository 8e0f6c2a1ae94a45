/* Pages: see page.h. */
#include "cli/page.h"

#include "cli/human.h"
#include "cli/plain.h"
#include "wire/json_look.h"

#include <stdarg.h>
#include <stdio.h>

#define LABEL_WIDTH 14
#define INDENT 2

/* Labels are ours, or the name of a member that we do not know. */
static void add_label(struct session *session, const char *label)
{
    size_t start = session->out.size + INDENT;
    uint32_t width;

    (void)buf_add_text(&session->out, "  ");
    plain_add(&session->out, slice_text(label));
    width = plain_width(slice_from(buf_slice(&session->out), start));
    (void)buf_printf(&session->out, "%*s ", width < LABEL_WIDTH ? (int)(LABEL_WIDTH - width) : 0,
                     "");
}

void page_text(struct session *session, const char *label, enum paint paint, struct slice text)
{
    if (text.size == 0) {
        return;
    }
    add_label(session, label);
    session_paint(session, paint, text);
    (void)buf_add_byte(&session->out, '\n');
}

void page_printf(struct session *session, const char *label, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    page_text(session, label, PAINT_NONE, slice_text(text));
}

void page_time(struct session *session, const char *label, struct slice object, const char *name)
{
    uint64_t time_ns = session_time(session, object, name);
    char text[HUMAN_TEXT_MAX];

    if (time_ns) {
        page_printf(session, label, "%s", human_when(time_ns, session->now_ns, text));
    }
}

void page_title(struct session *session, const char *title)
{
    (void)buf_add_byte(&session->out, '\n');
    paint_add(&session->out, session->screen.colour, PAINT_BOLD, slice_text(title));
    (void)buf_add_byte(&session->out, '\n');
}

void page_lines(struct session *session, enum paint paint, struct slice text, uint32_t lines_max)
{
    struct slice line;
    uint32_t count = 0;

    while (plain_next_line(&text, &line)) {
        if (lines_max > 0 && count++ == lines_max) {
            paint_add(&session->out, session->screen.colour, PAINT_DIM,
                      slice_text("      (more: --output json)"));
            (void)buf_add_byte(&session->out, '\n');
            return;
        }
        (void)buf_add_text(&session->out, "      ");
        session_paint(session, paint, line);
        (void)buf_add_byte(&session->out, '\n');
    }
}

/* --- JSON ----------------------------------------------------------------------------------------
 */

struct writer {
    struct json_cursor cursor;
    struct buf *out;
    uint32_t depth;
    uint32_t indent;
    bool colour;
    bool harmless;
};

static void new_line(struct writer *writer)
{
    (void)buf_printf(writer->out, "\n%*s", (int)(writer->indent + INDENT * writer->depth), "");
}

static void write_string(struct writer *writer)
{
    const uint8_t *start = writer->cursor.at;
    struct slice raw, quoted;
    enum paint paint;

    (void)json_scan_string(&writer->cursor, &raw);
    quoted = slice_of(start, (size_t)(writer->cursor.at - start));
    paint = json_peek(&writer->cursor) == ':' ? PAINT_BLUE : PAINT_GREEN;
    if (!writer->harmless) {
        paint_add(writer->out, writer->colour, paint, quoted);
        return;
    }
    paint_plain_add(writer->out, writer->colour, paint, quoted);
}

/* Everything but strings. */
static void write_mark(struct writer *writer, uint8_t byte)
{
    writer->cursor.at++;
    if (byte == '{' || byte == '[') {
        uint8_t next = json_peek(&writer->cursor);

        (void)buf_add_byte(writer->out, byte);
        writer->depth++;
        if (next != '}' && next != ']') {
            new_line(writer);
        }
    } else if (byte == '}' || byte == ']') {
        uint8_t last = writer->out->size ? writer->out->data[writer->out->size - 1] : 0;

        writer->depth--;
        if (last != '{' && last != '[') {
            new_line(writer);
        }
        (void)buf_add_byte(writer->out, byte);
    } else if (byte == ',') {
        (void)buf_add_byte(writer->out, byte);
        new_line(writer);
    } else {
        (void)buf_add_text(writer->out, byte == ':' ? ": " : (char[2]){(char)byte, 0});
    }
}

void page_write_json(struct slice json, uint32_t indent, bool colour, bool harmless,
                     struct buf *out)
{
    struct writer writer = {
        .cursor = json_cursor_of(json),
        .out = out,
        .indent = indent,
        .colour = colour,
        .harmless = harmless,
    };

    (void)buf_printf(out, "%*s", (int)indent, "");
    for (uint8_t byte = json_peek(&writer.cursor); byte && !out->failed;
         byte = json_peek(&writer.cursor)) {
        if (byte == '"') {
            write_string(&writer);
        } else {
            write_mark(&writer, byte);
        }
    }
    (void)buf_add_byte(out, '\n');
}

void page_json(struct session *session, struct slice json)
{
    page_write_json(json, INDENT, session->screen.colour, true, &session->out);
}
