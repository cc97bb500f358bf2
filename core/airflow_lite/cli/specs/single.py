"""The commands that stand alone: completion, info, man, quickstart, scheduler, version."""

from __future__ import annotations

from airflow_lite.cli.options import OUTPUT, SUBDIR, switch
from airflow_lite.cli.spec import ActionCommand, Arg, lazy_load_command

_COMMANDS = "airflow_lite.cli.commands"

COMMANDS = (
    ActionCommand(
        "completion",
        "Print what makes your shell's Tab key complete commands",
        lazy_load_command(f"{_COMMANDS}.completion.completion"),
        (Arg("shell", "Your shell: bash, zsh or fish", choices=("bash", "zsh", "fish")),),
        epilog="bash:  echo 'source <(airflow-lite completion bash)' >> ~/.bashrc\n"
        "zsh:   echo 'source <(airflow-lite completion zsh)' >> ~/.zshrc\n"
        "fish:  airflow-lite completion fish > ~/.config/fish/completions/airflow-lite.fish",
    ),
    ActionCommand(
        "info",
        "Show what runs here: versions, paths, settings",
        lazy_load_command(f"{_COMMANDS}.info.info"),
        (switch("--anonymize", "Leave out names of users and machines"), OUTPUT),
    ),
    ActionCommand(
        "man",
        "Read the manual",
        lazy_load_command(f"{_COMMANDS}.man.man"),
        (
            Arg(
                "name",
                "A group of commands, such as dags (default: airflow-lite itself)",
                nargs="?",
                metavar="NAME",
                completer="page",
            ),
        ),
        epilog="example: airflow-lite man dags",
    ),
    ActionCommand(
        "quickstart",
        "Make a home and run an example DAG in it",
        lazy_load_command(f"{_COMMANDS}.quickstart.quickstart"),
    ),
    ActionCommand(
        "scheduler",
        "Run the scheduler, with the executor inside",
        lazy_load_command(f"{_COMMANDS}.scheduler.scheduler"),
        (
            Arg(
                ("-n", "--num-runs"),
                "Times to go round the loop; -1 is without end",
                type=int,
                default=-1,
            ),
            switch(
                ("-s", "--skip-serve-logs"),
                "Do not serve the tasks' logs to other machines",
            ),
            switch(
                ("-p", "--do-pickle"),
                "Ship DAGs pickled to workers, as [core] donot_pickle = False does",
            ),
            SUBDIR,
        ),
        epilog="signals:\n"
        "  SIGTERM, SIGINT  stop, after running tasks had [scheduler] shutdown_grace_s;\n"
        "                   a second one kills them\n"
        "  SIGUSR2          print what the executors hold",
    ),
    ActionCommand("version", "Show the version", lazy_load_command(f"{_COMMANDS}.version.version")),
)
