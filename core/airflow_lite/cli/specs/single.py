"""The commands that stand alone: completion, info, man, quickstart, scheduler, version."""

from __future__ import annotations

from airflow_lite.cli.options import OUTPUT, SUBDIR, run_of, switch
from airflow_lite.cli.spec import ActionCommand, Arg
from airflow_lite.cli.types import whole

COMMANDS = (
    ActionCommand(
        "completion",
        "Print what makes your shell's Tab key complete commands",
        run_of("completion.completion"),
        (Arg("shell", "Your shell: bash, zsh or fish", choices=("bash", "zsh", "fish")),),
        epilog="bash:  echo 'source <(airflow-lite completion bash)' >> ~/.bashrc\n"
        "zsh:   echo 'source <(airflow-lite completion zsh)' >> ~/.zshrc\n"
        "fish:  airflow-lite completion fish > ~/.config/fish/completions/airflow-lite.fish",
    ),
    ActionCommand(
        "info",
        "Show what runs here: versions, paths, settings",
        run_of("info.info"),
        (switch("--anonymize", "Leave out names of users and machines"), OUTPUT),
    ),
    ActionCommand(
        "man",
        "Read the manual",
        run_of("man.man"),
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
        "quickstart", "Make a home and run an example DAG in it", run_of("quickstart.quickstart")
    ),
    ActionCommand(
        "scheduler",
        "Run the scheduler, with the executor inside",
        run_of("scheduler.scheduler"),
        (
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
            SUBDIR,
        ),
        epilog="signals:\n"
        "  SIGTERM, SIGINT  stop, after running tasks had [scheduler] shutdown_grace_s;\n"
        "                   a second one kills them\n"
        "  SIGUSR2          print what the executors hold",
    ),
    ActionCommand("version", "Show the version", run_of("version.version")),
)
