"""The commands that stand alone, in no group."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import OUTPUT, command
from airflow_lite.cli.types import positive_int, whole

COMMANDS = (
    command("cheat-sheet", "cheat_sheet.cheat_sheet", "List all commands, a line each"),
    command(
        "completion",
        "completion.completion",
        "Print what makes your shell's Tab key complete commands",
        Arg("shell", "Your shell: bash, zsh or fish", choices=("bash", "zsh", "fish")),
        epilog="bash:  echo 'source <(airflow-lite completion bash)' >> ~/.bashrc\n"
        "zsh:   echo 'source <(airflow-lite completion zsh)' >> ~/.zshrc\n"
        "fish:  airflow-lite completion fish > ~/.config/fish/completions/airflow-lite.fish",
    ),
    command(
        "info",
        "info.info",
        "Show what runs here: versions, paths, settings",
        switch("--anonymize", "Leave out names of users and machines"),
        OUTPUT,
    ),
    command(
        "man",
        "man.man",
        "Read the manual",
        Arg(
            "name",
            "A group of commands, such as dags (default: airflow-lite itself)",
            nargs="?",
            metavar="NAME",
            completer="page",
        ),
        epilog="example: airflow-lite man dags",
    ),
    command("quickstart", "quickstart.quickstart", "Make a home and run an example DAG in it"),
    command(
        "rotate-fernet-key",
        "variables.rotate_fernet_key",
        "Encrypt secrets of the database anew",
        description=(
            "Encrypt what the database keeps of Variables and connections by the first key of"
            " [core] fernet_key, or of the key file. The others may go then."
        ),
    ),
    command(
        "scheduler",
        "scheduler.scheduler",
        "Run the scheduler, with the executor inside",
        Arg(
            ("-n", "--num-runs"),
            "Times to go round the loop; -1 is without end",
            type=whole,
            default=-1,
        ),
        switch(("-s", "--skip-serve-logs"), "Do not serve the tasks' logs to other machines"),
        switch(
            ("-p", "--do-pickle"),
            "Ship DAGs pickled to workers, as [core] donot_pickle = False does",
        ),
        Arg(
            ("-S", "--subdir"),
            "The DAG folder of this scheduler, instead of [core] dags_folder",
            dest="dags_folder",
            completer="file",
        ),
        epilog="signals:\n"
        "  SIGTERM, SIGINT  stop, after running tasks had [scheduler] shutdown_grace_s;\n"
        "                   a second one kills them\n"
        "  SIGUSR2          print what the executors hold",
    ),
    command(
        "standalone",
        "standalone.standalone",
        "Run all there is, in one terminal",
        description="Run all there is, in one terminal: make the metadata database ready, then\n"
        "run the scheduler and, if a package brings one, the web page. Ctrl-C ends all.",
    ),
    command(
        "triggerer",
        "triggerer.triggerer",
        "Run triggers, in place of the schedulers",
        Arg(
            "--capacity",
            "Triggers to run at once, instead of [triggerer] default_capacity",
            type=positive_int(),
        ),
        description=(
            "Run what deferred tasks wait for, on this machine, until a signal ends it. Nobody has"
            " to: where no triggerer runs, each scheduler starts a process for that."
        ),
    ),
    command("version", "version.version", "Show the version"),
)
