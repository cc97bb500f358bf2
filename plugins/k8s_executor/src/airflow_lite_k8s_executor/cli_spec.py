"""`airflow-lite kubernetes …`, as data."""

from __future__ import annotations

from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command

_COMMANDS = "airflow_lite_k8s_executor.commands."

_OUTPUT = Arg(
    ("-o", "--output"),
    help="How rows are printed (default: table)",
    choices=("table", "json", "yaml", "plain"),
    default="table",
)
_COLUMNS = Arg(
    "--columns",
    help="Columns to show, comma-separated",
    type=lambda text: text.split(","),
    metavar="NAME,NAME",
)

GROUP = GroupCommand(
    "kubernetes",
    "Look at the pods of KubernetesExecutor, and tidy up",
    (
        ActionCommand(
            "status",
            "List the pods of tasks, and why they wait or have failed",
            lazy_load_command(_COMMANDS + "status"),
            (_OUTPUT, _COLUMNS),
            epilog="The exit code is 1 if the API server does not answer.\n"
            "example: airflow-lite --executor KubernetesExecutor kubernetes status -o json",
        ),
        ActionCommand(
            "cleanup-pods",
            "Delete pods that have ended, or wait for too long",
            lazy_load_command(_COMMANDS + "cleanup_pods"),
            (
                Arg(
                    "--namespace",
                    help="Namespace to look in (default: those of [kubernetes])",
                ),
                Arg(
                    "--min-pending-minutes",
                    help="Minutes after which a pod that does not run is deleted, at least 5"
                    " (default: 30)",
                    type=int,
                    default=30,
                ),
            ),
            epilog="Pods of tasks that run are left alone.\n"
            "example: airflow-lite --executor KubernetesExecutor kubernetes cleanup-pods",
        ),
        ActionCommand(
            "generate-dag-yaml",
            "Write the pod of each task of a DAG to a file",
            lazy_load_command(_COMMANDS + "generate_dag_yaml"),
            (
                Arg("dag_id", help="The id of the DAG", completer="dag_id"),
                Arg(
                    ("logical_date",), help="Date of the run, in ISO 8601 (default: now)", nargs="?"
                ),
                Arg(
                    ("-S", "--subdir"),
                    help="File or folder to read the DAG from",
                    metavar="PATH",
                    completer="file",
                ),
                Arg(
                    ("-o", "--output-path"),
                    help="Folder in which airflow_yaml_output is made (default: this one)",
                    metavar="FOLDER",
                    default=".",
                    completer="file",
                ),
            ),
            epilog="example: airflow-lite --executor KubernetesExecutor kubernetes"
            " generate-dag-yaml my_dag 2024-01-31",
        ),
        ActionCommand(
            "manifests",
            "Print what a cluster is given to run a scheduler there",
            lazy_load_command(_COMMANDS + "manifests"),
            (
                Arg(
                    "--namespace",
                    help="Namespace of the scheduler and of the pods (default: airflow-lite)",
                    default="airflow-lite",
                ),
                Arg(
                    "--image",
                    help="Image of both, with its tag (default: airflow-lite, of this version)",
                    metavar="NAME:TAG",
                ),
                Arg(
                    "--dags",
                    help="Where DAG files come from: the ConfigMap airflow-lite-dags, the"
                    " PersistentVolumeClaim of that name, or the folder /dags of the image"
                    " (default: configmap)",
                    choices=("configmap", "volume", "image"),
                    default="configmap",
                ),
                Arg(
                    "--database-url-file",
                    help="File whose text is the metadata database's URL, for a Secret; without"
                    " it the Secret airflow-lite-database is yours to make",
                    metavar="FILE",
                    completer="file",
                ),
            ),
            epilog="example: airflow-lite --executor KubernetesExecutor kubernetes manifests"
            " --image registry.example.com/airflow-lite:0.1.0 | kubectl apply -f -",
        ),
    ),
)
