"""`airflow-lite connections …`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from airflow_lite.authoring.connection import Connection
from airflow_lite.cli import context, secrets
from airflow_lite.cli.output import Cell, print_rows
from airflow_lite.errors import AirflowException, AirflowNotFoundException, UserError
from airflow_lite.keys import check_id
from airflow_lite.secrets_masker import MASK, redact, without_url_secrets
from airflow_lite.store import connections
from airflow_lite.store.connections import ConnectionFields

if TYPE_CHECKING:
    from airflow_lite.store.connections import StoredConnection

_LONGEST_ID = 200
_FILES = (".yaml", ".json", ".env")
#: Options that make a connection without a URI or JSON.
_SINGLE = ("conn_type", "conn_host", "conn_login", "conn_password", "conn_schema", "conn_port")
_EXPORTED = ("conn_type", "description", "login", "password", "host", "port", "schema", "extra")


def list_connections(args: context.Args) -> int:
    """List those of the store."""
    with context.store(args).read() as connection:
        found = connections.connections(connection, secrets.cipher(args), args.conn_id)
    rows = [_row(_made(stored), stored, is_clear=args.show_values) for stored in found]
    print_rows(
        rows,
        args.output,
        columns=args.columns,
        shown=("conn_id", "conn_type", "host", "login", *(["get_uri"] * args.show_values)),
        wide=("schema", "port", "description"),
    )
    return 0


def get_connection(args: context.Args) -> int:
    """Show one, wherever it is."""
    found, stored = _found(args)
    print_rows([_row(found, stored, is_clear=args.show_values)], args.output, columns=args.columns)
    return 0


def _found(args: context.Args) -> tuple[Connection, StoredConnection | None]:
    """Return a connection, and the row that it is of; raise `UserError`."""
    from airflow_lite.authoring.secrets.search import search

    outside = search().connection(args.conn_id)  # the places that come before the store
    if outside is not None:
        return outside, None
    with context.store(args).read() as connection:
        found = connections.connections(connection, secrets.cipher(args), args.conn_id)
    if not found:
        raise UserError("Connection not found.")
    return _made(found[0]), found[0]


def _made(stored: StoredConnection) -> Connection:
    return Connection(**stored.fields._asdict())


def _row(found: Connection, stored: StoredConnection | None, *, is_clear: bool) -> dict[str, Any]:
    shown = found if is_clear else _masked(found)
    uri = shown.get_uri()
    extra = shown.extra_dejson
    return {
        "id": None if stored is None else stored.id,
        "conn_id": found.conn_id,
        "conn_type": found.conn_type,
        "description": found.description,
        "host": found.host,
        "schema": found.schema,
        "login": found.login,
        "password": shown.password,
        "port": found.port,
        "is_encrypted": stored is not None and stored.is_encrypted,
        "is_extra_encrypted": stored is not None and stored.is_extra_encrypted,
        "extra_dejson": Cell(extra, json.dumps(extra)),
        "get_uri": uri if is_clear else uri.replace("%2A%2A%2A", MASK),
    }


def _masked(found: Connection) -> Connection:
    """Return a copy whose secrets are masked."""
    fields = {name: getattr(found, name) for name in ConnectionFields._fields}
    extra = redact(found.extra_dejson)
    return Connection(
        **{
            **fields,
            "password": found.password and MASK,
            "extra": json.dumps(extra) if extra else None,
        }
    )


def add_connection(args: context.Args) -> int:
    """Add one of a URI, of JSON, or of single values."""
    _check_conn_id(args.conn_id)
    _check_words(args)
    made = _of_words(args)
    cipher = secrets.cipher_for_writing(args)
    for transaction in context.transactions(args):
        with transaction as connection:
            if not connections.add(connection, cipher, _fields(made)):
                raise UserError(f"A connection with `conn_id`={made.conn_id} already exists.")
    uri = without_url_secrets(args.conn_uri) if args.conn_uri else _shown(made)
    print(f"Successfully added `conn_id`={made.conn_id} : {uri}")
    return 0


def _check_conn_id(conn_id: str) -> None:
    try:
        check_id(conn_id, "connection id")
    except UserError as error:
        raise UserError(f"Could not create connection. {error}") from None
    if len(conn_id) > _LONGEST_ID:
        raise UserError(
            f"Could not create connection. The key has to be less than {_LONGEST_ID} characters"
        )


def _check_words(args: context.Args) -> None:
    """Raise `UserError`, in Airflow's words, for options that exclude each other."""
    if not (args.conn_type or args.conn_json or args.conn_uri):
        raise UserError("Must supply either conn-uri or conn-json if not supplying conn-type")
    if args.conn_json and args.conn_uri:
        raise UserError("Cannot supply both conn-uri and conn-json")
    if not (args.conn_json or args.conn_uri):
        return
    if args.conn_uri and not urlsplit(args.conn_uri).scheme:
        shown = without_url_secrets(args.conn_uri)
        raise UserError(f"The URI provided to --conn-uri is invalid: {shown}")
    others = [name for name in _SINGLE if getattr(args, name) is not None]
    others += ["--conn-extra"] if args.conn_json and args.conn_extra else []
    if others:
        flag = "uri" if args.conn_uri else "json"
        raise UserError(
            f"The following args are not compatible with the --conn-{flag} flag: {others!r}"
        )


def _of_words(args: context.Args) -> Connection:
    try:
        if args.conn_json:
            made = Connection.from_json(args.conn_json, args.conn_id)
            if not made.conn_type:
                raise UserError("conn-json is invalid; must supply conn-type")
            return made
        if args.conn_uri:
            made = Connection(args.conn_id, description=args.conn_description, uri=args.conn_uri)
        else:
            made = _of_single_values(args)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"Could not create connection. {error}") from None
    if args.conn_extra is not None:
        made.set_extra(args.conn_extra)
    return made


def _of_single_values(args: context.Args) -> Connection:
    return Connection(
        args.conn_id,
        conn_type=args.conn_type,
        description=args.conn_description,
        host=args.conn_host,
        login=args.conn_login,
        password=args.conn_password,
        schema=args.conn_schema,
        port=None if args.conn_port is None else int(args.conn_port),
    )


def _fields(made: Connection) -> ConnectionFields:
    fields = {name: getattr(made, name) for name in ConnectionFields._fields}
    if isinstance(fields["port"], str) and fields["port"].isdecimal():
        fields["port"] = int(fields["port"])
    return ConnectionFields(**fields)


def _shown(made: Connection) -> str:
    hidden = "******" if made.password else ""
    place = f"{made.login or ''}:{hidden}@{made.host or ''}:{made.port or ''}"
    return urlunsplit((made.conn_type or "", place, made.schema or "", "", ""))


def delete_connection(args: context.Args) -> int:
    """Delete one."""
    for transaction in context.transactions(args):
        with transaction as connection:
            if not connections.delete(connection, args.conn_id):
                raise UserError(f"Did not find a connection with `conn_id`={args.conn_id}")
    print(f"Successfully deleted connection with `conn_id`={args.conn_id}")
    return 0


def import_connections(args: context.Args) -> int:
    """Add those of a file, in one transaction."""
    found = _read(args.file)
    cipher = secrets.cipher_for_writing(args)
    for transaction in context.transactions(args):
        with transaction as connection:
            there = set() if args.overwrite else connections.existing(connection, found)
            lines, new = [], []
            for conn_id, made in found.items():
                if (refused := _refusal(conn_id, there)) is None:
                    new.append(_fields(made))
                lines.append(refused or f"Imported connection {conn_id}")
            connections.put(connection, cipher, new)
    for line in lines:
        print(line)
    return 0


def _read(path: str) -> dict[str, Connection]:
    from airflow_lite.authoring.secrets.local_filesystem import load_connections_dict

    if not os.path.exists(path):
        raise UserError("Missing connections file.")
    try:
        return load_connections_dict(path)
    except AirflowException as error:
        raise UserError(str(error)) from None


def _refusal(conn_id: str, there: set[str]) -> str | None:
    try:
        _check_conn_id(conn_id)
    except UserError as error:
        return str(error).replace("create", "import", 1)
    if conn_id in there:
        return f"Could not import connection {conn_id}: connection already exists."
    return None


def export_connections(args: context.Args) -> int:
    """Write all, in clear."""
    ending = _ending(args)
    if args.serialization_format and ending != ".env":
        raise UserError("Option `--serialization-format` may only be used with file type `env`.")
    with context.store(args).read() as connection:
        found = connections.connections(connection, secrets.cipher(args))
    made = [_made(stored) for stored in found]
    text = _text(made, ending, args.serialization_format or "uri")
    secrets.write_export(args.file, secrets.Exported(text, len(made), "Connections"))
    return 0


def _ending(args: context.Args) -> str:
    if args.format:
        context.notice("airflow-lite: --format is deprecated. Use --file-format.")
        if args.file_format:
            raise UserError("Option `--format` is deprecated.  Use `--file-format` instead.")
    if named := args.format or args.file_format:
        return f".{named}"
    if args.file == "-":
        return ".json"
    ending: str = os.path.splitext(args.file)[1].lower()
    if ending not in _FILES:
        raise UserError(
            f"Unsupported file format. The file must have the extension {', '.join(_FILES)}."
        )
    return ending


def _text(made: list[Connection], ending: str, serialization: str) -> str:
    fields = {
        str(found.conn_id): {name: getattr(found, name) for name in _EXPORTED} for found in made
    }
    if ending == ".json":
        return json.dumps(fields, indent=2)
    if ending == ".yaml":
        import yaml

        text: str = yaml.safe_dump(fields)
        return text
    texts = {
        found.conn_id: found.get_uri()
        if serialization == "uri"
        else json.dumps(fields[str(found.conn_id)])
        for found in made
    }
    return "".join(f"{conn_id}={text}\n" for conn_id, text in texts.items())


def test_connection(args: context.Args) -> int:
    """Reach a connection's host, if the configuration allows it."""
    from airflow_lite.cli.reach import reach

    if context.config(args).get("core", "test_connection").strip().lower() != "enabled":
        raise UserError(
            "Testing connections is disabled in the configuration."
            " Set [core] test_connection = Enabled."
        )
    print(f"Retrieving connection: {args.conn_id!r}")
    try:
        found, _ = _found(args)
    except (UserError, AirflowNotFoundException):
        raise UserError("Connection not found.") from None
    print("\nTesting...")
    if found.make_hook is None:  # no provider's hook, which would log in
        is_reached, message = reach(found.conn_type, found.host, found.port)
    else:
        is_reached, message = found.test_connection()
    if not is_reached:
        raise UserError(f"Connection failed! {message}")
    print(f"Connection success! {message}")
    return 0


test_connection.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name
