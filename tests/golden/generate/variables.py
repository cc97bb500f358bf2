"""Write variables.json: what Airflow 2.10.5 answers to calls about variables and connections.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__UNIT_TEST_MODE=False \
        AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS=False python variables.py OUTPUT_FOLDER

"commands": by command, its positional arguments and flags, from Airflow's own parser.
"calls": a list of [call, exit code, stdout, last line of stderr, files that it made], in order.
"code": by expression, what it returns to a task, or the exception's name and message.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shlex
import sys
import tempfile
from pathlib import Path

FILES = {
    "v.json": '{"region": "south", "limits": {"rows": 5}, "n": 3, "none": null}',
    "not.json": "{",
    "c.json": (
        '{"a": "mysql://u:p@h/db", "b": {"conn_type": "http", "host": "h", "port": 8080,'
        ' "extra_dejson": {"k": "v"}}, "shop": "ftp://other"}'
    ),
    "c.yaml": "y:\n  conn_type: ssh\n  host: h\n  login: me\nz: sqlite://h\n",
    "c.env": "# a comment\n\ne=http://h:80/?a=b\nf=postgres://l:pa%2Fss@h:5432/s\n",
    "twice.env": "e=http://h\ne=http://i\n",
    "bad.json": '{"a": {"hosts": "x"}}',
    "c.txt": "a=http://h\n",
}
CALLS = """
variables list -o json
variables get nope
variables get nope -d 5
variables set region north --description where
variables set limits '{"rows": 100}'
variables set quoted text -j
variables get region
variables get limits
variables get limits -j
variables get region -j
variables get quoted
variables get quoted -j
variables list -o json
variables export -
variables export out.json
variables import v.json -a fail
variables import v.json -a skip
variables import v.json
variables import nothing.json
variables import not.json
variables get n
variables get none
variables delete region
variables delete region
variables export -
connections list -o json
connections get nope
connections delete nope
connections add shop
connections add shop --conn-uri nothing
connections add shop --conn-uri http://h --conn-json '{}'
connections add shop --conn-uri http://h --conn-host h
connections add shop --conn-json '{"conn_type": "http"}' --conn-extra '{}'
connections add shop --conn-json '{"host": "h"}'
connections add 'a b' --conn-uri http://h
connections add shop --conn-uri 'postgresql://reader:s3cret@db:5432/orders?sslmode=require' --conn-description 'the shop'
connections add shop --conn-uri http://h
connections add json --conn-json '{"conn_type": "http", "host": "h", "port": 80, "extra": {"a": {"b": 1}}}'
connections add env --conn-type http --conn-host h --conn-login me --conn-password pw --conn-port 81 --conn-schema s --conn-extra '{"k": "v"}'
connections add more --conn-uri ftp://h --conn-extra '{"k": "v"}'
connections get shop -o json
connections get json -o json
connections get env -o json
connections list --conn-id more -o json
connections list --conn-id nope -o json
connections export -
connections export - --file-format yaml
connections export - --file-format env
connections export - --file-format env --serialization-format json
connections export - --serialization-format uri
connections export - --format json --file-format yaml
connections export out.json
connections export out.yaml
connections export out.env
connections export out.txt
connections export out.txt --file-format json
connections import nothing.json
connections import c.json
connections import c.json --overwrite
connections import c.yaml
connections import c.env
connections import twice.env
connections import bad.json
connections import c.txt
connections get b -o json
connections get shop -o json
connections get e -o json
connections get f -o json
connections delete shop
connections test a
rotate-fernet-key
"""
CODE = (
    "Variable.get('limits')",
    "Variable.get('limits', deserialize_json=True)",
    "Variable.get('none')",
    "Variable.get('nowhere')",
    "Variable.get('nowhere', None)",
    "Variable.get('nowhere', {}, deserialize_json=True)",
    "Variable.get('text', deserialize_json=True)",
    "Variable.set('made', 5)",
    "Variable.get('made')",
    "Variable.set('made', {'a': [1]}, description='d', serialize_json=True)",
    "Variable.get('made')",
    "Variable.update('made', 'x')",
    "Variable.get('made')",
    "Variable.update('nowhere', 'x')",
    "Variable.update('of_environment', 'x')",
    "Variable.get('of_environment')",
    "Variable.set('of_environment', 'y')",
    "Variable.get('of_environment')",
    "Variable.setdefault('made', 'other')",
    "Variable.setdefault('fresh', {'a': 1}, deserialize_json=True)",
    "Variable.get('fresh')",
    "Variable.setdefault('fresher', None)",
    "Variable.delete('made')",
    "Variable.delete('made')",
    "Variable.get('made', 'gone')",
    "BaseHook.get_connection('a').get_uri()",
    "BaseHook.get_connection('A').get_uri()",
    "BaseHook.get_connection('of_environment').get_uri()",
    "[one.get_uri() for one in BaseHook.get_connections('a')]",
    "type(Connection.get_connection_from_secrets('nowhere'))",
    "Connection.get_connection_from_secrets('json').extra_dejson",
    "Connection.get_connection_from_secrets('env').password",
    "VariableAccessor(deserialize_json=False).limits",
    "VariableAccessor(deserialize_json=True).limits",
    "VariableAccessor(deserialize_json=True).get('nowhere', 3)",
    "ConnectionAccessor().env.login",
    "ConnectionAccessor().get('nowhere', 'default')",
)


def commands() -> dict[str, list[dict[str, object]]]:
    from airflow.cli.cli_parser import get_parser

    found = {}
    for words, parser in leaves(get_parser()):
        if words[0] in {"variables", "connections", "rotate-fernet-key"}:
            found[" ".join(words)] = [
                {"flags": [*action.option_strings] or [action.dest]}
                | ({"choices": sorted(action.choices)} if action.choices else {})
                for action in parser._actions
                if not isinstance(action, argparse._HelpAction)
            ]
    return found


def leaves(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()):
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield words, parser
    for group in groups:
        for name, child in group.choices.items():
            yield from leaves(child, (*words, name))


class Output(io.StringIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.fileno = lambda: number
        self.close = lambda: None  # `export -` closes its standard output
        self.name = "<stdout>"


def call(text: str) -> list[object]:
    from airflow.cli.cli_parser import get_parser

    before = {name: Path(name).read_text() for name in os.listdir()}
    out, err, code = Output(1), Output(2), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            args = get_parser().parse_args(shlex.split(text))
            code = args.func(args) or 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
            err.write("" if isinstance(error.code, int | None) else f"{error.code}\n")
        except Exception as error:
            code = 1
            err.write(f"{type(error).__name__}: {error}\n")
    files = {name: Path(name).read_text() for name in sorted(os.listdir())}
    made = {name: text for name, text in files.items() if before.get(name) != text}
    lines = [line for line in err.getvalue().splitlines() if line.strip()]
    return [text, code, out.getvalue(), lines[-1] if lines else "", made]


def answers() -> list[list[str]]:
    from airflow.hooks.base import BaseHook
    from airflow.models import Connection, Variable
    from airflow.utils.context import ConnectionAccessor, VariableAccessor

    names = {**locals()}
    Variable.set("text", "text")
    os.environ["AIRFLOW_VAR_OF_ENVIRONMENT"] = "here"
    os.environ["AIRFLOW_CONN_OF_ENVIRONMENT"] = "http://here"
    rows = []
    for expression in CODE:
        try:
            rows.append([expression, repr(eval(expression, names))])
        except Exception as error:
            rows.append([expression, f"{type(error).__name__}: {error}"])
    return rows


def main() -> None:
    from airflow.utils.db import initdb

    initdb(load_connections=False)
    folder = Path(sys.argv[1]).absolute()
    found: dict[str, object] = {"files": FILES, "commands": commands()}
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        for name, text in FILES.items():
            Path(name).write_text(text)
        found["calls"] = [call(text) for text in CALLS.strip().splitlines()]
        found["code"] = answers()
        os.chdir("/")
    (folder / "variables.json").write_text(json.dumps(found, indent=1) + "\n")


main()
