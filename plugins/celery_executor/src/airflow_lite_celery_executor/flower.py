"""Flower, on the same application as workers and schedulers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_lite.config import Config


def run_flower(config: Config, args: argparse.Namespace) -> int:
    """Run Flower until a signal ends it; raise `UserError` where it is not installed."""
    from importlib.util import find_spec

    from airflow_lite.cli import UserError
    from airflow_lite.worker import shared_key
    from airflow_lite_celery_executor.app import make_app
    from airflow_lite_celery_executor.settings import KEY, CelerySettings, is_loopback

    if find_spec("flower") is None:
        raise UserError(
            "Flower is not installed. Install it with"
            " `pip install 'airflow-lite-celery-executor[flower]'`."
        )
    settings = CelerySettings.read(config)
    key = shared_key(config, *KEY, is_made=is_loopback(settings.broker_url))
    users = args.basic_auth or config.get("celery", "flower_basic_auth")
    if users:
        os.environ["FLOWER_BASIC_AUTH"] = users  # no other process can read it there
    make_app(settings, key).start(["flower", *_words(config, args)])
    return 0


def _words(config: Config, args: argparse.Namespace) -> list[str]:
    options = {
        "address": args.hostname or config.get("celery", "flower_host"),
        "port": args.port or config.getint("celery", "flower_port"),
        "url-prefix": args.url_prefix or config.get("celery", "flower_url_prefix"),
        "broker-api": args.broker_api,
        "conf": args.flower_conf,
    }
    return [f"--{name}={value}" for name, value in options.items() if value]
