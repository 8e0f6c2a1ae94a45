/* Reading pages of docs/: see doc_page.h. */
#include "tests/unit/doc_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* After the headers it needs. */
#include <cmocka.h>

#define PAGE_MAX ((size_t)1 << 20)

void doc_page_init(struct doc_page *page, const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file) {
        fail_msg("%s can not be read", path);
    }
    page->path = path;
    page->text = calloc(1, PAGE_MAX);
    assert_non_null(page->text);
    size = fread(page->text, 1, PAGE_MAX - 1, file);
    assert_true(size > 0 && size < PAGE_MAX - 1);
    (void)fclose(file);
}

void doc_page_done(struct doc_page *page)
{
    free(page->text);
}

/* The line behind this one; its NUL at the end of the page. */
static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end ? end + 1 : line + strlen(line);
}

static bool starts_with(const char *line, const char *text)
{
    return strncmp(line, text, strlen(text)) == 0;
}

/* True for `example: NAME` and for `example: NAME`, a space, and more that is no other name. */
static bool is_example(const char *line, const char *name)
{
    const char *end;

    if (!starts_with(line, "example: ") || !starts_with(line + 9, name)) {
        return false;
    }
    end = line + 9 + strlen(name);
    return *end == '\n' || starts_with(end, " \xe2\x80\x94"); /* An em dash. */
}

struct slice doc_example_text(const struct doc_page *page, const char *name)
{
    const char *line = page->text;
    const char *end;

    while (*line && !is_example(line, name)) {
        line = next_line(line);
    }
    line = strstr(line, "```\n");
    end = line ? strstr(line + 4, "\n```") : NULL;
    if (!end) {
        fail_msg("%s has no example '%s'", page->path, name);
    }
    return slice_of(line + 4, (size_t)(end - line) - 4);
}

/* Appends the bytes of one line; the offset in front must be the count so far. */
static size_t add_line(const char *line, const char *end, uint8_t *bytes, size_t count, size_t max)
{
    char *at;

    assert_int_equal(strtoul(line, &at, 16), count);
    assert_true(*at++ == ':');
    while (at < end && *at == ' ' && at[1] != ' ' && at[1] != '|') {
        char *next;
        unsigned long byte = strtoul(at, &next, 16);

        assert_ptr_equal(next, at + 3);
        assert_true(count < max && byte < 256);
        bytes[count++] = (uint8_t)byte;
        at = next;
    }
    return count;
}

size_t doc_example_bytes(const struct doc_page *page, const char *name, uint8_t *ret_bytes,
                         size_t size_max)
{
    struct slice text = doc_example_text(page, name);
    const char *end = (const char *)text.data + text.size;
    size_t count = 0;

    for (const char *line = (const char *)text.data; line < end; line = next_line(line)) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));

        count = add_line(line, line_end ? line_end : end, ret_bytes, count, size_max);
    }
    return count;
}

/* The first line under the heading; the page must have it. */
static const char *section(const struct doc_page *page, const char *heading)
{
    size_t size = strlen(heading);

    for (const char *line = page->text; *line; line = next_line(line)) {
        const char *at = line + strspn(line, "#");

        if (at > line && *at == ' ' && strncmp(at + 1, heading, size) == 0 &&
            at[1 + size] == '\n') {
            return next_line(line);
        }
    }
    fail_msg("%s has no section '%s'", page->path, heading);
    return NULL;
}

bool doc_section_has(const struct doc_page *page, const char *heading, const char *text)
{
    const char *line = section(page, heading);

    for (; *line && *line != '#'; line = next_line(line)) {
        if (starts_with(line, text)) {
            return true;
        }
    }
    return false;
}

bool doc_section_names(const struct doc_page *page, const char *heading, const char *text)
{
    const char *line = section(page, heading);

    for (; *line && *line != '#'; line = next_line(line)) {
        const char *end = starts_with(line, "| ") ? strchr(line + 2, '|') : NULL;
        const char *found = end ? strstr(line, text) : NULL;

        if (found && found < end) {
            return true;
        }
    }
    return false;
}

uint32_t doc_section_rows(const struct doc_page *page, const char *heading)
{
    const char *line = section(page, heading);
    uint32_t count = 0;

    for (; *line && *line != '#'; line = next_line(line)) {
        count += starts_with(line, "| ") && line[2] >= '0' && line[2] <= '9';
    }
    return count;
}
