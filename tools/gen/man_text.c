/* Text of manual pages: see man_text.h. */
#include "tools/gen/man_text.h"

#include "base/buf.h"
#include "base/common.h"
#include "base/version.h"

#include <string.h>

/* Text in which nothing is a macro or an escape. Dashes are those that one types. */
void man_add_text(struct buf *buf, const char *text)
{
    for (const char *at = text; *at; at++) {
        bool starts_line = buf->size == 0 || buf->data[buf->size - 1] == '\n';

        if (starts_line && (*at == '.' || *at == '\'')) {
            (void)buf_add_text(buf, "\\&");
        }
        if (*at == '\\') {
            (void)buf_add_text(buf, "\\e");
        } else if (*at == '-') {
            (void)buf_add_text(buf, "\\-");
        } else {
            (void)buf_add_byte(buf, (uint8_t)*at);
        }
    }
}

void man_add_line(struct buf *buf, const char *text)
{
    man_add_text(buf, text);
    (void)buf_add_byte(buf, '\n');
}

void man_add_title(struct buf *buf, const char *name, const char *section, const char *what)
{
    (void)buf_printf(buf,
                     ".\\\" Derived from the tables by `make gen`.\n.TH \"%s\" %s \"\" "
                     "\"Corvo %s\" \"Corvo manual\"\n.SH NAME\n",
                     name, section, VERSION_TEXT);
    man_add_text(buf, name);
    (void)buf_add_text(buf, " \\- ");
    man_add_line(buf, what);
}

void man_add_section(struct buf *buf, const char *title)
{
    (void)buf_printf(buf, ".SH %s\n", title);
}

void man_add_items(struct buf *buf, const struct man_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)buf_add_text(buf, ".TP\n.B ");
        man_add_line(buf, items[i].term);
        man_add_line(buf, items[i].text);
    }
}

void man_add_code(struct buf *buf, const char *lines)
{
    (void)buf_add_text(buf, ".PP\n.nf\n.RS 4\n");
    for (const char *at = lines; *at;) {
        size_t size = strcspn(at, "\n");
        char line[128];

        assert(size < sizeof(line) && at[size] == '\n');
        memcpy(line, at, size);
        line[size] = '\0';
        man_add_line(buf, size ? line : " ");
        at += size + 1;
    }
    (void)buf_add_text(buf, ".RE\n.fi\n");
}
