"""What the commands of variables and connections share."""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.cli import context
from airflow_lite.errors import UserError
from airflow_lite.security.cipher import PLAIN_NOTICE, Cipher

if TYPE_CHECKING:
    from collections.abc import Iterator


def cipher(args: context.Args) -> Cipher:
    """Return what encrypts and decrypts values."""
    return Cipher(context.config(args))


def cipher_for_writing(args: context.Args) -> Cipher:
    """Return the same; say on stderr if it encrypts nothing."""
    the_cipher = cipher(args)
    if not the_cipher.is_on:
        context.notice(f"airflow-lite: {PLAIN_NOTICE}")
    return the_cipher


@contextmanager
def reading(args: context.Args, the_cipher: Cipher) -> Iterator[None]:
    """Let `Variable` and `Connection` look where tasks look."""
    from airflow_lite.authoring.secrets.search import using
    from airflow_lite.worker.in_process.store_access import direct_secrets

    with using(direct_secrets(context.store(args), the_cipher)):
        yield


class Exported(NamedTuple):
    """What an export writes: a text, of how many things of which kind it is."""

    text: str
    size: int
    kind: str


def write_export(path: str, exported: Exported) -> None:
    """Write to a file for its owner alone, or to standard output; say how much it was."""
    done = f"{exported.size} {exported.kind} successfully exported"
    if path == "-":
        print(exported.text, end="")
        sys.stdout.flush()
        print(f"\n{done}.", file=sys.stderr)
        return
    try:
        _write(path, exported.text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
    print(f"{done} to {path}.")


def _write(path: str, text: str) -> None:
    """Write to a file, and take it away from others if it was there; a device stays as it is."""
    from airflow_lite.private_files import FILE_MODE, open_private

    with open(open_private(path, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            with suppress(PermissionError):  # another's, who lets us write
                os.fchmod(file.fileno(), FILE_MODE)
        file.write(text)


def read_json(path: str, kind: str) -> dict[str, Any]:
    """Return the object of a JSON file; raise `UserError` in Airflow's words."""
    if not os.path.exists(path):
        raise UserError(f"Missing {kind} file.")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (ValueError, RecursionError):
        found = None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if not isinstance(found, dict):
        raise UserError(f"Invalid {kind} file.")
    return found
