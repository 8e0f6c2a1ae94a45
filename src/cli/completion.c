/* Completion scripts for shells, from the rows: see command.h.
 *
 * A script knows commands, flags and the words of flags by heart; names of queues it asks the
 * server for, quietly and with a short time-out. */
#include "cli/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define QUEUES "queues --quiet --timeout 2s 2>/dev/null"

/* What a command's arguments can be completed with. */
enum subject { SUBJECT_NONE, SUBJECT_QUEUE, SUBJECT_COMMAND, SUBJECT_WORDS };

static enum subject subject_of(const struct command *command)
{
    if (strstr(command->arguments, "QUEUE")) {
        return SUBJECT_QUEUE;
    }
    if (strstr(command->arguments, "COMMAND")) {
        return SUBJECT_COMMAND;
    }
    return islower((unsigned char)command->arguments[0]) ? SUBJECT_WORDS : SUBJECT_NONE;
}

/* "bash|zsh|fish" with spaces between. */
static void add_argument_words(struct buf *out, const struct command *command)
{
    for (const char *at = command->arguments; *at && *at != ' '; at++) {
        (void)buf_add_byte(out, *at == '|' ? ' ' : (uint8_t)*at);
    }
}

static void add_command_names(struct buf *out, const char *between)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        (void)buf_printf(out, "%s%s", i ? between : "", rows[i]->name);
    }
}

static bool has_words(const struct flag *flag)
{
    return flag->words && flag->kind != FLAG_SWITCH;
}

static void add_flag_words(struct buf *out, const struct flag *flag)
{
    bool first = true;

    for (uint32_t i = 0; i < flag->words->count; i++) {
        if (flag->words->names[i]) {
            (void)buf_printf(out, "%s%s", first ? "" : " ", flag->words->names[i]);
            first = false;
        }
    }
}

/* A text between single quotes, for any of the shells. */
static void add_quoted(struct buf *out, const char *text)
{
    (void)buf_add_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '\'') {
            (void)buf_add_text(out, "'\\''");
        } else {
            (void)buf_add_byte(out, (uint8_t)*text);
        }
    }
    (void)buf_add_byte(out, '\'');
}

/* Calls `each` for every command, and with NULL for the place before one. */
static void each_command(struct buf *out, void (*each)(struct buf *out, const struct command *row))
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    each(out, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i]->run) {
            each(out, rows[i]);
        }
    }
}

/* --- bash ----------------------------------------------------------------------------------------
 */

static void bash_words(struct buf *out, const struct command *command)
{
    struct flag_list list;
    char name[FLAG_SPELLING_MAX];

    command_flags(command, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        if (has_words(&list.rows[i])) {
            (void)buf_printf(out, "    '%s --%s') words='", command ? command->name : "",
                             flag_spelling(list.rows[i].name, name));
            add_flag_words(out, &list.rows[i]);
            (void)buf_add_text(out, "' ;;\n");
        }
    }
}

static void bash_flags(struct buf *out, const struct command *command)
{
    struct flag_list list;
    char name[FLAG_SPELLING_MAX];

    command_flags(command, &list);
    (void)buf_printf(out, "    '%s') words='", command ? command->name : "");
    for (uint32_t i = 0; i < list.count; i++) {
        (void)buf_printf(out, "%s--%s", i ? " " : "", flag_spelling(list.rows[i].name, name));
    }
    (void)buf_add_text(out, "' ;;\n");
}

static void bash_argument(struct buf *out, const struct command *command)
{
    if (!command) {
        return;
    }
    if (subject_of(command) == SUBJECT_QUEUE) {
        (void)buf_printf(out, "    '%s') words=$(\"$program\" " QUEUES ") ;;\n", command->name);
    } else if (subject_of(command) == SUBJECT_COMMAND) {
        (void)buf_printf(out, "    '%s') words=$commands ;;\n", command->name);
    } else if (subject_of(command) == SUBJECT_WORDS) {
        (void)buf_printf(out, "    '%s') words='", command->name);
        add_argument_words(out, command);
        (void)buf_add_text(out, "' ;;\n");
    }
}

static void write_bash(struct buf *out)
{
    (void)buf_add_text(out, "# Completion of corvo for bash: source <(corvo completion bash)\n"
                            "_corvo() {\n"
                            "    local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]}\n"
                            "    local before=${COMP_WORDS[COMP_CWORD - 1]} command= words= i\n"
                            "    local commands='");
    add_command_names(out, " ");
    (void)buf_add_text(out, "'\n"
                            "    # --flag=value comes as three words.\n"
                            "    if [[ $current == '=' ]]; then\n"
                            "        current=\n"
                            "    elif [[ $before == '=' ]]; then\n"
                            "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
                            "    fi\n"
                            "    [[ $before == -o ]] && before=--output\n"
                            "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                            "        if [[ \" $commands \" == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
                            "            command=${COMP_WORDS[i]}\n"
                            "            break\n"
                            "        fi\n"
                            "    done\n"
                            "    case \"$command $before\" in\n");
    each_command(out, bash_words);
    (void)buf_add_text(out, "    *)\n"
                            "    if [[ $current == -* ]]; then\n"
                            "    case $command in\n");
    each_command(out, bash_flags);
    (void)buf_add_text(out, "    esac\n"
                            "    else\n"
                            "    case $command in\n"
                            "    '') words=$commands ;;\n");
    each_command(out, bash_argument);
    (void)buf_add_text(out, "    esac\n"
                            "    fi\n"
                            "    ;;\n"
                            "    esac\n"
                            "    local IFS=$' \\n'\n"
                            "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                            "}\n"
                            "complete -o default -F _corvo corvo\n");
}

/* --- zsh -----------------------------------------------------------------------------------------
 */

static void zsh_words(struct buf *out, const struct command *command)
{
    struct flag_list list;
    char name[FLAG_SPELLING_MAX];

    command_flags(command, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        if (has_words(&list.rows[i])) {
            (void)buf_printf(out, "    ('%s --%s') compadd ", command ? command->name : "",
                             flag_spelling(list.rows[i].name, name));
            add_flag_words(out, &list.rows[i]);
            (void)buf_add_text(out, "; return ;;\n");
        }
    }
}

/* 'name:help' of each flag. */
static void zsh_flags(struct buf *out, const struct command *command)
{
    struct flag_list list;
    char name[FLAG_SPELLING_MAX], text[512];

    command_flags(command, &list);
    (void)buf_printf(out, "    ('%s') flags=(", command ? command->name : "");
    for (uint32_t i = 0; i < list.count; i++) {
        (void)snprintf(text, sizeof(text), "--%s:%s", flag_spelling(list.rows[i].name, name),
                       list.rows[i].help);
        (void)buf_add_text(out, i ? " " : "");
        add_quoted(out, text);
    }
    (void)buf_add_text(out, ") ;;\n");
}

static void zsh_argument(struct buf *out, const struct command *command)
{
    if (!command) {
        return;
    }
    if (subject_of(command) == SUBJECT_QUEUE) {
        (void)buf_printf(out, "    ('%s') compadd -- ${(f)\"$($words[1] " QUEUES ")\"} ;;\n",
                         command->name);
    } else if (subject_of(command) == SUBJECT_COMMAND) {
        (void)buf_printf(out, "    ('%s') _describe command commands ;;\n", command->name);
    } else if (subject_of(command) == SUBJECT_WORDS) {
        (void)buf_printf(out, "    ('%s') compadd ", command->name);
        add_argument_words(out, command);
        (void)buf_add_text(out, " ;;\n");
    } else {
        (void)buf_printf(out, "    ('%s') _default ;;\n", command->name);
    }
}

static void zsh_command(struct buf *out)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);
    char text[512];

    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "%s:%s", rows[i]->name, rows[i]->summary);
        (void)buf_add_text(out, "        ");
        add_quoted(out, text);
        (void)buf_add_byte(out, '\n');
    }
}

static void write_zsh(struct buf *out)
{
    (void)buf_add_text(out, "#compdef corvo\n"
                            "# Completion of corvo for zsh: source <(corvo completion zsh), or as "
                            "_corvo in $fpath.\n"
                            "_corvo() {\n"
                            "    local command= before=$words[CURRENT-1]\n"
                            "    local -a flags commands\n"
                            "    integer i\n"
                            "    commands=(\n");
    zsh_command(out);
    (void)buf_add_text(out, "    )\n"
                            "    [[ $before == -o ]] && before=--output\n"
                            "    for ((i = 2; i < CURRENT; i++)); do\n"
                            "        case $words[i] in\n"
                            "        (");
    add_command_names(out, "|");
    (void)buf_add_text(out, ") command=$words[i]; break ;;\n"
                            "        esac\n"
                            "    done\n"
                            "    case \"$command $before\" in\n");
    each_command(out, zsh_words);
    (void)buf_add_text(out, "    esac\n"
                            "    if [[ $words[CURRENT] == -* ]]; then\n"
                            "    case $command in\n");
    each_command(out, zsh_flags);
    (void)buf_add_text(out, "    esac\n"
                            "    _describe -o flag flags\n"
                            "    return\n"
                            "    fi\n"
                            "    case $command in\n"
                            "    ('') _describe command commands ;;\n");
    each_command(out, zsh_argument);
    (void)buf_add_text(out, "    esac\n"
                            "}\n"
                            "if [[ $funcstack[1] == _corvo ]]; then\n"
                            "    _corvo \"$@\"\n"
                            "else\n"
                            "    compdef _corvo corvo\n"
                            "fi\n");
}

/* --- fish ----------------------------------------------------------------------------------------
 */

static void fish_flag(struct buf *out, const struct command *command, const struct flag *flag)
{
    char name[FLAG_SPELLING_MAX];

    (void)buf_printf(out, "complete -c corvo ");
    if (command) {
        (void)buf_printf(out, "-n '__fish_seen_subcommand_from %s' ", command->name);
    }
    (void)buf_printf(out, "-l %s ", flag_spelling(flag->name, name));
    if (flag->letter) {
        (void)buf_printf(out, "-s %c ", flag->letter);
    }
    if (has_words(flag)) {
        (void)buf_add_text(out, "-x -a '");
        add_flag_words(out, flag);
        (void)buf_add_text(out, "' ");
    } else if (flag->kind != FLAG_SWITCH) {
        (void)buf_add_text(out, "-x ");
    }
    (void)buf_add_text(out, "-d ");
    add_quoted(out, flag->help);
    (void)buf_add_byte(out, '\n');
}

static void fish_argument(struct buf *out, const struct command *command)
{
    enum subject subject = subject_of(command);

    if (subject == SUBJECT_NONE) {
        return;
    }
    (void)buf_printf(out, "complete -c corvo -n '__fish_seen_subcommand_from %s' -a '",
                     command->name);
    if (subject == SUBJECT_QUEUE) {
        (void)buf_add_text(out, "(corvo " QUEUES ")");
    } else if (subject == SUBJECT_COMMAND) {
        add_command_names(out, " ");
    } else {
        add_argument_words(out, command);
    }
    (void)buf_add_text(out, "'\n");
}

static void fish_command(struct buf *out, const struct command *command)
{
    struct flag_list list;

    command_flags(command, &list);
    for (uint32_t i = 0; i < (command ? list.shared : list.count); i++) {
        fish_flag(out, command, &list.rows[i]);
    }
    if (command) {
        fish_argument(out, command);
    }
}

static void write_fish(struct buf *out)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)buf_add_text(out, "# Completion of corvo for fish: corvo completion fish | source\n"
                            "complete -c corvo -f\n");
    for (uint32_t i = 0; i < count; i++) {
        (void)buf_printf(out, "complete -c corvo -n __fish_use_subcommand -a %s -d ",
                         rows[i]->name);
        add_quoted(out, rows[i]->summary);
        (void)buf_add_byte(out, '\n');
    }
    each_command(out, fish_command);
}

bool command_completion(const char *shell, struct buf *out)
{
    static const struct {
        const char *shell;
        void (*write)(struct buf *out);
    } shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};

    for (size_t i = 0; i < ARRAY_COUNT(shells); i++) {
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].write(out);
            return true;
        }
    }
    return false;
}
