"""DAG files as a real task host imports them: broken, edited, and such that nothing is forked from."""

from __future__ import annotations

import pytest

from fixtures.hosted import HEAD
from fixtures.waits import wait_until


def test_a_file_that_cannot_be_imported_fails_the_attempt_with_the_error_in_its_log(make_hosted):
    hosted = make_hosted("import no_such_module_anywhere")
    hosted.start()
    row = hosted.finish("any")

    assert row.state == "up_for_retry"
    assert "there is no module 'no_such_module_anywhere'" in hosted.log("any")


def test_a_file_that_ends_its_process_fails_the_attempt_and_not_the_host(make_hosted):
    hosted = make_hosted("import os; os._exit(7)  # airflow dag")
    hosted.start()
    row = hosted.finish("any")

    assert row.state == "up_for_retry"
    assert "its import ended without reporting its outcome, exit code 7" in hosted.log("any")


def test_an_edited_file_is_parsed_again_before_the_next_attempt(make_hosted, wait_until):
    text = HEAD + "@task()\ndef version(): return 1\n"
    hosted = make_hosted(text)
    hosted.start()
    hosted.finish("version")
    first = hosted.xcoms("version")
    hosted.path.write_text(text.replace("return 1", "return 22"))
    hosted.finish("version", 2)

    assert (first, hosted.xcoms("version")) == ({"return_value": 1}, {"return_value": 22})


def test_an_edited_module_of_the_dag_folder_counts_as_an_edit(make_hosted):
    hosted = make_hosted(HEAD + "import helper\n@task()\ndef version(): return helper.N\n")
    (hosted.home.dags / "helper.py").write_text("N = 1\n")
    hosted.start()
    hosted.finish("version")
    (hosted.home.dags / "helper.py").write_text("N = 333\n")
    hosted.finish("version", 2)

    assert hosted.xcoms("version") == {"return_value": 333}


def test_a_file_that_starts_threads_is_never_forked_from(make_hosted):
    text = HEAD + (
        "threading.Thread(target=time.sleep, args=(3600,), daemon=True, name='ticker').start()\n"
        "@task()\ndef count(): return [t.name for t in threading.enumerate()]\n"
    )
    hosted = make_hosted(text)
    hosted.start()
    hosted.finish("count")

    assert "ticker" in hosted.xcoms("count")["return_value"]  # alive: its process was not forked
    assert hosted.log("count").count("starts threads when it is imported (ticker)") == 1


def test_a_file_that_is_left_open_is_each_attempts_own(make_hosted):
    text = HEAD + (
        "LINES = open(__file__ + '.txt')\n"
        "ENDS = socket.socketpair()\n"
        "QUIET = open('/dev/null')\n"
        "@task()\ndef first(): return LINES.readline()\n"
    )
    hosted = make_hosted(text.replace("import os,", "import os, socket,", 1))
    hosted.path.with_name(hosted.path.name + ".txt").write_text("one\ntwo\nthree\n")
    hosted.start()
    hosted.finish("first")
    read = [hosted.xcoms("first")]
    hosted.finish("first", 2)

    assert [*read, hosted.xcoms("first")] == [{"return_value": "one\n"}] * 2
    notice = f"leaves files or sockets open when it is imported ({hosted.path}.txt, socket, socket)"
    assert hosted.log("first").count(notice) == 1


GENERATORS = """
OWN, SEEDED = random.Random(), random.Random(7)
@task()
def draw(): return [OWN.random(), SEEDED.random()]
"""


def test_generators_of_a_file_differ_between_attempts_but_for_those_that_it_seeds(make_hosted):
    hosted = make_hosted(HEAD + GENERATORS)
    hosted.start()
    hosted.finish("draw")
    own, seeded = hosted.xcoms("draw")["return_value"]
    hosted.finish("draw", 2)
    other, again = hosted.xcoms("draw")["return_value"]

    assert own != other
    assert seeded == again == 0.32383276483316237  # what Random(7) gives at first


def test_random_numbers_differ_between_attempts(make_hosted):
    hosted = make_hosted(HEAD + "@task()\ndef draw(): return random.random()\n")
    hosted.start()
    hosted.finish("draw")
    first = hosted.xcoms("draw")
    hosted.finish("draw", 2)

    assert hosted.xcoms("draw") != first


@pytest.mark.parametrize("cut", ["a syntax error in a module", "an error", "no such task yet"])
def test_a_file_that_is_being_written_is_looked_at_again(make_hosted, cut):
    whole = HEAD + "note('imports', 'x')\nimport helper\n@task()\ndef fine(): return helper.N\n"
    module, text = {
        "a syntax error in a module": ("N = (", whole),
        "an error": ("N = 1", whole.replace("@task", "raise NameError\n@task")),
        "no such task yet": ("N = 1", whole[: whole.index("@task")]),
    }[cut]
    hosted = make_hosted(whole)
    imports = hosted.home.folder / "imports"
    hosted.start()
    (hosted.path.parent / "helper.py").write_text(module)
    hosted.path.write_text(text)
    token = hosted.give("fine")

    def is_imported():
        hosted.path.touch()  # as who goes on to write it
        return imports.exists()

    wait_until(is_imported, "the first look at the file")
    (hosted.path.parent / "helper.py").write_text("N = 1")
    hosted.path.write_text(whole)
    hosted.wait(token)
    assert (hosted.row("fine").state, hosted.xcoms("fine")) == ("success", {"return_value": 1})


def test_a_file_that_stays_broken_fails_its_tasks(make_hosted):
    hosted = make_hosted(HEAD + "raise NameError\n")
    hosted.start()
    row = hosted.finish("fine")
    assert row.state in {"failed", "up_for_retry"}
    assert "NameError" in hosted.log("fine")
