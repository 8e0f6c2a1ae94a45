/* `corvo bench`: measures a server under load, beside yardsticks of the same machine in the same
 * minutes. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* Runs the load generator with the arguments behind `bench` (argv[0] is the verb).
 *
 * Returns the exit status: 0 measured; 1 a run failed, or a gate did with --gates; 2 the arguments
 * are wrong; 130 interrupted, after printing what was measured. Main thread only: it forks and sets
 * signal handlers. */
int bench_main(int argc, char **argv);

#endif
