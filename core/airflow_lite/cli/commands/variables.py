"""`airflow-lite variables …`, and `rotate-fernet-key`."""

from __future__ import annotations

import json
from typing import Any

from airflow_lite.cli import context, secrets
from airflow_lite.cli.output import print_rows
from airflow_lite.errors import UserError
from airflow_lite.store import connections, variables


def list_variables(args: context.Args) -> int:
    """List the keys."""
    cipher = secrets.cipher(args)
    with context.store(args).read() as connection:
        rows = variables.variables(connection)
    names = ("key", "description", "is_encrypted")
    listed = [{name: row[name] for name in names} for row in rows]
    for line in listed:
        line["description"] = line["description"] or ""
    if args.show_values:
        for line, row in zip(listed, rows, strict=True):
            line["val"] = cipher.decrypted(row["val"], is_encrypted=row["is_encrypted"])
    print_rows(
        listed,
        args.output,
        columns=args.columns,
        shown=("key", "val") if args.show_values else ("key",),
        wide=("description",),
    )
    return 0


def get_variable(args: context.Args) -> int:
    """Print a value."""
    from airflow_lite.authoring.variable import Variable

    default = {} if args.default is None else {"default_var": args.default}
    with secrets.reading(args, secrets.cipher(args)):
        try:
            value = Variable.get(args.key, deserialize_json=args.json, **default)
        except (ValueError, KeyError) as error:
            raise UserError(error.args[0]) from None
    print(value)
    return 0


def set_variable(args: context.Args) -> int:
    """Make or change one."""
    from airflow_lite.authoring.variable import Variable

    with secrets.reading(args, secrets.cipher_for_writing(args)):
        Variable.set(args.key, args.value, args.description, serialize_json=args.json)
    print(f"Variable {args.key} created")
    return 0


def delete_variable(args: context.Args) -> int:
    """Delete one; as in Airflow it need not be there."""
    for transaction in context.transactions(args):
        with transaction as connection:
            variables.delete(connection, args.key)
    print(f"Variable {args.key} deleted")
    return 0


def import_variables(args: context.Args) -> int:
    """Make those of a file, in one transaction."""
    found = secrets.read_json(args.file, "variables")
    cipher, on_existing = secrets.cipher_for_writing(args), args.action_on_existing_key
    texts = {key: _text(value) for key, value in found.items()}
    for transaction in context.transactions(args):
        with transaction as connection:
            there = set() if on_existing == "overwrite" else variables.existing(connection, texts)
            if there and on_existing == "fail":
                raise UserError(f"Failed. These keys: {sorted(there)} already exists.")
            new = {key: text for key, text in texts.items() if key not in there}
            variables.put(connection, cipher, new)
    print(f"{len(new)} of {len(found)} variables successfully updated.")
    if there:
        print(
            f"The variables with these keys: {sorted(there)}"
            " were skipped because they already exists"
        )
    return 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2)


def export_variables(args: context.Args) -> int:
    """Write all, in clear; a text that is JSON as what it says."""
    with context.store(args).read() as connection:
        found = variables.values(connection, secrets.cipher(args))
    values = {key: _value(text) for key, text in found.items()}
    text = json.dumps(values, sort_keys=True, indent=4)
    secrets.write_export(args.file, secrets.Exported(text, len(values), "Variables"))
    return 0


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def rotate_fernet_key(args: context.Args) -> int:
    """Encrypt all that is encrypted anew."""
    cipher = secrets.cipher(args)
    for transaction in context.transactions(args):
        with transaction as connection:
            of_variables = variables.rotate(connection, cipher)
            of_connections = connections.rotate(connection, cipher)
    print(
        f"Encrypted anew: {of_variables} value(s) of variables,"
        f" {of_connections} password(s) and extra(s) of connections."
    )
    return 0
