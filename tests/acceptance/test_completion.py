"""A Tab completes commands, plugins' groups and ids, in a real bash, and imports next to nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.homes import Home
from fixtures.waits import DEADLINE_S

SHELLS = ("bash", "zsh", "fish")
DAGS = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator
for name in ("load_orders", "load_items", "report"):
    with DAG(name, start_date=datetime(2024, 1, 1), schedule=None):
        EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
"""
#: Calls the function as bash does at a Tab, with its usual word breaks, and prints what it offers.
TAB = r"""
source <(airflow-lite completion bash) || exit 1
complete -p airflow-lite >&2
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
_airflow_lite airflow-lite "${1##* }" "" 2>&1
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
"""
HEAVY = {
    "alembic",
    "argparse",
    "configparser",
    "cronsim",
    "dataclasses",
    "email",
    "importlib_metadata",
    "inspect",
    "jinja2",
    "logging",
    "pluggy",
    "rich",
    "sqlalchemy",
    "yaml",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home with DAGs, a run, and the DebugExecutor's commands used once."""
    home = Home(tmp_path_factory.mktemp("completion") / "home")
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{home.environ['PATH']}"
    home.dag("three", DAGS)
    home.run("dags", "trigger", "report", "-e", "2024-01-31T06:00:00+00:00")
    home.run("--executor", "DebugExecutor", "debug", "--help")
    return home


@pytest.fixture
def tab(filled):
    """Return what bash offers at a Tab after a line."""

    def press(line):
        done = subprocess.run(
            ["bash", "--norc", "-c", TAB, "tab", line],
            env=filled.environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=True,
        )
        return done.stdout.splitlines()

    return press


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("airflow-lite da", ["dags", "datasets"]),
        ("airflow-lite dags tri", ["trigger"]),
        ("airflow-lite --executor DebugExecutor deb", ["debug"]),
        ("airflow-lite deb", []),
        ("airflow-lite --executor DebugExecutor --no-plugins deb", []),
        ("airflow-lite --executor DebugExecutor debug ", ["run"]),
        ("airflow-lite --executor DebugExecutor debug run --fail", ["--fail-fast"]),
        ("airflow-lite --executor DebugExecutor debug run l", ["load_items", "load_orders"]),
        ("airflow-lite --executor Deb", ["DebugExecutor"]),
        ("airflow-lite --executor=Deb", ["DebugExecutor"]),
        ("airflow-lite dags trigger load_", ["load_items", "load_orders"]),
        ('airflow-lite dags trigger "load_', ["load_items", "load_orders"]),
        ("airflow-lite dags list-runs --dag-id=r", ["report"]),
        ("airflow-lite tasks state report ", ["first", "second"]),
        ("airflow-lite tasks state report first m", ["manual__2024-01-31T06:00:00+00:00"]),
        ("airflow-lite tasks state report first manual__2024-01-31T06:", ["00:00+00:00"]),
        ("airflow-lite tasks state nobody ", []),
        ("airflow-lite config get-value core exec", ["executor"]),
        ("airflow-lite pools get d", ["default_pool"]),
        ("airflow-lite dags list-runs --state s", ["success"]),
        ("airflow-lite executors certify Seq", ["SequentialExecutor"]),
        ("airflow-lite completion z", ["zsh"]),
    ],
)
def test_bash_offers_what_may_stand_there(tab, line, expected):
    assert tab(line) == expected


def test_bash_completes_paths_itself(filled):
    done = subprocess.run(
        [
            "bash",
            "--norc",
            "-c",
            f"compopt() {{ echo compopt $*; }}\n{TAB}",
            "tab",
            "airflow-lite dags show -s x",
        ],
        env=filled.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stdout == "compopt -o default\n"


@pytest.mark.parametrize(("shell", "separator"), [("zsh", ":"), ("fish", "\t")])
def test_other_shells_get_values_with_what_they_are(filled, shell, separator):
    done = filled.run("__complete", shell, "tasks", "state", "report", "first", "")
    run_id = "manual__2024-01-31T06:00:00+00:00"
    value = run_id.replace(":", "\\:") if shell == "zsh" else run_id
    assert done.stdout == f"words\n{value}{separator}queued\n"
    assert filled.run("__complete", shell, "dags", "show", "--save=").stdout == "file\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_defines_a_completion_that_calls_us(home, shell):
    script = home.run("completion", shell).stdout
    assert f" __complete {shell} " in script
    register = {
        "bash": "complete -F _airflow_lite airflow-lite",
        "zsh": "compdef _airflow_lite airflow-lite",
        "fish": "complete --command airflow-lite",
    }
    assert register[shell] in script
    words = script.split()
    if shell == "fish":
        begun = [line.split()[0] for line in script.splitlines() if line.split()]
        assert sum(word in {"function", "if", "for"} for word in begun) == begun.count("end")
    else:
        assert script.count("{") == script.count("}")
        assert words.count("if") == words.count("fi")
        assert words.count("case") == words.count("esac")


@pytest.mark.any_database
def test_every_installed_shell_can_read_its_script(home, tmp_path):
    read = []
    for shell in filter(shutil.which, SHELLS):
        path = tmp_path / shell
        path.write_text(home.run("completion", shell).stdout)
        subprocess.run([shell, "-n", path], check=True, timeout=DEADLINE_S, env=home.environ)
        read.append(shell)
    assert "bash" in read


@pytest.mark.parametrize(
    "words",
    [
        [""],
        ["dags", ""],
        ["dags", "trigger", ""],
        ["tasks", "state", "report", ""],
        ["--executor", "DebugExecutor", "debug", "run", ""],
        ["config", "get-value", "core", ""],
    ],
    ids=" ".join,
)
def test_a_tab_imports_no_plugin_and_nothing_heavy(filled, words):
    filled.run("__complete", "fish", *words)  # makes the index of plugins
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "airflow_lite", "__complete", "fish", *words],
        env=filled.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert len(done.stdout.splitlines()) > 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    names = [line.rpartition("|")[2].strip() for line in lines[1:]]
    roots = {name.partition(".")[0] for name in names}
    assert not roots & HEAVY
    assert not {root for root in roots if root.startswith("airflow_lite_")}
    ours = [name for name in names if name.startswith("airflow_lite")]
    assert len(ours) <= 38, ours  # the rooms themselves among them
    assert not [name for name in ours if "scheduler" in name or "executors" in name]


CLASS_ONLY = """
from airflow_lite.cli import ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow_lite.executors import BaseExecutor


class Mine(BaseExecutor):
    def sync(self): ...
    def execute_async(self, key, command, queue=None, executor_config=None): ...

    @staticmethod
    def get_cli_commands():
        look = ActionCommand("look", "Look", lazy_load_command("a.b"), (Arg("--deep", help="x"),))
        return [GroupCommand("mine", "Mine alone", [look])]
"""


@pytest.mark.any_database
def test_commands_that_only_a_class_tells_of_are_offered_once_they_were_used(home, tmp_path):
    info = tmp_path / "site" / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[airflow_lite.executors.v1]\nMineExecutor=mine:Mine\n")
    (info.parent / "mine.py").write_text(CLASS_ONLY)
    home.environ["PYTHONPATH"] = str(info.parent)

    def tab(*words):
        return home.run("__complete", "fish", *words).stdout.splitlines()[1:]

    assert tab("--executor", "MineExecutor", "mi") == []
    home.run("--executor", "MineExecutor", "mine", "--help")
    assert tab("--executor", "MineExecutor", "mi") == ["mine\tMine alone"]
    assert tab("--executor", "MineExecutor", "mine", "look", "--d") == ["--deep\tx"]
    assert tab("mi") == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("airflow_lite.cfg", "this is no INI"),
        ("airflow_lite.cfg", "[database]\nsql_alchemy_conn = nonsense\n"),
        ("airflow_lite.db", "this is no database"),
        ("cache/plugins.json", "\0"),
    ],
)
def test_a_tab_survives_whatever_is_broken(home, file, text):
    path = home.folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert "dags\t" in home.run("__complete", "fish", "da").stdout
    assert home.run("__complete", "fish", "dags", "trigger", "").stdout == "words\n"


def test_a_tab_makes_no_database(home):
    home.run("__complete", "fish", "dags", "trigger", "")
    assert not list(home.folder.glob("*.db*"))


@pytest.mark.parametrize("words", [[], ["tcsh", "a"], ["bash"], ["bash", "a"], ["zsh"]])
def test_a_malformed_call_offers_nothing_and_says_so_in_one_line(home, words):
    done = home.run("__complete", *words, exit_code=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("airflow-lite: error: __complete is called by your shell")
    assert len(done.stderr.splitlines()) == 1
