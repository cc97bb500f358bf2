"""Whether DAGs are shipped pickled, and who signs them. Off unless the user turns it on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError, UserError
from airflow_lite.security.signing import signature, signing_key

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.config import Config
    from airflow_lite.store.pickles import Sign


def is_on(config: Config) -> bool:
    """Return whether the user turned pickling on."""
    return not config.getboolean("core", "donot_pickle")


def ships_pickles(config: Config) -> bool:
    """Return whether DAGs are to be pickled: that is on, and the configured executor can."""
    if not is_on(config):
        return False
    from airflow_lite.plugins.executors import executor_flag

    try:
        return executor_flag(config.get("core", "executor").strip(), "supports_pickling", config)
    except UserError:
        return False  # whoever needs the executor says what is wrong with it


def check_pickling(executor: BaseExecutor, config: Config) -> bool:
    """Return whether attempts go out with pickled DAGs; raise `ConfigError` if they cannot."""
    if not is_on(config) or not executor.supports_pickling:
        return False
    check_can_pickle(config)
    return True


def check_can_pickle(config: Config) -> None:
    """Raise `ConfigError` where DAGs cannot be pickled, or not signed."""
    from airflow_lite.parsing.pickled import INSTALL, is_installed

    if not is_installed():
        raise ConfigError(f"Pickling DAGs needs cloudpickle. {INSTALL}")
    signing_key(config)


def signer(config: Config) -> Sign:
    """Return what signs pickles; raise `ConfigError` if its key cannot be used."""
    return partial(signature, signing_key(config))
