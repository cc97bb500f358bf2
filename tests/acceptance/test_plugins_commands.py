"""`plugins list | info | doctor` and `executors list | info`, as a user runs them."""

from __future__ import annotations

import json

import pytest
import yaml

pytestmark = pytest.mark.any_database

KEYS = ["name", "distribution", "version", "state", "reason", "remedy"]
HEALTH = """
@hookimpl
def check_health(context):
    {body}
"""


def by_name(rows):
    return {row["name"]: row for row in rows}


def doctored(home, *words, exit_code=0):
    done = home.run("plugins", "doctor", *words, "-o", "json", exit_code=exit_code)
    return by_name(json.loads(done.stdout))


def test_a_plugin_is_told_with_its_commands_and_options_in_every_format(home, site):
    site.install_sound("red", version="2.1", requires=("airflow-lite", "six"))
    (found,) = home.json("plugins", "info", "red")
    assert list(found)[:6] == KEYS
    assert [found[key] for key in KEYS] == ["lite-red", "lite-red", "2.1", "ready", "", ""]
    assert found["executors"] == {"RedExecutor": "red_executor:Own"}
    assert found["commands"] == ["red go"]
    assert found["options"] == {"[red] speed": "How fast."}
    assert found["requires"] == ["airflow-lite", "six"]
    for name in ("lite-red", "Lite_Red", "RedExecutor"):
        assert home.json("plugins", "info", name)[0]["distribution"] == "lite-red"
    (again,) = yaml.safe_load(home.run("plugins", "info", "red", "-o", "yaml").stdout)
    assert again["options"] == found["options"]
    for output in ("table", "plain"):
        assert "red go" in home.run("plugins", "info", "red", "-o", output).stdout


def test_an_unknown_plugin_is_told_with_the_nearest_names(home, site):
    site.install_sound("red")
    for command in ("info", "doctor"):
        done = home.run("plugins", command, "lite-rde", exit_code=1)
        assert done.stderr == (
            "airflow-lite: error: There is no plugin 'lite-rde'. Did you mean 'lite-red'? List "
            "them with `airflow-lite plugins list`.\n"
        )


def test_executors_are_listed_with_the_one_that_is_configured(home, site):
    site.install_sound("red")
    rows = by_name(home.json("--executor", "RedExecutor", "executors", "list"))
    assert list(rows["RedExecutor"]) == [*KEYS, "configured"]
    assert [rows[name]["configured"] for name in ("RedExecutor", "LocalExecutor")] == [
        True,
        False,
    ]
    assert rows["LocalExecutor"]["distribution"] == "airflow-lite"
    assert site.ran() == []


def test_an_executor_is_told_with_flags_commands_and_options(home, site):
    site.install_sound("red")
    (found,) = home.json("executors", "info", "RedExecutor")
    assert list(found)[:6] == KEYS
    assert (found["distribution"], found["state"]) == ("lite-red", "ready")
    assert (found["flags"]["is_local"], found["flags"]["is_production"]) == (True, True)
    assert found["commands"] == ["red go"]
    assert found["options"] == {"[red] speed": "How fast."}
    (local,) = home.json("--executor", "LocalExecutor", "executors", "info")
    assert (local["name"], local["flags"]["is_local"]) == ("LocalExecutor", True)
    (path,) = home.json("executors", "info", "red_executor.Own")
    assert path["distribution"] == "lite-red"


def test_a_class_outside_of_any_distribution_is_told_too(home, site):
    (site.directory / "bare.py").write_text("import absent_thing")
    (found,) = home.json("executors", "info", "bare.Own")
    assert (found["state"], found["distribution"]) == ("quarantined", "")
    assert "No module named 'absent_thing'" in found["reason"]


def test_the_doctor_probes_afresh_and_tells_time_modules_and_complaints(home, site):
    site.install_sound("red")
    site.install_sound(
        "loud", plugin="print('hello')\nimport sqlite3\n{plugin}".replace("{plugin}", _plugin(site))
    )
    rows = doctored(home, exit_code=1)
    assert list(rows["red"]) == [*KEYS, "import_ms", "modules", "packages"]
    assert (rows["red"]["state"], rows["loud"]["state"]) == ("ready", "warning")
    assert rows["loud"]["reason"] == "importing 'loud_plugin' prints 'hello'"
    assert "pip uninstall lite-loud" in rows["loud"]["remedy"]
    assert int(rows["loud"]["modules"]) > int(rows["red"]["modules"])
    assert float(rows["red"]["import_ms"]) > 0
    first = len(site.ran())
    doctored(home, exit_code=1)
    assert len(site.ran()) == first > 0
    assert set(doctored(home, "red")) == {"red", "RedExecutor"}


def _plugin(site):
    return site.install_sound.__kwdefaults__["plugin"]


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        ("return HealthReport(True, f'all {context.config.getint(\"red\", \"speed\")} are up')",
         "healthy", "all 3 are up"),
        ("return HealthReport(False, 'nobody answers')", "unhealthy", "nobody answers"),
        ("return 3", "unhealthy", "its check_health returns a int, not a HealthReport"),
        ("raise OSError('no')", "unhealthy", "OSError: no"),
        ("import os; os._exit(3)", "unhealthy", "its check_health ended the process with exit code 3"),
    ],
)  # fmt: skip
def test_the_doctor_runs_the_health_check_of_the_executor(home, site, body, state, reason):
    site.install_sound("red", plugin=_plugin(site) + HEALTH.format(body=body))
    bad = int(state == "unhealthy")
    for words in (["--executor", "RedExecutor", "plugins", "doctor"], ["plugins", "doctor", "red"]):
        rows = json.loads(home.run(*words, "-o", "json", exit_code=bad).stdout)
        (found,) = [row for row in rows if row["state"] in {"healthy", "unhealthy"}]
        assert found["state"] == state
        assert reason in found["reason"]
        assert bool(found["remedy"]) == bool(bad)
    assert "nobody" not in home.run("plugins", "doctor").stdout


def test_the_doctor_asks_nobody_for_their_health_where_it_is_told_so(home, site):
    """As in the CI of an executor whose engine is not there."""
    body = "return HealthReport(False, 'nobody answers')"
    site.install_sound("red", plugin=_plugin(site) + HEALTH.format(body=body))
    home.environ["AIRFLOW_LITE__PLUGINS__STRICT"] = "True"
    for words in (["--executor", "RedExecutor", "plugins", "doctor"], ["plugins", "doctor", "red"]):
        rows = json.loads(home.run(*words, "--no-health", "-o", "json").stdout)
        assert {row["state"] for row in rows} == {"ready"}
        home.run(*words, exit_code=1)


def test_an_executor_of_airflow_is_pointed_to_how_it_is_moved(home, site):
    source = "from airflow.no_such_executors import BaseExecutor\n"
    site.install_sound("old", executor=source)
    (found,) = home.json("executors", "info", "OldExecutor")
    assert found["remedy"].startswith(
        "It was written for Airflow: have it import from airflow_lite"
    )
    (found,) = home.json("executors", "info", "old_executor.Own")
    assert "'Move an executor from Airflow'" in found["remedy"]
    assert "Install" not in found["remedy"]


def test_a_configured_executor_that_is_not_there_is_the_doctors_finding(home):
    rows = json.loads(
        home.run("--executor", "Nobody", "plugins", "doctor", "-o", "json", exit_code=1).stdout
    )
    assert [row["reason"] for row in rows if row["name"] == "Nobody"] == [
        "There is no executor 'Nobody'. List the installed ones with `airflow-lite plugins list`."
    ]


def test_options_of_a_plugin_in_use_are_in_the_configuration(home, site):
    site.install_sound("red")
    environ = home.environ
    environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "RedExecutor"
    assert home.run("config", "get-value", "red", "speed").stdout == "3\n"
    assert "[red]\nspeed = 3" in home.run("config", "list").stdout
    assert "[red]" not in home.run("config", "list", "--exclude-providers").stdout
    environ["AIRFLOW_LITE__RED__SPEED"] = "7"
    assert home.run("config", "get-value", "red", "speed").stdout == "7\n"


def test_a_command_of_a_plugin_runs_and_an_unused_one_says_what_enables_it(home, site):
    site.install_sound("red")
    assert home.run("--executor", "RedExecutor", "red", "go").stdout == "gone go\n"
    done = home.run("red", "go", exit_code=1)
    assert "Run `airflow-lite --executor RedExecutor red …`" in done.stderr
    assert "red " in home.run("--executor", "RedExecutor", "--help").stdout


def test_a_command_imports_its_own_plugin_here_and_no_other(home, site):
    site.install_sound("red")
    site.install_sound("blue")
    site.install("lite-tool", plugins="tool = tool", modules={"tool": ""})
    words = ("--executor", "RedExecutor", "red", "go")
    home.run(*words)
    site.ran()
    home.run(*words)
    [(module, _)] = site.ran()
    assert module == "red_plugin"


LOST = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("lost", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="a", bash_command="true")
"""


def test_what_waits_for_a_removed_plugin_stays_queued_and_goes_out_under_another(
    home, site, wait_until
):
    # Given: an executor that keeps what it is handed, and a task that it was handed
    installed = site.install_sound("red")
    home.dag("lost", LOST)
    home.environ["AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S"] = "0"
    with home.scheduler("RedExecutor"):
        home.run("dags", "trigger", "lost", "-r", "one")
        wait_until(lambda: states(home) == ["queued"], "the task to be queued")

    # When: the plugin goes
    (installed / "entry_points.txt").unlink()
    installed.rename(site.directory / "gone")
    done = home.run("--executor", "RedExecutor", "scheduler", exit_code=1)

    # Then: it is said how many wait; nothing is lost, and another executor runs them
    assert "1 task stays queued for it: install its package again" in done.stderr
    assert states(home) == ["queued"]
    with home.scheduler("LocalExecutor"):
        wait_until(lambda: states(home) == ["success"], "the task to run elsewhere")


def states(home):
    return list(home.states("lost", "one").values())


def test_an_unknown_command_names_the_executors_that_may_bring_it(home, site):
    site.install("lite-bare", executors="Bare = bare:Own", modules={"bare": ""})
    done = home.run("barely", exit_code=2)
    assert done.stderr == (
        "airflow-lite: error: There is no command 'barely'. An executor may bring it; choose that "
        "one with --executor: Bare of lite-bare (1.0). See `airflow-lite --help`.\n"
    )
    assert site.ran() == []


def test_strict_makes_a_listing_with_a_problem_fail(home, site):
    site.install("lite-bare", executors="Bare = bare:Own", requires=("airflow-lite>=99",))
    home.run("plugins", "list")
    home.environ["AIRFLOW_LITE__PLUGINS__STRICT"] = "True"
    home.run("plugins", "list", exit_code=1)
    done = home.run("--executor", "LocalExecutor", "scheduler", "-n", "1", exit_code=1)
    assert "Plugin lite-bare (1.0) cannot be used (needs another core)" in done.stderr
    home.environ["AIRFLOW_LITE_DISABLE_PLUGINS"] = "lite-bare"
    home.run("plugins", "list")
