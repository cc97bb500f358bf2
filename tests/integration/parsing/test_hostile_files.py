"""A DAG file may do what it likes: it gets one clear line, and the file beside it its DAG."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_lite.parsing.file import Options
from airflow_lite.parsing.pool import FileResult, parse_batches
from fixtures.processes import is_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GOOD = "from airflow_lite import DAG, EmptyOperator\n"
GOOD += "with DAG('{id}', schedule=None) as dag:\n    EmptyOperator(task_id='only')\n"

#: name -> (source, how the error begins)
HOSTILE: dict[str, tuple[str | bytes, str | tuple[str, ...]]] = {
    "syntax": ("x = 1\ndef f(:\n", "SyntaxError: invalid syntax (line 2)"),
    "missing_module": (
        "# dag\nimport no_such_module.at_all\n",
        "ModuleNotFoundError: there is no module 'no_such_module' (line 2)."
        " Install it where airflow-lite runs, or mend the import.",
    ),
    "airflow_itself": (
        "from airflow.operators.bash import BashOperator\n",
        "ModuleNotFoundError: No module named 'airflow' (line 1). Import what DAG files need from"
        " airflow_lite itself, as in `from airflow_lite import DAG, BashOperator`; or install"
        " airflow-lite-airflow-names, which answers to Airflow's names.",
    ),
    "airflows_modules": (
        "from airflow_lite.operators.bash import BashOperator\n",
        "ModuleNotFoundError: No module named 'airflow_lite.operators' (line 1). Import what",
    ),
    "not_there": (
        "from airflow_lite import provide_session\n",
        "ImportError: cannot import name 'provide_session' from 'airflow_lite' (line 1). Import"
        " what DAG",
    ),
    "misspelt": (
        "from airflow_lite import PythonOperater\n",
        "ImportError: cannot import name 'PythonOperater' from 'airflow_lite' (line 1)."
        " Did you mean 'PythonOperator' or 'BranchPythonOperator' or 'ExternalPythonOperator'?"
        " Import what",
    ),
    "two_lists": (
        "import airflow_lite\n[airflow_lite.DAG] >> [1]\n",
        "TypeError: unsupported operand type(s) for >>: 'list' and 'list' (line 2). Join two lists"
        " by chain(), pair by pair, or by cross_downstream(), all with all.",
    ),
    "missing_name": (
        "from json import no_such_name\n",
        "ImportError: cannot import name 'no_such_name' from 'json'",
    ),
    "raises": ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError: division by zero (line 2)"),
    "sys_exit": (
        "import sys\nsys.exit(3)\n",
        "The file calls sys.exit(3) (line 2). Take the call out.",
    ),
    "os_exit": ("import os\nos._exit(0)\n", "The file ended its process with exit code 0"),
    "segfault": (
        "import ctypes\nctypes.string_at(0)\n",
        "The file ended its process by SIGSEGV when it was imported.",
    ),
    "kills_group": (
        "import os\nos.killpg(0, 9)\n",
        "The file ended its process by SIGKILL when it was imported.",
    ),
    "kills_server": (
        "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)\n",
        "The file ended the process that was parsing it.",
    ),
    "huge_memory": (
        "x = []\nwhile True:\n    x.append(bytearray(10_000_000))\n",
        "The file takes more than 512 MB (line 3)."
        " Move work into tasks, or raise [core] dag_memory_limit_mb.",
    ),
    "recursion": ("def f():\n    f()\nf()\n", "RecursionError: maximum recursion depth exceeded"),
    "interrupts": ("raise KeyboardInterrupt\n", "The file interrupts itself (line 1):"),
    "cycle": (
        "from airflow_lite import DAG, EmptyOperator\n"
        "with DAG('round', schedule=None):\n"
        "    a, b = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n"
        "    a >> b >> a\n",
        "Cycle detected in DAG: round.",
    ),
    "duplicate_task": (
        "from airflow_lite import DAG, EmptyOperator\n"
        "with DAG('twice', schedule=None):\n"
        "    EmptyOperator(task_id='a')\n"
        "    EmptyOperator(task_id='a')\n",
        "Task id 'a' has already been added to the DAG (line 4)",
    ),
    "duplicate_dag": (
        "from airflow_lite import DAG\none = DAG('same', schedule=None)\ntwo = DAG('same', schedule=None)\n",
        "Two DAGs in ",
    ),
    "too_many_tasks": (
        "from airflow_lite import DAG, EmptyOperator\n"
        "with DAG('wide', schedule=None):\n"
        "    for number in range(101):\n"
        "        EmptyOperator(task_id=f't{number}')\n",
        "DAG wide has more than 100 tasks. Split it, or raise [core] max_dag_tasks. (line 4)",
    ),
    "latin_1": (
        b"from airflow_lite import DAG\nname = '\xe9t\xe9'\n",
        "The file is not UTF-8",
    ),
    "utf_16": (
        "from airflow_lite import DAG\n".encode("utf-16"),
        "The file is UTF-16. Save it as UTF-8.",
    ),
    "unknown_coding": (
        "# -*- coding: klingon -*-\nfrom airflow_lite import DAG\n",
        "The file says that its coding is 'klingon', which Python does not know."
        " Save it as UTF-8 and remove the coding line.",
    ),
    "relative_import": (
        "from .common import NAME\n",
        "ImportError: attempted relative import with no known parent package (line 1)."
        " A DAG file belongs to no package: write the module's whole name below the DAG folder,"
        " as in `from team.common import NAME`.",
    ),
    "nul_bytes": (b"x = 1\ny = 2\0\n", "The file has a NUL byte in line 2. Is it Python?"),
    "closes_everything": (
        "import os\nos.closerange(0, 300)\n",
        "The file ended its process with exit code",
    ),
    "fakes_its_result": (
        "import os\n"
        "for number in range(3, 30):\n"
        "    try:\n"
        "        os.write(number, b'[]\\n')\n"
        "    except OSError:\n"
        "        pass\n"
        "os._exit(0)\n",
        "The file wrote something else in place of its result.",
    ),
    "fakes_a_deep_result": (
        "import os\n"
        "for number in range(3, 30):\n"
        "    try:\n"
        "        os.write(number, b'[' * 60_000 + b'\\n')\n"
        "    except OSError:\n"
        "        pass\n"
        "os._exit(0)\n",
        "The file's DAGs hold lists or dicts that are nested too deeply. Flatten them.",
    ),
    "deep_params": (
        "import sys\n"
        "from airflow_lite import DAG\n"
        "sys.setrecursionlimit(100_000)\n"
        "deep = []\n"
        "for _ in range(5_000):\n"
        "    deep = [deep]\n"
        "dag = DAG('deep', schedule=None, params={'deep': deep})\n",
        (  # Python 3.12 writes no such JSON, whatever its limit of recursion
            "The file's DAGs hold lists or dicts that are nested too deeply. Flatten them.",
            "DAG deep: param 'deep' cannot be written as JSON (maximum recursion depth exceeded",
        ),
    ),
    "nameless_signal": (
        "import os\nos.kill(os.getpid(), 40)\n",
        "The file ended its process by signal 40 when it was imported.",
    ),
    "bad_message": (
        "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd\n",
        "Odd: its message cannot be shown (line 4)",
    ),
    "multi_line_message": (
        "raise ValueError('one\\ntwo\\x00\\udc80')\n",
        "ValueError: one two\\x00\\udc80 (line 1)",
    ),
}

#: name -> source of files that do odd things and still are good DAG files
ODD = {
    "changes_folder": "import os\nos.chdir('/')\n",
    "closes_output": "import os\nos.close(1)\nos.close(2)\n",
    "prints_much": "print('x' * 20_000_000, flush=True)\n",
    "changes_signals": (
        "import signal\n"
        "for number in (1, 2, 3, 10, 12, 13, 14, 15, 17):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
    ),
    "starts_a_thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    ),
    "leaves_open": "import os\nFD = os.open(__file__, os.O_RDONLY)\nNULL = os.open('/dev/null', 0)\n",
    "registers_exit": "import atexit, time\natexit.register(time.sleep, 600)\n",
    "reads_input": "import sys\nassert sys.stdin.read() == ''\n",
}


def write(folder: Path, name: str, source: str | bytes) -> str:
    path = folder / f"{name}.py"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return str(path)


def parse_files(
    paths: Sequence[str], options: Options, environ: dict[str, str]
) -> Generator[FileResult, None, None]:
    for batch in parse_batches(paths, options, environ=environ, servers=2, every_s=0.0):
        yield from batch


def parse_file(
    path: str | Path, environ: dict[str, str], *, timeout_s: float = 60.0, folder: str = ""
) -> FileResult:
    return next(parse_files([str(path)], Options(timeout_s, 512, folder), environ))


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return {
        **os.environ,
        "HOME": str(home),
        "AIRFLOW_LITE_HOME": str(home),
        "AIRFLOW_LITE__CORE__MAX_DAG_TASKS": "100",
    }


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> dict[str, FileResult]:
    """Parse the whole corpus in one go, good files in between."""
    folder = tmp_path_factory.mktemp("dags")
    paths = []
    for name, (source, _) in HOSTILE.items():
        paths.append(write(folder, name, source))
        paths.append(write(folder, f"after_{name}", GOOD.format(id=f"after_{name}")))
    paths += [write(folder, name, source + GOOD.format(id=name)) for name, source in ODD.items()]
    options = Options(timeout_s=60.0, memory_mb=512, folder=str(folder))
    return {Path(one.path).stem: one for one in parse_files(paths, options, environ)}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_one_clear_line(results: dict[str, FileResult], name: str) -> None:
    result = results[name]
    assert result.dags == ()
    assert result.error is not None
    first, *rest = result.error.split("\n")
    assert first.startswith(HOSTILE[name][1])
    assert all(line.startswith("  ") for line in rest)
    assert "airflow_lite/authoring/" not in result.error
    assert "airflow_lite/parsing/" not in result.error


def test_a_file_does_not_pay_for_what_its_process_needs_of_the_system(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    looked_up = (
        "from airflow_lite.processes.children import prctl\nassert prctl.cache_info().hits\n"
    )
    path = write(tmp_path, "cheap", looked_up + GOOD.format(id="cheap"))
    assert parse_file(path, environ).error is None


@pytest.mark.parametrize("name", HOSTILE)
def test_a_good_file_is_not_harmed_by_the_one_before(
    results: dict[str, FileResult], name: str
) -> None:
    good = results[f"after_{name}"]
    assert good.error is None
    assert [dag.dag_id for dag in good.dags] == [f"after_{name}"]
    assert list(good.dags[0].tasks) == ["only"]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_still_gives_its_dag(results: dict[str, FileResult], name: str) -> None:
    assert results[name].error is None
    assert [dag.dag_id for dag in results[name].dags] == [name]


def test_a_file_that_starts_threads_is_told_so(results: dict[str, FileResult]) -> None:
    (line,) = results["starts_a_thread"].warnings
    assert "starts_a_thread.py starts 1 thread when it is imported" in line


def test_a_file_that_leaves_something_open_is_told_so(results: dict[str, FileResult]) -> None:
    (line,) = results["leaves_open"].warnings
    place = line.partition(" ")[0]
    assert line == (
        f"{place} leaves files or sockets open ({place}) when it is imported:"
        " each of its tasks imports it anew, which is slower."
    )


@pytest.mark.parametrize("name", ["raises", "segfault"])
def test_the_traceback_shows_the_authors_frames(results: dict[str, FileResult], name: str) -> None:
    error = results[name].error or ""
    assert f'{name}.py", line 2' in error
    assert "importlib" not in error


def test_an_endless_loop_ends_at_the_deadline(tmp_path: Path, environ: dict[str, str]) -> None:
    path = write(tmp_path, "endless", "def spin():\n    while True:\n        pass\nspin()\n")
    result = parse_file(path, environ, timeout_s=3.0)
    first, *rest = (result.error or "").split("\n")
    assert first == (
        "The file was not imported within 3 s."
        " Move work into tasks, or raise [core] dagbag_import_timeout."
    )
    assert any('endless.py", line ' in line and line.endswith(" in spin") for line in rest)


def test_a_stopped_process_ends_at_the_deadline(tmp_path: Path, environ: dict[str, str]) -> None:
    path = write(tmp_path, "stopped", "import os\nos.kill(os.getpid(), 19)\n")
    result = parse_file(path, environ, timeout_s=0.5)
    assert (result.error or "").startswith("The file was not imported within 0.5 s.")


def test_children_that_linger_are_killed(
    tmp_path: Path, environ: dict[str, str], wait_until: Callable[..., object]
) -> None:
    note = tmp_path / "pid"
    source = (
        "import os, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    time.sleep(600)\n    os._exit(0)\n"
        f"open({str(note)!r}, 'w').write(str(pid))\n"
    )
    path = write(tmp_path, "forks", source + GOOD.format(id="forks"))
    result = parse_file(path, environ)
    assert [dag.dag_id for dag in result.dags] == ["forks"]
    pid = int(note.read_text())
    wait_until(lambda: is_gone(pid), "the lingering child to end")


def test_closing_the_iterator_ends_what_still_runs(
    tmp_path: Path, environ: dict[str, str], wait_until: Callable[..., object]
) -> None:
    note = tmp_path / "pid"
    endless = write(
        tmp_path,
        "endless",
        f"import os, time\nopen({str(note)!r}, 'w').write(f'{{os.getpid()}}.')\ntime.sleep(600)\n",
    )
    good = write(tmp_path, "good", GOOD.format(id="good"))
    options = Options(timeout_s=60.0, memory_mb=512)
    iterator = parse_files([endless, good], options, environ)
    assert next(iterator).path == good
    wait_until(lambda: note.exists() and note.read_text().endswith("."), "the file to be run")
    iterator.close()
    wait_until(lambda: is_gone(int(note.read_text()[:-1])), "the endless file to end")


def test_what_is_no_regular_file_is_never_waited_for(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    fifo, link = tmp_path / "fifo.py", tmp_path / "link.py"
    os.mkfifo(fifo)
    link.symlink_to(link)
    dangling = tmp_path / "dangling.py"
    dangling.symlink_to("gone.py")
    missing, folder = tmp_path / "missing.py", tmp_path / "folder.py"
    folder.mkdir()
    expected = {
        fifo: "The file is not imported: it is not a regular file.",
        link: "The file cannot be read: Too many levels of symbolic links.",
        dangling: "The file is a link to 'gone.py', which does not exist.",
        missing: "The file cannot be read: No such file or directory.",
        folder: "The file cannot be read: Is a directory.",
        Path("/dev/zero"): "The file is not imported: it is not a regular file.",
    }
    options = Options(timeout_s=60.0, memory_mb=512)
    found = parse_files([str(path) for path in expected], options, environ)
    assert {Path(one.path): one.error for one in found} == expected


def test_a_socket_is_no_dag_file(tmp_path: Path, environ: dict[str, str]) -> None:
    path = tmp_path / "socket.py"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        result = parse_file(path, environ)
    assert result.error == "The file cannot be read: No such device or address."


def test_modules_of_the_folder_belong_to_the_fingerprint(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    write(tmp_path, "shared_words", "ID = 'named_elsewhere'\n")
    path = write(
        tmp_path, "user", "import shared_words\n" + GOOD.replace("'{id}'", "shared_words.ID")
    )
    result = parse_file(path, environ, folder=str(tmp_path))
    assert [dag.dag_id for dag in result.dags] == ["named_elsewhere"]
    assert "shared_words.py" in result.fingerprint


def test_the_authors_warnings_come_along(tmp_path: Path, environ: dict[str, str]) -> None:
    path = write(tmp_path, "warns", "import warnings\nwarnings.warn('mind\\nthis')\n")
    result = parse_file(path, environ)
    assert result.warnings == (f"{path}:2: UserWarning: mind this",)
