"""Pages of other sites may ask the REST API where [api] names them, and show a token for it."""

from __future__ import annotations

import pytest

from airflow_lite.errors import ConfigError
from airflow_lite_web.access.users import Role
from plugins.web.conftest import Web

SITE, OTHER = "https://app.example.org", "https://other.example.org"
ALLOWED = {
    "origins": f"{SITE} http://localhost:3000",
    "methods": "GET, POST",
    "headers": "authorization, content-type",
}
ASKS = {"origin": SITE, "access-control-request-method": "POST"}
DAGS = "/api/v1/dags"


@pytest.fixture
def make(tmp_path):
    made = []

    def make(**allowed):
        names = {("api", f"access_control_allow_{name}"): text for name, text in allowed.items()}
        made.append(Web(tmp_path / "home", overrides=names))
        return made[-1]

    yield make
    for web in made:
        web.store.close()


def cors(answer):
    prefix = "access-control-allow-"
    return {
        name.removeprefix(prefix): value
        for name, value in answer.headers.items()
        if name.startswith(prefix)
    }


def test_a_page_of_a_named_site_is_given_leave_without_a_token(make):
    answer = make(**ALLOWED).client().options(DAGS, headers=ASKS)

    assert answer.status_code == 204
    assert cors(answer) == {
        "origin": SITE,
        "methods": ALLOWED["methods"],
        "headers": ALLOWED["headers"],
    }
    assert answer.headers["vary"] == "Origin"


def test_it_reads_the_answer_if_it_shows_a_token(make):
    web = make(**ALLOWED)
    token = {"authorization": f"Bearer {web.tokens[Role.VIEWER]}"}
    read = web.client().get(DAGS, headers={"origin": SITE, **token})
    refused = web.client().get(DAGS, headers={"origin": SITE})

    assert (read.status_code, cors(read)["origin"]) == (200, SITE)
    assert (refused.status_code, cors(refused)["origin"]) == (401, SITE)


def test_it_may_use_no_cookie(make):
    web = make(**ALLOWED)
    client = web.client(Role.OPERATOR)
    answer = client.post(f"{DAGS}/d/dagRuns", json={}, headers={"origin": SITE})

    assert answer.status_code == 403
    assert "credentials" not in cors(answer)


@pytest.mark.parametrize(
    ("allowed", "path", "origin"),
    [
        (ALLOWED, DAGS, OTHER),
        (ALLOWED, DAGS, f"{SITE}.evil.org"),
        (ALLOWED, "/", SITE),
        ({}, DAGS, SITE),
        ({**ALLOWED, "origins": ""}, DAGS, SITE),
    ],
)
def test_nobody_else_is_given_leave(make, allowed, path, origin):
    answer = make(**allowed).client().options(path, headers={**ASKS, "origin": origin})

    assert answer.status_code in {401, 405}
    assert cors(answer) == {}


def test_every_site_is_a_star(make):
    web = make(origins="*")

    assert cors(web.client().options(DAGS, headers=ASKS)) == {"origin": "*"}


def test_a_star_for_the_headers_is_left_to_the_browser_for_which_it_covers_no_token(make):
    web = make(**{**ALLOWED, "headers": "*"})
    asks = {**ASKS, "access-control-request-headers": "authorization"}

    assert cors(web.client().options(DAGS, headers=asks))["headers"] == "*"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("origins", "example.org", "Write origins such as https://example.org"),
        ("origins", f"{SITE}/path", "without a path"),
        ("methods", "GET\r\nX-Bad: 1", "is no line of a header"),
    ],
)
def test_a_wrong_setting_is_told_at_the_start(make, name, text, message):
    with pytest.raises(ConfigError, match=message):
        make(**{**ALLOWED, name: text})
