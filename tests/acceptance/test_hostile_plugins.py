"""Nothing that an installed plugin does can break the tool, and the culprit is named.

Each hostile distribution is installed alone, then all of them at once. None of their code may run
in the process of a core command; the module that ran is told by a file that each writes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.commands import modules_of
from fixtures.waits import DEADLINE_S

pytestmark = pytest.mark.any_database

CORE_COMMANDS = [
    ("--help",),
    ("version",),
    ("config", "get-value", "core", "executor"),
    ("plugins", "list"),
    ("dags", "list"),
]
HANG = "import time; time.sleep(1000)"
FORK = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    time.sleep(20)
    os._exit(0)
os._exit(0)
"""
SCRIBBLE = """
import os
for number in range(3, 30):
    try:
        os.write(number, b"no JSON\\n7\\n" + b"[" * 50_000 + b"\\n")
    except OSError:
        pass
os._exit(0)
"""
THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()"


def broken_import(source):
    """Return a plugin whose two modules both begin with `source`."""

    def install(site, word):
        site.install_sound(word, executor=source + SOUND_EXECUTOR, plugin=source + "\n" + PLUGIN)

    return install


def entry_points(content):
    """Return a plugin whose entry_points.txt holds these bytes; None makes it a FIFO."""

    def install(site, word):
        file = site.install_sound(word) / "entry_points.txt"
        if content is None:
            file.unlink()
            os.mkfifo(file)
        else:
            file.write_bytes(content.replace(b"WORD", word.encode()))

    return install


def hook(source):
    """Return a plugin with this function besides its own."""
    return lambda site, word: site.install_sound(word, plugin=PLUGIN + "\n@hookimpl\n" + source)


def wrapper(site, word):
    source = "\n@hookimpl(wrapper=True)\ndef on_task_queued(event):\n    return (yield)"
    site.install_sound(word, plugin=PLUGIN + source)


def clash(**entries):
    """Return a plugin that claims these names, and another that does as well."""

    def install(site, word):
        options = {kind: text.replace("WORD", word) for kind, text in entries.items()}
        site.install_sound(word)
        site.install(f"twin-{word}", **options, modules={f"{word}_twin": PLUGIN + SOUND_EXECUTOR})

    return install


def stale_twin(site, word):
    older = site.install(f"lite-{word}", version="0.9", executors="Older = older:Own")
    os.utime(older, ns=(1, 1))
    site.install_sound(word)


def missing_metadata(site, word):
    (site.install_sound(word) / "METADATA").unlink()


def another_interface(site, word):
    file = site.install_sound(word) / "entry_points.txt"
    file.write_text(file.read_text().replace(".v1]", ".v2]"))


def shadowing(site, word):
    site.install(
        f"lite-{word}",
        executors=f"LocalExecutor = {word}_x:Own",
        plugins=f"config = {word}_x",
        modules={f"{word}_x": PLUGIN + SOUND_EXECUTOR},
    )


def wrong_type(site, word):
    site.install(
        f"lite-{word}",
        executors=f"{word.title()}Executor = {word}_x:Own",
        plugins=f"{word} = {word}_x:Plugin",
        modules={f"{word}_x": "Own = 3\nclass Plugin: pass"},
    )


def number_for_a_class(site, word):
    site.install_sound(word, executor="Own = 3")


def missing_method(site, word):
    site.install_sound(word, executor=SOUND_EXECUTOR.replace("def sync", "def sink"))


def module_that_is_not_there(site, word):
    site.install(f"lite-{word}", executors=f"{word.title()}Executor = {word}_gone:Own")


def needs_core(site, word):
    site.install_sound(word, requires=("airflow-lite>=99",))


def escapes_in_names(site, word):
    found = site.install_sound(word)
    (found / "METADATA").write_text(f"Name: lite-{word}\nVersion: 1\nSummary: \x1b]0;red\x07\n")
    file = found / "entry_points.txt"
    file.write_text(file.read_text() + "\x1b[31mred = x\n")


PLUGIN = """
from airflow_lite.cli import ActionCommand, GroupCommand, lazy_load_command
from airflow_lite.hooks import hookimpl

@hookimpl
def get_cli_commands():
    action = ActionCommand("go", "Go", lazy_load_command("os.getpid"))
    return [GroupCommand(__name__.partition("_")[0], "The group", (action,))]
"""
SOUND_EXECUTOR = """
from airflow_lite.executors import BaseExecutor

class Own(BaseExecutor):
    is_local = True
    def sync(self): pass
    def execute_async(self, key, command, queue=None, executor_config=None): pass
"""

#: By word: what installs it; what choosing its executor says, "" where that works; what the
#: doctor says of it, "" where nothing is wrong.
HOSTILE = {
    "raises": (broken_import("raise ValueError('boom')"), "ValueError: boom", "a bug in the plugin"),
    "exits": (broken_import("import sys; sys.exit(3)"), "SystemExit: 3", "a bug in the plugin"),
    "dies": (broken_import("import os; os._exit(9)"), "exit code 9", "exit code 9"),
    "crashes": (broken_import("import os; os.kill(os.getpid(), 11)"), "SIGSEGV", "SIGSEGV"),
    "signals": (broken_import("import os; os.kill(os.getpid(), 40)"), "by signal 40", "by signal 40"),
    "scribbles": (broken_import(SCRIBBLE), "exit code 0", "exit code 0"),
    "interrupts": (broken_import("raise KeyboardInterrupt"), "KeyboardInterrupt", "KeyboardInterrupt"),
    "hangs": (broken_import(HANG), "took longer than 3 s", "took longer than 3 s"),
    "dawdles": (broken_import("import time; time.sleep(60)"), "took longer than 3 s", "longer than 3 s"),
    "forks": (broken_import(FORK), "exit code 0", "exit code 0"),
    "closes": (broken_import("import os; os.closerange(0, 99)"), "ended the process", "ended the process"),
    "recurses": (broken_import("def f(): f()\nf()"), "RecursionError", "RecursionError"),
    "misspelt": (broken_import("x = = 1"), "SyntaxError", "SyntaxError"),
    "needy": (broken_import("import absent_thing"), "Install 'absent_thing'", "'absent_thing' is missing"),
    "prints": (broken_import("print('x' * 100000)"), "", "prints 'xxx"),
    "threads": (broken_import(THREAD), "starts a thread", "keeps the program from ending"),
    "daemons": (broken_import(THREAD.replace("(1000,)", "(1000,), daemon=True")), "", "starts threads"),
    "unknown": (hook("def on_task_qeued(event): pass"), "", "Did its author mean 'on_task_queued'?"),
    "wraps": (wrapper, "it wraps the hook 'on_task_queued'", "it wraps the hook 'on_task_queued'"),
    "surplus": (hook("def on_task_queued(event, more): pass"), "has a wrong hook", "has a wrong hook"),
    "typed": (wrong_type, "not a module", "not a module"),
    "number": (number_for_a_class, "is not a subclass of", "is not a subclass of"),
    "methodless": (missing_method, "does not define sync", "does not define sync"),
    "gone": (module_that_is_not_there, "No module named 'gone_gone'", "No module named 'gone_gone'"),
    "groups": (clash(plugins="WORD = WORD_twin"), "", "comes from"),
    "executors": (clash(executors="ExecutorsExecutor = executors_twin:Own"), "comes from lite-executors (1.0) and twin-executors (1.0)", "comes from"),
    "shadow": (shadowing, "There is no executor", "is a name of the core"),
    "latin": (entry_points(b"[airflow_lite.plugins.v1]\nWORD = \xff\xfe\n"), "lite-latin", "UnicodeDecodeError"),
    "binary": (entry_points(bytes(range(256))), "lite-binary", "cannot be read as text"),
    "fifo": (entry_points(None), "lite-fifo", "cannot be read as text"),
    "garbled": (entry_points(b"[airflow_lite.plugins.v1\nWORD : : = x [\n"), "lite-garbled", "cannot be parsed"),
    "bare": (missing_metadata, "its METADATA cannot be read", "its METADATA cannot be read"),
    "later": (needs_core, "needs airflow-lite>=99", "needs airflow-lite>=99"),
    "v2": (another_interface, "is made for airflow_lite.executors.v2", "is made for airflow_lite"),
    "stale": (stale_twin, "", "is used in place of this"),
    "escapes": (escapes_in_names, "has a bad name", "has a bad name"),
}  # fmt: skip


def install(site, word):
    HOSTILE[word][0](site, word)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A fresh database, made once for all."""
    folder = tmp_path_factory.mktemp("database")
    environ = {**os.environ, "AIRFLOW_LITE_HOME": str(folder)}
    command = [sys.executable, "-m", "airflow_lite", "db", "migrate"]
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=DEADLINE_S)
    return folder / "airflow_lite.db"


@pytest.fixture
def home(home, database):
    home.environ["AIRFLOW_LITE__PLUGINS__IMPORT_TIMEOUT_S"] = "3"
    shutil.copy(database, home.folder)
    return home


def assert_core_commands_work(home, site):
    for words in CORE_COMMANDS:
        done = home.run(*words)
        assert "Traceback" not in done.stdout + done.stderr, words
        assert "\x1b" not in done.stdout + done.stderr, words
        assert done.stderr == "", words
        assert done.stdout, words
    assert site.ran() == []


def findings(home, *words):
    done = home.run("plugins", "doctor", *words, "-o", "json", exit_code=None)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), done.returncode


def culprits(rows, word):
    names = {f"lite-{word}", f"twin-{word}"}
    return [row for row in rows if row["distribution"] in names and row["state"] != "ready"]


def choose(home, word):
    words = ("--executor", f"{word.title()}Executor", "scheduler", "-n", "1")
    return home.run(*words, exit_code=None)


@pytest.mark.parametrize("word", HOSTILE)
def test_core_commands_work_the_culprit_is_named_and_choosing_it_gives_one_line(home, site, word):
    _, refusal, complaint = HOSTILE[word]
    install(site, word)
    assert_core_commands_work(home, site)

    done = choose(home, word)
    if refusal:
        assert done.returncode == 1
        assert done.stderr.startswith("airflow-lite: error: ")
        assert done.stderr.count("\n") == 1
        assert refusal in done.stderr
        assert f"lite-{word}" in done.stderr or word == "shadow"
    else:
        assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr

    rows, exit_code = findings(home, f"lite-{word}")
    found = culprits(rows, word)
    assert exit_code == bool(complaint), rows
    assert any(complaint in row["reason"] for row in found) or not complaint, rows
    assert all(row["remedy"] for row in found)


@pytest.fixture
def all_at_once(home, site):
    for word in HOSTILE:
        install(site, word)
    return site


def test_core_commands_work_with_all_at_once_and_the_doctor_names_each(home, all_at_once):
    assert_core_commands_work(home, all_at_once)
    rows, exit_code = findings(home)
    assert exit_code == 1
    for word, (_, _, complaint) in HOSTILE.items():
        found = culprits(rows, word)
        assert any(complaint in row["reason"] for row in found) or not complaint, (word, rows)
        assert all(row["remedy"] for row in found)
    all_at_once.ran()
    assert_core_commands_work(home, all_at_once)


def test_what_the_doctor_found_is_listed_afterwards(home, all_at_once):
    findings(home)
    rows = {row["name"]: row for row in home.json("plugins", "list")}
    for word in ("raises", "dies", "hangs", "needy", "methodless"):
        name = "MethodlessExecutor" if word == "methodless" else word
        assert rows[name]["state"] == "quarantined"
        assert f"pip uninstall lite-{word}" in rows[name]["remedy"]


@pytest.mark.parametrize("words", CORE_COMMANDS[:4], ids=" ".join)
def test_hostile_plugins_make_a_core_command_import_nothing_more(
    home, make_home, all_at_once, words
):
    alone = make_home("alone")
    home.run(*words)
    alone.run(*words)
    more = set(modules_of(home.environ, *words)) - set(modules_of(alone.environ, *words))
    assert {name for name in more if not name.startswith("encodings")} <= {"_locale"}


@pytest.mark.parametrize("word", ["dies", "hangs", "raises", "prints", "later", "executors"])
def test_even_as_the_configured_executor_it_leaves_the_other_commands_alone(home, site, word):
    install(site, word)
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = f"{word.title()}Executor"
    assert_core_commands_work(home, site)
    for words in [("config", "list"), ("info",), ("executors", "list"), ("man", "--help")]:
        done = home.run(*words)
        assert "Traceback" not in done.stderr
        assert (f"lite-{word}" in done.stderr) == (
            words in {("config", "list"), ("info",)} and word in {"dies", "hangs", "raises"}
        ) or word in {"later", "executors"}
    home.dag("one", ONE)
    home.run("dags", "test", "one", "2024-01-01")


ONE = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("one", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="a", bash_command="true")
"""


def test_a_disabled_plugin_and_no_plugins_at_all_run_nothing(home, all_at_once):
    home.environ["AIRFLOW_LITE_DISABLE_PLUGINS"] = "lite-prints"
    done = choose(home, "prints")
    assert "lite-prints (1.0), which cannot be used (disabled)" in done.stderr
    del home.environ["AIRFLOW_LITE_DISABLE_PLUGINS"]
    home.environ["AIRFLOW_LITE__PLUGINS__DISABLED"] = "Lite.Prints"
    assert choose(home, "prints").stderr == done.stderr
    done = home.run("--no-plugins", "--executor", "PrintsExecutor", "scheduler", exit_code=1)
    assert "Leave --no-plugins out" in done.stderr
    assert "prints" not in home.run("--no-plugins", "--help").stdout
    rows = home.json("--no-plugins", "plugins", "list")
    assert {row["distribution"] for row in rows} == {"airflow-lite"}
    assert all_at_once.ran() == []


@pytest.mark.parametrize(
    ("word", "refusal"),
    [("dies", "exit code 9"), ("hangs", "took longer than 3 s"), ("raises", "ValueError: boom")],
)
def test_an_executor_by_module_path_gives_one_line_too(home, site, word, refusal):
    code = {"dies": "import os; os._exit(9)", "hangs": HANG, "raises": "raise ValueError('boom')"}
    (site.directory / "by_path.py").write_text(code[word] + SOUND_EXECUTOR)

    done = home.run("--executor", "by_path.Own", "scheduler", "-n", "1", exit_code=1)

    assert done.stderr.startswith("airflow-lite: error: Executor 'by_path.Own' cannot be loaded")
    assert done.stderr.count("\n") == 1
    assert refusal in done.stderr


@pytest.mark.parametrize(
    ("word", "refusal"),
    [("dies", "exit code 9"), ("hangs", "took longer than 3 s"), ("raises", "ValueError: boom")],
)
def test_asking_an_executor_by_module_path_for_its_commands_gives_one_line_too(
    home, site, word, refusal
):
    code = {"dies": "import os; os._exit(9)", "hangs": HANG, "raises": "raise ValueError('boom')"}
    (site.directory / "by_path.py").write_text(code[word] + SOUND_EXECUTOR)

    done = home.run("--executor", "by_path.Own", "own", "go", exit_code=1)

    assert done.stderr.startswith("airflow-lite: error: There is no command 'own' in the core, and")
    assert done.stderr.count("\n") == 1
    assert refusal in done.stderr


def test_a_sound_executor_by_module_path_runs(home, site):
    (site.directory / "by_path.py").write_text(SOUND_EXECUTOR)
    home.run("--executor", "by_path.Own", "scheduler", "-n", "1")


def test_a_failure_is_known_however_the_program_is_started(home, site):
    site.install_sound("bad", plugin="raise ValueError('boom')")
    script = Path(sys.executable).with_name("airflow-lite")
    starts = [[sys.executable, "-m", "airflow_lite"], [str(script)]]
    command = ["--executor", "BadExecutor", "bad", "go"]
    told = [started(home, *start, *command).stderr for start in starts]
    assert "ValueError: boom" in told[0]
    assert told[0] == told[1]
    assert len(site.ran()) == 2  # each asked for it, so each tried again

    for start in starts:
        rows = json.loads(started(home, *start, "plugins", "list", "-o", "json").stdout)
        assert {row["state"] for row in rows if row["name"] == "bad"} == {"quarantined"}
    assert not site.ran()


def started(home, *words):
    return subprocess.run(words, env=home.environ, capture_output=True, text=True, check=False)
