/* The executable: the command line, and the halves of it that are rooms of their own. */
#include "base/common.h"
#include "bench/bench.h"
#include "cli/cli.h"
#include "server/config_verbs.h"
#include "server/server.h"

/* Their arguments start behind the command's name. */
static int run_server(int argc, char **argv)
{
    return server_main(argc - 1, argv + 1);
}

static int run_config(int argc, char **argv)
{
    return config_main(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    static const struct cli_other others[] = {
        {"server", run_server}, {"config", run_config}, {"bench", bench_main}};

    return cli_main(argc, argv, others, ARRAY_COUNT(others));
}
