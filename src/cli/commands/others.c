/* Commands about the program itself, and the rows of those that other rooms run. */
#include "base/version.h"
#include "cli/commands.h"
#include "cli/plain.h"
#include "cli/session.h"
#include "wire/json.h"
#include "wire/json_look.h"

/* --- version -------------------------------------------------------------------------------------
 */

static void version_for_programs(struct session *session, const struct answer *answer)
{
    (void)buf_printf(
        &session->out,
        "{\"client\":{\"version\":\"%s\",\"commit\":\"%s\",\"built\":\"%s\"},\"server\":",
        VERSION_TEXT, VERSION_COMMIT, VERSION_DATE);
    if (answer->exit == EXIT_DONE && answer->json.size > 0) {
        (void)buf_add_slice(&session->out, answer->json);
    } else {
        (void)buf_add_text(&session->out, "null");
    }
    (void)buf_add_text(&session->out, "}\n");
}

static void version_for_people(struct session *session, const struct answer *answer)
{
    (void)buf_printf(&session->out, "%s\n", VERSION_LINE);
    if (session->screen.quiet) {
        return;
    }
    if (answer->exit == EXIT_DONE) {
        (void)buf_add_text(&session->out, "server ");
        plain_add(&session->out, session_text(session, answer->json, "server_version"));
        (void)buf_printf(&session->out, " at %s\n", session->client.server);
    } else {
        (void)buf_printf(&session->out, "no server at %s\n", session->client.server);
    }
}

/* Without a server it still answers what it was asked: which program this is. */
static int run_version(struct session *session)
{
    const struct request request = {0};
    struct answer answer = session_ask(session, &request);

    if (session->json) {
        version_for_programs(session, &answer);
    } else {
        version_for_people(session, &answer);
    }
    return session_flush(session);
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .group = "Program",
    .summary = "print the versions of this program and of the server",
    .help = "",
    .examples = "# both\n"
                "corvo version\n"
                "# the program alone\n"
                "corvo --version\n",
    .routes = {"GET /api/v1/info"},
    .run = run_version,
};

/* --- completion, help ----------------------------------------------------------------------------
 */

static int run_completion(struct session *session)
{
    if (!command_completion(session->args->words[0], &session->out)) {
        return session_misuse(session, "'%.40s' is none of bash, zsh, fish",
                              session->args->words[0]);
    }
    return session_flush(session);
}

const struct command command_completion_row = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .group = "Program",
    .summary = "print a script that completes commands, flags and queues in a shell",
    .help = "",
    .examples = "# bash, in this shell; for good: in ~/.bashrc\n"
                "source <(corvo completion bash)\n"
                "# zsh, in this shell; for good: in ~/.zshrc\n"
                "source <(corvo completion zsh)\n"
                "# fish\n"
                "corvo completion fish >~/.config/fish/completions/corvo.fish\n",
    .words_min = 1,
    .words_max = 1,
    .run = run_completion,
};

static int run_help(struct session *session)
{
    const struct args *args = session->args;
    const struct command *row = args->word_count > 0 ? command_find(args->words[0]) : NULL;
    const char *nearest;

    if (args->word_count > 0 && !row) {
        nearest = command_nearest(args->words[0]);
        return session_misuse(session, "'%.60s' is not a command%s%s%s", args->words[0],
                              nearest ? ". Did you mean '" : "", nearest ? nearest : "",
                              nearest ? "'?" : "");
    }
    command_help(row, session->screen.columns ? session->screen.columns : 80,
                 session->screen.colour, &session->out);
    return session_flush(session);
}

const struct command command_help_row = {
    .name = "help",
    .arguments = "[COMMAND]",
    .group = "Program",
    .summary = "list all commands, or explain one",
    .help = "",
    .examples = "# all of them\n"
                "corvo help\n"
                "# one, as 'corvo enqueue --help' does\n"
                "corvo help enqueue\n",
    .words_max = 1,
    .run = run_help,
};

/* --- Other rooms' commands -----------------------------------------------------------------------
 */

const struct command command_server = {
    .name = "server",
    .arguments = "",
    .group = "Server",
    .summary = "run the job server",
    .help = "",
    .examples = "# on port 8080, with its data in ./data\n"
                "corvo server\n"
                "# elsewhere\n"
                "corvo server --bind 127.0.0.1:9090 --data-dir /var/lib/corvo\n",
};

const struct command command_config = {
    .name = "config",
    .arguments = "check|dump",
    .group = "Server",
    .summary = "check or show the server's configuration, without a server",
    .help = "",
    .examples = "# is the file well?\n"
                "corvo config check --config /etc/corvo/corvo.conf\n"
                "# what would be in force, and where does it come from?\n"
                "corvo config dump --config /etc/corvo/corvo.conf\n",
};

const struct command command_bench = {
    .name = "bench",
    .arguments = "",
    .group = "Server",
    .summary = "load a server and measure it",
    .help = "",
    .examples = "# a server of its own, the usual workloads\n"
                "corvo bench --start\n",
};
