"""`airflow-lite triggerer`."""

from __future__ import annotations

import logging
import sys

from airflow_lite.cli import context
from airflow_lite.task_logger import log_masked

logger = logging.getLogger(__name__)


def triggerer(args: context.Args) -> int:
    """Run triggers until a signal stops it; return 0."""
    from airflow_lite.triggerer.standalone import Triggerer

    config = context.config(args)
    config.check()
    capacity = args.capacity or config.getint("triggerer", "default_capacity")
    level = config.get("logging", "logging_level").upper()
    log_masked(sys.stderr, level, "%(asctime)s %(levelname)s %(message)s")
    running = Triggerer(config, context.store(args), capacity)
    logger.info("triggerer started: at most %d triggers, home %s", capacity, config.home)
    running.run()
    logger.info("triggerer stopped")
    return 0
