/* Pages of docs/ for tests: what they show as an example or state in a table must be true.
 *
 * An example is a line `example: NAME`, alone or with a remark behind it, and the next block fenced
 * by ```: text, or lines of hex like `0c: 1a 0e | remark` whose offsets count up. */
#ifndef TESTS_UNIT_DOC_PAGE_H
#define TESTS_UNIT_DOC_PAGE_H

#include "wire/field.h"

struct doc_page {
    char *text; /* Owned. */
    const char *path;
};

/* Reads a page; the path is from the root of the tree. Fails the test when it can not be read. */
void doc_page_init(struct doc_page *page, const char *path);
void doc_page_done(struct doc_page *page);

/* The text of an example, without its last line end. Fails the test when there is none. */
struct slice doc_example_text(const struct doc_page *page, const char *name);

/* The bytes of an example in hex; returns how many, at most size_max. */
size_t doc_example_bytes(const struct doc_page *page, const char *name, uint8_t *ret_bytes,
                         size_t size_max);

/* True if a line of the section under that heading starts with the text. */
bool doc_section_has(const struct doc_page *page, const char *heading, const char *text);

/* True if the first cell of a row of the section's table has the text. */
bool doc_section_names(const struct doc_page *page, const char *heading, const char *text);

/* How many lines of the section start with `| ` and a digit: the rows of its table. */
uint32_t doc_section_rows(const struct doc_page *page, const char *heading);

#endif
