"""A site whose DAGs and runs are those of the golden: a scheduler has ended them all, and is gone."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

from starlette.testclient import TestClient

from airflow_lite.states import RUN_FINISHED
from airflow_lite_web.access.users import Role
from fixtures.goldens import GOLDENS, read_golden
from fixtures.waits import wait_until
from plugins.web.conftest import site_of

BROKEN_FILE = "from airflow import DAG\nimport no_such_module_here\n"
ALL_DAGS = {"method": "GET", "path": "/dags"}
ONE_DAG = {"method": "GET", "path": "/dags/little"}
ERRORS = {"method": "GET", "path": "/importErrors"}


class Template:
    """A home whose runs have ended, to be copied; `made` as of `finished_site`, None before."""

    def __init__(self, folder):
        self.folder = folder
        self.made = None


@contextmanager
def finished_site(home, template):
    """Have a site over a home; its `made` are the answers to the calls that made the runs."""
    if template.made is not None and not home.address:  # else its database is on a server
        shutil.copytree(template.folder, home.folder, dirs_exist_ok=True)
        with site_of(home) as site:
            site.made = template.made
            yield site
        return
    shutil.copy(GOLDENS / "api_dags.py", home.dags)
    home.dag("broken", BROKEN_FILE)
    with site_of(home) as site:
        site.made = run_all(home, site, read_golden("api")["runs"])
        shutil.copytree(home.folder, template.folder, ignore=shutil.ignore_patterns("*.sock"))
        template.made = site.made
        yield site


def client_of(site, path):
    """Return a client for a call, and its path without the name of the user before it."""
    name, _, rest = path.partition(" ") if " " in path.partition("/")[0] else ("admin", "", path)
    tokens = {"admin": site.tokens[Role.ADMIN], "viewer": site.tokens[Role.VIEWER], "nobody": "x"}
    client = TestClient(site.app, raise_server_exceptions=False)
    if name in tokens:
        client.auth = (name, tokens[name])
    return client, f"/api/v1{rest}"


def answer_of(site, call):
    client, path = client_of(site, call["path"])
    if "{token}" in path:
        path = path.replace("{token}", answer_of(site, ONE_DAG).json()["file_token"])
    return client.request(
        call["method"], path, **({"json": call["body"]} if "body" in call else {})
    )


def run_all(home, site, calls):
    """Make the runs of the golden, and return once a scheduler has ended them."""
    with home.scheduler():
        wait_until(lambda: answer_of(site, ALL_DAGS).json()["total_entries"] == 9, "the DAGs")
        wait_until(lambda: answer_of(site, ERRORS).json()["total_entries"], "the broken file")
        answer_of(site, {"method": "PATCH", "path": "/dags/little", "body": {"is_paused": False}})
        made = [answer_of(site, call) for call in calls]
        assert [each.status_code for each in made] == [200] * len(calls)
        for call in calls:
            path = f"{call['path']}/{call['body']['dag_run_id']}"
            of_run = {"method": "GET", "path": path}
            wait_until(
                lambda of_run=of_run: answer_of(site, of_run).json()["state"] in RUN_FINISHED,
                f"the end of {path}",
            )
    return made
