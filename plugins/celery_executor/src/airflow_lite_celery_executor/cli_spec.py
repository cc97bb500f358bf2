"""`airflow-lite celery …`, as data."""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command, listing_arguments

_COMMANDS = "airflow_lite_celery_executor.commands."

_HOSTNAME = Arg(
    ("-H", "--celery-hostname"), help="Name of the worker, as list-workers shows it", required=True
)
_QUEUES = Arg(("-q", "--queues"), help="Queues, comma-separated", required=True)
_PID = Arg("--pid", help="File of the process id", metavar="FILE", completer="file")
_DAEMON = Arg(
    ("-D", "--daemon"),
    help="Run in the background, with a file of the process id",
    action="store_true",
)
_LOG_FILE = Arg(
    ("-l", "--log-file"),
    help="Where --daemon writes (default: a file in the home)",
    metavar="FILE",
    completer="file",
)
_WORKER = ActionCommand(
    "worker",
    "Run a Celery worker",
    lazy_load_command(_COMMANDS + "worker"),
    (
        Arg(
            ("-q", "--queues"),
            help="Queues to take tasks from, comma-separated (default: [operators] default_queue)",
            default="",
        ),
        Arg(
            ("-c", "--concurrency"),
            help="Tasks at once (default: [celery] worker_concurrency)",
            type=int,
        ),
        Arg(
            ("-a", "--autoscale"),
            help="Most and fewest tasks at once, such as 16,4 (default: [celery] worker_autoscale)",
            metavar="MOST,FEWEST",
        ),
        Arg(
            ("-H", "--celery-hostname"),
            help="Name of the worker, the only one of that name (default: this machine's, and the"
            " process id)",
        ),
        _PID,
        _DAEMON,
        _LOG_FILE,
        Arg(
            ("-s", "--skip-serve-logs"),
            help="Do not serve this machine's task logs to others",
            action="store_true",
        ),
        Arg(
            "--without-mingle",
            help="Do not ask other workers for their state at the start",
            action="store_true",
        ),
        Arg(
            "--without-gossip",
            help="Do not listen to other workers' events",
            action="store_true",
        ),
    ),
    epilog="SIGTERM lets what runs end, for [scheduler] shutdown_grace_s; what runs then still is"
    " finished and recorded by itself. SIGQUIT kills it, after [celery]"
    " worker_soft_shutdown_timeout.\n"
    "example: airflow-lite --executor CeleryExecutor celery worker --queues default,gpu",
)

GROUP = GroupCommand(
    "celery",
    "Run and look at Celery workers",
    (
        _WORKER,
        ActionCommand(
            "stop",
            "Stop the worker that was started with --daemon or --pid",
            lazy_load_command(_COMMANDS + "stop"),
            (_PID,),
            epilog="It gets SIGTERM: what runs may end.\n"
            "example: airflow-lite --executor CeleryExecutor celery stop",
        ),
        ActionCommand(
            "status",
            "List the queues: what waits and runs, and which workers serve them",
            lazy_load_command(_COMMANDS + "status"),
            listing_arguments(),
            epilog="The exit code is 1 if the broker does not answer.\n"
            "example: airflow-lite --executor CeleryExecutor celery status -o json",
        ),
        ActionCommand(
            "list-workers",
            "List the workers that answer",
            lazy_load_command(_COMMANDS + "list_workers"),
            listing_arguments(),
            epilog="example: airflow-lite --executor CeleryExecutor celery list-workers",
        ),
        ActionCommand(
            "shutdown-worker",
            "Have a worker end, once what runs has ended",
            lazy_load_command(_COMMANDS + "shutdown_worker"),
            (_HOSTNAME,),
            epilog="example: airflow-lite --executor CeleryExecutor celery shutdown-worker -H"
            " celery@host-1",
        ),
        ActionCommand(
            "shutdown-all-workers",
            "Have all workers end, once what runs has ended",
            lazy_load_command(_COMMANDS + "shutdown_all_workers"),
            (Arg(("-y", "--yes"), help="Do not ask whether to do it", action="store_true"),),
            epilog="example: airflow-lite --executor CeleryExecutor celery shutdown-all-workers -y",
        ),
        ActionCommand(
            "add-queue",
            "Have a worker take tasks from further queues",
            lazy_load_command(_COMMANDS + "add_queue"),
            (_QUEUES, _HOSTNAME),
            epilog="example: airflow-lite --executor CeleryExecutor celery add-queue -q gpu -H"
            " celery@host-1",
        ),
        ActionCommand(
            "remove-queue",
            "Have a worker take no more tasks from queues",
            lazy_load_command(_COMMANDS + "remove_queue"),
            (_QUEUES, _HOSTNAME),
            epilog="example: airflow-lite --executor CeleryExecutor celery remove-queue -q gpu -H"
            " celery@host-1",
        ),
        ActionCommand(
            "flower",
            "Run Flower, which shows workers in a browser",
            lazy_load_command(_COMMANDS + "flower"),
            (
                Arg(
                    ("-H", "--hostname"),
                    help="Address to listen on (default: [celery] flower_host)",
                ),
                Arg(
                    ("-p", "--port"),
                    help="Port to listen on (default: [celery] flower_port)",
                    type=int,
                ),
                Arg(
                    ("-c", "--flower-conf"),
                    help="File of Flower's own settings",
                    metavar="FILE",
                    completer="file",
                ),
                Arg(
                    ("-u", "--url-prefix"),
                    help="Path below which it is served (default: [celery] flower_url_prefix)",
                ),
                Arg(
                    ("-A", "--basic-auth"),
                    help="Who may see it: user:password pairs (default: [celery]"
                    " flower_basic_auth, which no list of processes shows)",
                ),
                Arg(("-a", "--broker-api"), help="URL of RabbitMQ's management"),
            ),
            epilog="example: airflow-lite --executor CeleryExecutor celery flower --port 5555",
        ),
    ),
)
