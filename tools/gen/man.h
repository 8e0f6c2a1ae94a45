/* Manual pages and the example configuration, from the tables. */
#ifndef TOOLS_GEN_MAN_H
#define TOOLS_GEN_MAN_H

struct buf;
struct command;

/* corvo(1), corvo-server(1), corvo.conf(5), and /etc/corvo/corvo.conf as it is installed. */
void man_write_cli(struct buf *buf);
void man_write_server(struct buf *buf);
void man_write_conf(struct buf *buf);
void man_write_example(struct buf *buf);

/* The page of one command: corvo-enqueue(1). */
void man_write_command(const struct command *row, struct buf *buf);

#endif
