"""The log server: who gets which bytes, and who gets nothing."""

from __future__ import annotations

import base64
import json
import os
import time
import warnings
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.serving.token import signing_key
from fixtures.waits import DEADLINE_S

OTHER = TaskInstanceKey("d", "other", "r")


def claims(served, **changes):
    """Return the claims of a good token; None takes one out."""
    now = int(time.time())
    good = {
        "aud": "task-instance-logs",
        "iat": now,
        "nbf": now,
        "exp": now + 30,
        "jti": os.urandom(8).hex(),
        "filename": served.path,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def encoded(served, algorithm="HS256", key=None, **changes):
    with warnings.catch_warnings(action="ignore"):  # the key is short for other algorithms
        return jwt.encode(claims(served, **changes), key or signing_key(served.config), algorithm)


def unsigned(served):
    parts = ({"alg": "none", "typ": "JWT"}, claims(served))
    return ".".join(
        [
            *(
                base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode()
                for one in parts
            ),
            "",
        ]
    )


def test_a_token_for_exactly_this_log_gives_its_bytes_as_they_are(served):
    status, headers, body = served.ask(served.token())

    assert (status, body) == (200, b"one\ntw\xff\nthree")
    assert headers["content-type"] == "application/octet-stream"
    assert "server" not in headers
    assert served.ask(encoded(served))[0] == 200


def test_a_token_that_was_overheard_is_refused_when_it_is_used_again(served):
    token = served.token()
    assert served.ask(token)[0] == 200

    assert served.ask(token)[0] == 403
    assert served.ask(served.token())[0] == 200


def test_a_path_may_be_escaped(served):
    assert served.ask(served.token(), quote(served.path, safe=""))[0] == 200


REFUSED = {
    "no token": lambda served: None,
    "no JSON Web Token": lambda served: "let-me-in",
    "unsigned": unsigned,
    "expired": lambda served: encoded(served, exp=int(time.time()) - 60, iat=int(time.time()) - 90),
    "not valid yet": lambda served: encoded(served, nbf=int(time.time()) + 600),
    "made in the future": lambda served: encoded(served, iat=int(time.time()) + 600),
    "for another log": lambda served: served.token("dag_id=d/run_id=r/task_id=other/attempt=1.log"),
    "for the folder of the log": lambda served: served.token(served.path.rpartition("/")[0]),
    "for any log": lambda served: encoded(served, filename=""),
    "for something else": lambda served: encoded(served, aud="another"),
    "of another secret": lambda served: encoded(served, key=b"x" * 32),
    "of another algorithm": lambda served: encoded(served, algorithm="HS512"),
    "without a name": lambda served: encoded(served, jti=None),
    "without an end": lambda served: encoded(served, exp=None),
    "without a beginning": lambda served: encoded(served, nbf=None),
    "without a path": lambda served: encoded(served, filename=None),
    "without an audience": lambda served: encoded(served, aud=None),
}


@pytest.mark.parametrize("which", REFUSED)
def test_any_other_token_is_refused_without_a_word(served, which):
    status, _, body = served.ask(REFUSED[which](served))

    assert (status, body) == (403, b"")


def test_a_token_in_another_scheme_is_refused(served):
    assert served.ask(None, Authorization=f"Basic {served.token()}")[0] == 403
    assert served.ask(None, Authorization=served.token())[0] == 403


def test_what_has_no_token_is_not_told_whether_it_is_there(served):
    assert served.ask(None, "dag_id=d/run_id=r/task_id=none/attempt=1.log")[0] == 403


OUTSIDE = [
    "../logs.key",
    "..",
    "",
    "/etc/passwd",
    "dag_id=d/../../logs.key",
    "dag_id=d/run_id=r/task_id=t/../../../../logs.key",
    "dag_id=d/run_id=r/task_id=t/attempt=1.log/../../../../../logs.key",
    "dag_id=../run_id=r/task_id=t/attempt=1.txt",
    "dag_id=d/run_id=a b/task_id=t/attempt=1.log",
    "dag_id=d/run_id=r/task_id=t/attempt=1\n.log",
    "dag_id=d/run_id=r/task_id=t/attempt=1.log\0",
    "dag_id=d/run_id=r/callbacks.log",
    "dag_id=d",
    f"dag_id={'x' * 300}/run_id=r/task_id=t/attempt=1.log",
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("safe", ["/.", ""])
def test_a_path_that_no_log_has_is_not_found_whoever_signed_it(served, path, safe):
    status, _, body = served.ask(served.token(path), quote(path, safe=safe))

    assert status == 404
    assert body in {b"", b"Not Found"}


def log_that_is(served, make):
    path = served.folder / f"dag_id={make.__name__}/run_id=r/task_id=t/attempt=1.log"
    path.parent.mkdir(parents=True)
    make(path)
    name = str(path.relative_to(served.folder))
    return served.ask(served.token(name), name)[0]


def test_a_log_that_is_a_link_is_not_found(served, tmp_path):
    (tmp_path / "secret").write_text("x")

    def link(path):
        path.symlink_to(tmp_path / "secret")

    assert log_that_is(served, link) == 404


def test_a_link_out_of_the_log_folder_is_not_followed(served, tmp_path):
    outside = tmp_path / "run_id=r" / "task_id=t"
    outside.mkdir(parents=True)
    (outside / "attempt=1.log").write_text("x")
    (served.folder / "dag_id=linked").symlink_to(tmp_path)

    path = "dag_id=linked/run_id=r/task_id=t/attempt=1.log"
    assert (served.folder / path).read_text() == "x"
    assert served.ask(served.token(path), path)[0] == 404


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_found_and_keeps_nobody_waiting(served, make):
    assert log_that_is(served, make) == 404
    assert served.ask(served.token())[0] == 200


def test_a_log_is_read_on_from_where_one_was(served):
    size = len(b"one\ntw\xff\nthree")
    status, headers, body = served.ask(served.token(), Range="bytes=4-")

    assert (status, body) == (206, b"tw\xff\nthree")
    assert headers["content-range"] == f"bytes 4-{size - 1}/{size}"
    assert served.ask(served.token(), Range="bytes=0-2")[::2] == (206, b"one")
    assert served.ask(served.token(), Range=f"bytes={size}-")[0] == 416
    assert served.ask(served.token(), Range="lines=4-")[::2] == (200, b"one\ntw\xff\nthree")


def peak_kb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_gigabyte_is_sent_without_being_held_in_memory(make_served):
    served = make_served()
    gigabyte = 1 << 30
    os.truncate(served.folder / served.path, gigabyte)
    assert served.ask(served.token(), Range="bytes=0-9")[0] == 206
    before_kb = peak_kb(served.service.server_pid)

    connection = HTTPConnection("127.0.0.1", served.port, timeout=DEADLINE_S)
    connection.request(
        "GET", f"/log/{served.path}", headers={"Authorization": f"Bearer {served.token()}"}
    )
    answer, received, part = connection.getresponse(), 0, bytearray(1 << 20)
    while count := answer.readinto(part):
        received += count
    connection.close()

    assert received == gigabyte
    assert peak_kb(served.service.server_pid) - before_kb < 64 << 10


def test_another_method_or_address_is_refused(served):
    connection = HTTPConnection("127.0.0.1", served.port, timeout=DEADLINE_S)
    for method, path, status in [
        ("POST", f"/log/{served.path}", 405),
        ("GET", "/", 404),
        ("GET", "/docs", 404),
    ]:
        connection.request(method, path, headers={"Authorization": f"Bearer {served.token()}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
