"""`airflow-lite executors …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from airflow_lite.testing.certificate import Certificate


def certify(args: argparse.Namespace) -> int:
    """Run the conformance kit on one executor; exit 0 only if every applicable case passed."""
    import sys

    from airflow_lite.cli.context import config
    from airflow_lite.plugins.naming import locate
    from airflow_lite.testing import certificate

    located = locate(args.executor.replace(":", "."), config(args))
    output = sys.stderr if getattr(args, "verbose", False) else None
    found = certificate.certify(located, output=output)
    if args.output == "json":
        import json

        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(found, args.output)
    return 0 if found.conforms else 1


def _print(found: Certificate, output: str) -> None:
    from airflow_lite.cli.output import print_rows

    cases: list[dict[str, Any]] = [
        {"case": case.case, "result": case.result, "reason": case.reason} for case in found.cases
    ]
    print_rows(cases, output)
    if output == "yaml":
        return
    print()
    levels = [dict(level.__dict__) for level in found.levels]
    print_rows([{key.replace("_", " "): level[key] for key in level} for level in levels], output)
    verdict = "conforms" if found.conforms else "does not conform"
    print(f"\n{_title(found)} {verdict} (airflow-lite {found.core_version}, {found.date}).")


def _title(found: Certificate) -> str:
    if not found.distribution:
        return found.executor
    return f"{found.executor} of {found.distribution} {found.version}"
