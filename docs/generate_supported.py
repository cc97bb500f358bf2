"""What supported.md says: one table of what of Airflow 2.10 is here.

Features are rows of `supported_features`; arguments come from the table that the checks of
DAG files use, commands from the one that answers for them.
"""

from __future__ import annotations

from itertools import chain

from supported_features import SECTIONS, Feature, Verdict

from airflow_lite.authoring.arguments.airflow_arguments import ACCEPTED, REFUSED
from airflow_lite.authoring.decorators.task import REFUSED_DECORATORS
from airflow_lite.cli.specs.airflow_words import COMMANDS, SUBCOMMANDS

HEAD = """# Supported, refused, not yet

What of Airflow 2.10 is here. A feature is

- *supported*: it has Airflow's names and semantics, held by tests against what Airflow 2.10.5 answered;
- *supported, differs*: it is there, with the difference that is named;
- *accepted, without effect*: a DAG that uses it loads, with one notice;
- *refused*: it would change what runs, or cannot be; a DAG that uses it does not load, with the reason;
- *not yet*: it is not there. A DAG file that needs it does not load;
- *no command*: whoever types it is told what serves instead, or that there is nothing.

[Every argument of Airflow 2.10](airflow-arguments.md) has a table of its own, and
[Move a DAG from Airflow](../how-to/move-from-airflow.md) lists the small differences.

| Airflow 2.10 | here | what to know |
|---|---|---|
"""


def page() -> str:
    """Return supported.md."""
    rows = []
    for title, features in SECTIONS.items():
        rows.append(f"| **{title}** | | |\n")
        rows += [_row(feature) for feature in features]
        if title == "In a DAG file":
            rows += [_row(feature) for feature in _arguments()]
    rows.append("| **On the command line** | | |\n")
    rows += [_row(feature) for feature in _commands()]
    return HEAD + "".join(rows)


def _row(feature: Feature) -> str:
    return f"| {feature.name} | {feature.verdict} | {feature.note} |\n"


def _arguments() -> list[Feature]:
    """Return a row for each argument and decorator that is not simply done."""
    tables = ((ACCEPTED, Verdict.WITHOUT_EFFECT), (REFUSED, Verdict.REFUSED))
    arguments = [
        Feature(f"`{argument.name}` of {_owner(owner)}", verdict, argument.why)
        for table, verdict in tables
        for owner, listed in table.items()
        for argument in listed
    ]
    decorators = [
        Feature(f"`@task.{name}`", Verdict.REFUSED, reason)
        for name, reason in sorted(REFUSED_DECORATORS.items())
    ]
    return list(chain(arguments, decorators))


def _commands() -> list[Feature]:
    """Return a row for each thing that is told of Airflow's other commands."""
    answers: dict[str, list[str]] = {}
    listed = {**{(word,): answer for word, answer in COMMANDS.items()}, **SUBCOMMANDS}
    for words, answer in listed.items():
        answers.setdefault(answer, []).append(f"`{' '.join(words)}`")
    return [
        Feature(", ".join(names), Verdict.NO_COMMAND, answer) for answer, names in answers.items()
    ]


def _owner(name: str) -> str:
    return {"DAG": "a DAG", "BaseOperator": "a task"}.get(name, name)
