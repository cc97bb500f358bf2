"""More than one address of a broker: whichever answers is used."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from airflow_lite_testing.proxy import free_port
from fixtures.databases import SETTING

DAG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("plain", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="only", bash_command="true")
"""


def dead(url):
    """Return the address with a port that nobody listens on."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{free_port()}"))


def test_the_last_of_three_addresses_is_found_by_all(home, broker, new_postgres, workers):
    home.dag("plain", DAG)
    urls = [dead(broker.url), dead(broker.url), broker.url]
    home.environ |= {"AIRFLOW_LITE__CELERY__BROKER_URL": ";".join(urls), SETTING: new_postgres()}
    workers.start("only", "-c", "1", "--skip-serve-logs")
    [row, *_] = home.json("celery", "status")
    assert (row["queue"], row["state"]) == (broker.name, "ready")
    with home.scheduler("CeleryExecutor"):
        home.run("dags", "trigger", "plain", "-r", "r", "--wait", "--timeout", "60")
