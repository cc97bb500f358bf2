"""What every page of one server shares."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_lite_web.access.limiter import Limiter
from airflow_lite_web.access.sessions import Sessions
from airflow_lite_web.access.users import Users
from airflow_lite_web.specs import Specs

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store
    from airflow_lite_web.settings import Settings

#: In the home; signs sessions.
KEY_FILE = "web.key"


@dataclass(frozen=True)
class Site:
    """The configuration, the store, and who may come in. Safe to share between threads."""

    config: Config
    store: Store
    settings: Settings
    users: Users
    sessions: Sessions
    limiter: Limiter
    specs: Specs


def make_site(config: Config, store: Store, settings: Settings) -> Site:
    """Return what the pages of one server share; raise `ConfigError`."""
    from airflow_lite.security.key_file import make_key, read_key

    path = config.path(KEY_FILE)
    key = read_key(path) or make_key(path)
    users = Users(settings.users_file)
    sessions = Sessions(key, users, settings.session_s)
    return Site(config, store, settings, users, sessions, Limiter(time.monotonic), Specs())
