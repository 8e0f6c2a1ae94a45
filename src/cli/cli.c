/* From argv to a command and back: see cli.h. */
#include "cli/cli.h"

#include "base/version.h"
#include "cli/interrupt.h"
#include "cli/plain.h"
#include "cli/session.h"

#define HELP_COLUMNS 80
#define HELP_COLUMNS_MAX 100

/* What was printed has to arrive: a full disk or a closed pipe is not success. */
static int end_output(struct session *session, int code)
{
    (void)session_flush(session);
    if (fflush(stdout) != 0 || ferror(stdout) || session->screen.failed) {
        (void)fprintf(stderr, "corvo: the output could not be written\n");
        return code == EXIT_DONE ? EXIT_REFUSED : code;
    }
    return code;
}

static enum err_code open_client(struct session *session, struct err *err)
{
    const struct args *args = session->args;
    const struct client_options options = {
        .server = args_text(args, "server"),
        .api_key = args_text(args, "api_key"),
        .timeout_ms = args_duration(args, "timeout"),
        .ca_cert = args_text(args, "ca_cert"),
        .client_cert = args_text(args, "client_cert"),
        .client_key = args_text(args, "client_key"),
    };

    /* What asks no server works without one, whatever --server says. */
    return args->command->routes[0] ? client_init(&session->client, &options, err) : ERR_NONE;
}

static int run_command(const struct args *args)
{
    struct session session;
    struct err err;
    int code;

    session_init(&session, args);
    if (open_client(&session, &err)) {
        code = session_misuse(&session, "%s", err.text);
    } else {
        interrupt_catch();
        code = args->command->run(&session);
        code = interrupt_seen() ? EXIT_INTERRUPTED : code;
    }
    code = end_output(&session, code);
    session_done(&session);
    return code;
}

static int misuse(const struct args *args, const struct err *err)
{
    const char *name = args->command ? args->command->name : "";
    struct buf text;

    buf_init(&text, sizeof(err->text) * 6);
    plain_add(&text, slice_text(err->text));
    (void)fprintf(stderr, "corvo%s%s: %.*s\n", *name ? " " : "", name, (int)text.size,
                  (const char *)text.data);
    (void)fprintf(stderr, *name ? "See 'corvo %s --help'.\n" : "See 'corvo help'.\n", name);
    buf_done(&text);
    return EXIT_USAGE;
}

static int print_help(const struct command *command, FILE *file)
{
    struct screen screen;
    uint32_t columns = HELP_COLUMNS;
    struct buf text;

    screen_init(&screen);
    buf_init(&text, MIB);
    if (file == stdout && screen.columns > 0) {
        columns = screen.columns < HELP_COLUMNS_MAX ? screen.columns : HELP_COLUMNS_MAX;
    }
    command_help(command, columns, file == stdout && screen.colour, &text);
    (void)fwrite(text.data, 1, text.size, file);
    buf_done(&text);
    return fflush(file) == 0 ? EXIT_DONE : EXIT_REFUSED;
}

/* Help that was asked for is the answer. `flags`: somebody knows the program, and forgot a word. */
static int no_command(const struct args *args, bool flags)
{
    if (args_switch(args, "help")) {
        return print_help(NULL, stdout);
    }
    if (flags) {
        (void)fprintf(stderr, "corvo: which command?\nSee 'corvo help'.\n");
    } else {
        (void)print_help(NULL, stderr);
    }
    return EXIT_USAGE;
}

static int run_other(const struct args *args, const struct cli_other *others, uint32_t other_count)
{
    for (uint32_t i = 0; i < other_count; i++) {
        if (strcmp(others[i].name, args->command->name) == 0) {
            /* The word before its arguments is the command's name. */
            return others[i].run((int)args->word_count + 1, args->words - 1);
        }
    }
    (void)fprintf(stderr, "corvo: '%s' is not part of this program\n", args->command->name);
    return EXIT_USAGE;
}

int cli_main(int argc, char **argv, const struct cli_other *others, uint32_t other_count)
{
    static struct args args; /* Its flag rows are too much for a stack. */
    struct err err;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s\n", VERSION_LINE);
        return EXIT_DONE;
    }
    if (args_read(argc, argv, &args, &err)) {
        return misuse(&args, &err);
    }
    if (!args.command) {
        return no_command(&args, argc > 1);
    }
    if (!args.command->run) {
        return run_other(&args, others, other_count);
    }
    if (args_switch(&args, "help")) {
        return print_help(args.command, stdout);
    }
    return run_command(&args);
}
