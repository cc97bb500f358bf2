"""Who is let in, by what, and what is refused."""

from __future__ import annotations

import os

import pytest
from starlette.testclient import TestClient

from airflow_lite.errors import ConfigError, UserError
from airflow_lite_web.access.limiter import MOST_FAILURES, WINDOW_S, Limiter
from airflow_lite_web.access.sessions import COOKIE
from airflow_lite_web.access.users import Role, Users
from airflow_lite_web.listening import check_address, listen
from airflow_lite_web.settings import read_settings
from plugins.web.conftest import ORIGIN, Web, form_token

HTML = {"accept": "text/html"}


def test_a_stranger_is_asked_to_sign_in_and_comes_back_to_the_page(web):
    answer = web.client().get("/?a=1", headers=HTML)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2F%3Fa%3D1"


def test_a_program_without_a_token_is_told_so(web):
    answer = web.client().get("/home.json")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Bearer realm="airflow-lite"',
    )


def test_health_needs_no_user(web):
    answer = web.client().get("/health")

    assert answer.json() == {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": None},
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        "dag_processor": {"status": None, "latest_dag_processor_heartbeat": None},
    }


@pytest.mark.parametrize("path", ["/healthy", "/health/x", "/loginx", "/static"])
def test_only_the_named_pages_are_open(web, path):
    assert web.client().get(path).status_code == 401


def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(web):
    answer = web.client().post("/login?next=/x", data={"token": web.tokens[Role.VIEWER]})

    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/x"
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age"))


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/\\evil", "/a\nb", ""])
def test_signing_in_leads_to_no_other_site(web, next):
    answer = web.client().post(
        "/login", params={"next": next}, data={"token": web.tokens[Role.VIEWER]}
    )

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c"])
def test_a_forged_cookie_is_no_session(web, cookie):
    client = web.client()
    client.cookies.set(COOKIE, cookie)

    assert client.get("/").status_code == 401


def test_a_cookie_that_was_there_before_is_not_the_session_after_signing_in(web):
    client = web.client(Role.VIEWER)
    before = client.cookies[COOKIE]

    client.post("/login", data={"token": web.tokens[Role.ADMIN]})

    assert client.cookies[COOKIE] != before


def test_a_new_token_ends_the_sessions_of_the_old_one(web):
    client = web.client(Role.OPERATOR)
    assert client.get("/").status_code == 200

    web.site.users.create("operator", Role.OPERATOR)

    assert client.get("/").status_code == 401


def test_a_session_ends_after_its_hours(tmp_path):
    web = Web(tmp_path, session_hours="0.00001")

    assert web.client(Role.VIEWER).get("/").status_code == 401


@pytest.mark.parametrize("make", [lambda t: {"authorization": f"Bearer {t}"}, None])
def test_a_program_shows_its_token_with_each_request(web, make):
    token = web.tokens[Role.VIEWER]
    shown = {"headers": make(token)} if make else {"auth": ("viewer", token)}

    assert web.client().get("/home.json", **shown).status_code == 200


def test_the_token_of_another_is_not_that_users(web):
    answer = web.client().get("/home.json", auth=("admin", web.tokens[Role.VIEWER]))

    assert answer.status_code == 401


def test_an_address_that_fails_too_often_waits_even_with_the_right_token(web):
    client = web.client()
    for _ in range(MOST_FAILURES):
        assert client.post("/login", data={"token": "wrong"}).status_code == 403

    answer = client.post("/login", data={"token": web.tokens[Role.ADMIN]})

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= WINDOW_S + 1
    shown = {"authorization": f"Bearer {web.tokens[Role.ADMIN]}"}
    assert client.get("/home.json", headers=shown).status_code == 429


def test_failures_are_forgotten_after_a_minute():
    now = [0.0]
    limiter = Limiter(lambda: now[0])
    for _ in range(MOST_FAILURES):
        limiter.fail("there")
    assert limiter.wait_s("there") == WINDOW_S
    assert limiter.wait_s("elsewhere") == 0

    now[0] = WINDOW_S

    assert limiter.wait_s("there") == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
    ],
)
def test_a_page_of_another_site_changes_nothing(web, headers, status):
    client = web.client(Role.ADMIN)
    data = {"form_token": form_token(client)}

    assert client.post("/logout", data=data, headers=headers).status_code == status


@pytest.mark.parametrize("data", [{}, {"form_token": "0" * 64}, {"form_token": "é"}])
def test_a_form_without_the_token_of_the_session_changes_nothing(web, data):
    assert web.client(Role.ADMIN).post("/logout", data=data).status_code == 403


def test_the_form_of_another_session_is_no_good(web):
    mine, other = web.client(Role.ADMIN), web.client(Role.ADMIN)

    assert mine.post("/logout", data={"form_token": form_token(other)}).status_code == 403


def test_a_body_that_is_too_long_is_refused(web):
    answer = web.client(Role.ADMIN).post("/logout", content=b"x" * ((1 << 20) + 1))

    assert answer.status_code == 413


def test_every_answer_forbids_code_and_frames_of_others(web):
    for path in ("/login", "/health", "/static/style.css", "/none"):
        headers = web.client(Role.VIEWER).get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"


def proxied(tmp_path, address="127.0.0.1", **settings):
    web = Web(tmp_path, proxy_user_header="X-Forwarded-User", **settings)
    return web, TestClient(web.app, follow_redirects=False, client=(address, 1))


def test_a_trusted_proxy_names_the_user(tmp_path):
    web, client = proxied(tmp_path)
    web.site.users.create("ann", Role.OPERATOR, with_token=False)

    assert "ann · operator" in client.get("/", headers={"x-forwarded-user": "ann"}).text
    assert "bob · viewer" in client.get("/", headers={"x-forwarded-user": "bob"}).text


def test_the_header_is_believed_from_no_other_address_and_not_unless_it_is_switched_on(
    tmp_path, web
):
    _, client = proxied(tmp_path, "10.0.0.9")

    assert client.get("/", headers={"x-forwarded-user": "admin"}).status_code == 401
    assert web.client().get("/", headers={"x-forwarded-user": "admin"}).status_code == 401


def test_a_proxy_that_names_two_users_names_none(tmp_path):
    _, client = proxied(tmp_path)
    headers = [("x-forwarded-user", "ann"), ("x-forwarded-user", "admin")]

    assert client.get("/", headers=headers).status_code == 401


def test_without_a_role_for_others_only_users_of_the_file_come_in(tmp_path):
    web, client = proxied(tmp_path, proxy_role="")
    web.site.users.create("ann", Role.OPERATOR, with_token=False)

    assert client.get("/", headers={"x-forwarded-user": "ann"}).status_code == 200
    assert client.get("/", headers={"x-forwarded-user": "bob"}).status_code == 401


def test_who_is_named_by_a_proxy_needs_the_token_of_the_form_too(tmp_path):
    _, client = proxied(tmp_path)
    client.headers["x-forwarded-user"] = "ann"

    assert client.post("/logout").status_code == 403
    assert client.post("/logout", data={"form_token": form_token(client)}).status_code == 303


def settings(tmp_path, **options):
    return read_settings(Web(tmp_path, **options).config)


@pytest.mark.parametrize(
    ("options", "without_tls", "is_safe"),
    [
        ({}, False, True),
        ({"host": "::1"}, False, True),
        ({"host": "localhost"}, False, True),
        ({"host": "0.0.0.0"}, False, False),
        ({"host": "example.org"}, False, False),
        ({"host": "0.0.0.0"}, True, True),
        ({"host": "0.0.0.0", "tls_certificate": "/c", "tls_key": "/k"}, False, True),
        ({"host": "0.0.0.0", "proxy_user_header": "X-User"}, False, True),
    ],
)
def test_tokens_cross_no_network_in_plain_text_unless_said_twice(
    tmp_path, options, without_tls, is_safe
):
    given = settings(tmp_path, **options)
    if is_safe:
        check_address(given, without_tls=without_tls)
    else:
        with pytest.raises(UserError, match="add --without-tls"):
            check_address(given, without_tls=without_tls)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("port", "70000", "[web] port is 70000. Make it a number from 0 to 65535."),
        ("session_hours", "0", "[web] session_hours is 0. Make it more than 0, at most 8784."),
        (
            "proxy_role",
            "king",
            "[web] proxy_role is 'king'. Make it viewer, operator, admin.",
        ),
        (
            "tls_key",
            "/k",
            "[web] tls_certificate and tls_key go together. Set both, or neither.",
        ),
        (
            "proxy_user_header",
            "X User",
            "[web] proxy_user_header is 'X User'. Write the name of a header, such as"
            " X-Forwarded-User.",
        ),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path, name, value, message):
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, **{name: value})
    assert str(caught.value) == message


def test_the_users_file_has_hashes_and_is_for_its_owner(tmp_path):
    users = Users(str(tmp_path / "users"))
    token = users.create("ann", Role.OPERATOR)

    text = (tmp_path / "users").read_text()
    assert token not in text
    assert text.startswith("# name role sha256-of-the-token\nann operator ")
    assert os.stat(tmp_path / "users").st_mode & 0o777 == 0o600
    user = users.by_token(token)
    assert user is not None
    assert user.role is Role.OPERATOR


def test_a_users_file_that_others_may_write_lets_nobody_in(web):
    os.chmod(web.site.users.path, 0o666)
    os.utime(web.site.users.path, ns=(1, 1))

    answer = web.client().post("/login", data={"token": web.tokens[Role.ADMIN]})

    assert answer.status_code == 503


def test_a_line_that_is_no_user_is_named(tmp_path):
    path = tmp_path / "users"
    path.write_text("# ours\nann king -\n")
    path.chmod(0o600)

    with pytest.raises(ConfigError, match=r"users, line 2: write a name, a role \(viewer, "):
        Users(str(path)).all()


def test_deleting_a_user_who_is_not_there_says_so(tmp_path):
    with pytest.raises(UserError, match="There is no user 'ann'"):
        Users(str(tmp_path / "users")).delete("ann")


def test_a_users_name_stays_one_word(tmp_path):
    with pytest.raises(UserError, match="is not allowed"):
        Users(str(tmp_path / "users")).create("ann admin", Role.VIEWER)


def test_a_port_that_is_taken_is_told_with_what_sets_another(tmp_path):
    web = Web(tmp_path / "home", port="0")
    with listen(web.site.settings) as first:
        port = first.getsockname()[1]
        with pytest.raises(UserError) as caught:
            listen(web.site.settings._replace(port=port))
    web.store.close()

    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1, port {port}: Address already in use. Choose another with"
        " `airflow-lite web --port`, or for `airflow-lite standalone`, too, with [web] port"
        " (AIRFLOW_LITE__WEB__PORT)."
    )
