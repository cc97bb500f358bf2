"""A real browser in front of a real server: what the tests in Chromium share."""

from __future__ import annotations

import os
import re
import select
import subprocess
from contextlib import contextmanager

from fixtures.waits import DEADLINE_S

#: Milliseconds; far above what anything takes.
PATIENCE_MS = DEADLINE_S * 1000


class Site:
    """A home with its scheduler and web server, and the address of that."""

    def __init__(self, home, address, token):
        self.home = home
        self.address = address
        self.token = token

    def trigger(self, dag_id, run_id, *words):
        self.home.run("dags", "trigger", dag_id, "--run-id", run_id, *words, exit_code=None)


@contextmanager
def serving(home):
    """Run `airflow-lite web`; give what it said: the first token, and the address."""
    with home.start("web", "--port", "0", stderr=subprocess.PIPE) as process:
        try:
            yield _said(process)
        finally:
            process.terminate()
            code = process.wait(DEADLINE_S)
    assert code == 0


def _said(process):
    text = ""
    while not (found := re.search(r"shown only now:\n(\S+)\nServing on (\S+)/ ", text)):
        ready, _, _ = select.select([process.stderr], [], [], DEADLINE_S)
        assert ready, f"the server did not start: {text}"
        more = os.read(process.stderr.fileno(), 65536)
        assert more, f"the server ended: {text}"
        text += more.decode()
    return found[2], found[1]


@contextmanager
def opened(chromium, site, session, **options):
    """Give a page of a browser that has signed in; it may complain of nothing."""
    complaints = []
    with chromium.new_context(base_url=site.address, storage_state=session, **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: note(complaints, message))
        yield page
    assert complaints == []


def note(complaints, message):
    if message.type == "error":
        complaints.append(message.text)


def sign_in(page, site):
    page.goto("/")
    page.get_by_label("Token").fill(site.token)
    page.get_by_role("button", name="Sign in").click()
