"""`airflow-lite dask …`, as data."""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command, listing_arguments

_COMMANDS = "airflow_lite_dask_executor.commands."

_HOST = Arg("--host", help="Address to listen on (default: 127.0.0.1)", default="127.0.0.1")
_PORT = Arg("--port", help="Port to listen on (default: 8786)", type=int, default=8786)
_QUEUES = Arg(
    "--queues", help="Queues to serve beside the default one, comma-separated", default=""
)
_THREADS = Arg(
    "--nthreads",
    help="Attempts at once on each worker (default: the machine's cores, shared out)",
    type=int,
    default=0,
)
_DASHBOARD = Arg("--dashboard", help="Serve Dask's dashboard on port 8787", action="store_true")
GROUP = GroupCommand(
    "dask",
    "Run and look at the Dask cluster that tasks run on",
    (
        ActionCommand(
            "scheduler",
            "Run a Dask scheduler in the foreground",
            lazy_load_command(_COMMANDS + "scheduler"),
            (_HOST, _PORT, _DASHBOARD),
            epilog="It listens on this machine alone unless --host says otherwise; whoever can "
            "reach it can run code on every worker, so set [dask] tls_ca, tls_cert and tls_key.\n"
            "example: airflow-lite --executor DaskExecutor dask scheduler --host 10.0.0.5",
        ),
        ActionCommand(
            "worker",
            "Run Dask workers in the foreground",
            lazy_load_command(_COMMANDS + "worker"),
            (
                Arg(
                    "address",
                    help="Address of the Dask scheduler (default: [dask] cluster_address)",
                    nargs="?",
                    metavar="ADDRESS",
                ),
                _QUEUES,
                _THREADS,
                Arg("--nworkers", help="Number of workers (default: 1)", type=int, default=1),
                Arg(
                    "--host",
                    help="This machine's address, for the others (default: 127.0.0.1 if the "
                    "scheduler is on this machine, else the one that leads to it)",
                ),
                Arg(
                    ("-s", "--skip-serve-logs"),
                    help="Do not serve this machine's task logs to others",
                    action="store_true",
                ),
            ),
            epilog="It waits for the Dask scheduler, also when that one was restarted. SIGTERM "
            "ends it; what runs then is finished and recorded by itself.\n"
            "example: airflow-lite --executor DaskExecutor dask worker 10.0.0.5:8786 --queues gpu",
        ),
        ActionCommand(
            "cluster",
            "Run a whole cluster on this machine in the foreground",
            lazy_load_command(_COMMANDS + "cluster"),
            (
                Arg("--workers", help="Number of workers (default: 2)", type=int, default=2),
                _QUEUES,
                _THREADS,
                _PORT,
            ),
            epilog="example: airflow-lite --executor DaskExecutor dask cluster --workers 4",
        ),
        ActionCommand(
            "status",
            "List the workers, their queues, memory and attempts",
            lazy_load_command(_COMMANDS + "status"),
            listing_arguments(),
            epilog="The exit code is 1 if no Dask scheduler answers.\n"
            "example: airflow-lite --executor DaskExecutor dask status -o json",
        ),
    ),
)
