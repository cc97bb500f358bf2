"""`airflow-lite connections …`."""

from __future__ import annotations

from airflow_lite.api.commands.spec import Arg, switch
from airflow_lite.cli.options import LISTING, SHOW_VALUES, command

_CONN_ID = Arg("conn_id", "The connection's id", completer="connection")
_FORMATS = ("json", "yaml", "env")

COMMANDS = (
    command(
        "list",
        "connections.list_connections",
        "List the connections of the metadata database",
        *LISTING,
        Arg("--conn-id", "Only the connection of this id", completer="connection"),
        SHOW_VALUES,
    ),
    command(
        "get",
        "connections.get_connection",
        "Show a connection, wherever it is",
        _CONN_ID,
        *LISTING,
        SHOW_VALUES,
    ),
    command(
        "add",
        "connections.add_connection",
        "Add a connection to the metadata database",
        _CONN_ID,
        Arg("--conn-uri", "The connection as a URI"),
        Arg("--conn-json", "The connection as JSON"),
        Arg("--conn-extra", "Its extra: a JSON object"),
        Arg("--conn-type", "Its type, such as postgres"),
        Arg("--conn-description", "What it is for"),
        Arg("--conn-host", "Its host"),
        Arg("--conn-login", "Its login"),
        Arg("--conn-password", "Its password"),
        Arg("--conn-schema", "Its schema, or database"),
        Arg("--conn-port", "Its port"),
        epilog=(
            "example: airflow-lite connections add shop --conn-uri"
            " 'postgresql://reader:s3cret@db.example.com:5432/orders'"
        ),
    ),
    command(
        "delete",
        "connections.delete_connection",
        "Delete a connection of the metadata database",
        _CONN_ID,
    ),
    command(
        "import",
        "connections.import_connections",
        "Add the connections of a file",
        Arg("file", "A file of JSON, YAML or NAME=VALUE lines (.env)", completer="file"),
        switch("--overwrite", "Change connections that are there already"),
    ),
    command(
        "export",
        "connections.export_connections",
        "Write all connections of the metadata database, in clear, to a file",
        Arg("file", "The file, .json, .yaml or .env; - is standard output", completer="file"),
        Arg("--format", "The same as --file-format, which Airflow prefers", choices=_FORMATS),
        Arg("--file-format", "Format of the file, over its name", choices=_FORMATS),
        Arg(
            "--serialization-format",
            "How .env has each connection (default: uri)",
            choices=("json", "uri"),
            type=str.lower,
        ),
    ),
    command(
        "test",
        "connections.test_connection",
        "Find out whether a connection's host can be reached",
        _CONN_ID,
    ),
)
