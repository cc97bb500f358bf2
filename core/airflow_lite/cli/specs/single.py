"""The commands that stand alone: completion, info, man, quickstart, scheduler, version."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import OUTPUT, command
from airflow_lite.cli.types import whole

COMMANDS = (
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
    command("version", "version.version", "Show the version"),
)
