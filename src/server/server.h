/* `corvo server`: options to wiring, start, signals, stop. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

/* Runs until SIGTERM or SIGINT. Arguments are those behind `server`. Exit status: 0 stopped as
 * asked, 1 could not run, 2 wrong usage. */
int server_main(int argc, char **argv);

#endif
