/* The executable: the first word says which half of it runs. */
#include "base/version.h"
#include "bench/bench.h"
#include "server/config_verbs.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>

static void help(FILE *file)
{
    (void)fprintf(file, "Usage: corvo COMMAND [options]\n\n"
                        "  server    run the job server\n"
                        "  config    check or show the server's configuration\n"
                        "  bench     load a server and measure it\n"
                        "  version   print the version\n\n"
                        "corvo COMMAND --help says more.\n");
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "server") == 0) {
        return server_main(argc - 2, argv + 2);
    }
    if (strcmp(command, "config") == 0) {
        return config_main(argc - 2, argv + 2);
    }
    if (strcmp(command, "bench") == 0) {
        return bench_main(argc - 1, argv + 1);
    }
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        (void)printf("corvo %s (commit: %s)\n", VERSION_TEXT, VERSION_COMMIT);
        return 0;
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
        help(stdout);
        return 0;
    }
    if (*command) {
        (void)fprintf(stderr, "corvo: unknown command '%.60s'\n\n", command);
    }
    help(stderr);
    return 2;
}
