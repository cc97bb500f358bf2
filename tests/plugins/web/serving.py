"""A site that is served on loopback by a thread of the test."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from airflow_lite_web.listening import address_of, listen
from airflow_lite_web.server import make_server
from airflow_lite_web.settings import read_settings
from fixtures.waits import DEADLINE_S


@contextmanager
def served(site):
    """Serve a site on loopback, and return its address."""
    settings = read_settings(site.config, port=0)
    with listen(settings) as listener:
        server = make_server(site.app, settings, site.site.limiter)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address_of(settings, listener)
        finally:
            server.should_exit = True
            thread.join(DEADLINE_S)
            assert not thread.is_alive()
