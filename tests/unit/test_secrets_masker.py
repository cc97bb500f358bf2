"""What counts as a secret, and how it is masked in what is written or shown."""

from __future__ import annotations

import pytest

from airflow_lite.secrets_masker import (
    SecretsMasker,
    mask_secret,
    redact,
    secrets_masker,
    without_url_secrets,
)
from fixtures.counted_calls import counted_calls

CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    ("name", "is_sensitive"),
    [
        ("password", True),
        ("DB_PASSWORD", True),
        (" Access_Token ", True),
        ("api_key", True),
        ("keyfile_dict", True),
        ("name", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_names_are_sensitive_as_in_airflow(name, is_sensitive):
    assert SecretsMasker().is_sensitive(name) is is_sensitive


def test_a_sensitive_name_hides_every_text_below_it_and_no_number():
    value = {"a": ["x", {"b": "y"}], "n": 7}

    assert SecretsMasker().redact(value, "secret") == {"a": ["***", {"b": "***"}], "n": 7}


def test_what_is_masked_is_found_in_texts_and_inside_of_structures():
    masker = SecretsMasker()
    masker.add_mask(CANARY)

    assert masker.redact({"x": [f"a {CANARY} b", (CANARY,)]}) == {"x": ["a *** b", ("***",)]}


def test_a_name_that_is_not_sensitive_masks_nothing():
    masker = SecretsMasker()
    masker.add_mask(CANARY, "city")
    masker.add_mask({"city": CANARY, "nested": {"town": [CANARY]}})

    assert masker.text(CANARY) == CANARY


def test_in_a_dict_the_keys_are_the_names():
    masker = SecretsMasker()
    masker.add_mask({"outer": [{"token": CANARY}], "city": "Lyon"})

    assert masker.text(f"{CANARY} Lyon") == "*** Lyon"


def test_a_long_list_of_plain_values_costs_no_call_for_each():
    masker = SecretsMasker()
    with counted_calls() as calls:
        masker.add_mask({"return_value": [*range(10_000), {"token": CANARY}]})

    assert masker.text(CANARY) == "***"
    assert calls[0] < 1_000


@pytest.mark.parametrize("secret", ['a"b\\c/d', "p@ss w:rd", "na\u00efve\n"])
def test_a_secret_is_found_as_urls_and_json_spell_it(secret):
    import json
    from urllib.parse import quote

    masker = SecretsMasker()
    masker.add_mask(secret)
    for spelling in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    ):
        assert masker.text(f"<{spelling}>") == "<***>"


def test_each_line_of_a_secret_is_masked_but_for_short_ones():
    masker = SecretsMasker()
    masker.add_mask("{\n  first line\n  second line\n}")

    assert masker.text("[x] first line") == "[x] ***"
    assert masker.text("{}") == "{}"


def test_the_longer_of_two_secrets_is_masked_whole():
    masker = SecretsMasker()
    masker.add_mask(["pass", "password1"])

    assert masker.text("password1 pass") == "*** ***"


def test_a_text_of_blanks_is_no_secret():
    masker = SecretsMasker()
    masker.add_mask(["", " ", "\n"])

    assert masker.text("a b\n") == "a b\n"


def test_mask_secret_takes_what_airflows_does():
    mask_secret(None)
    mask_secret(CANARY, "city")
    assert redact(CANARY) == CANARY

    mask_secret(CANARY, name="my_token")
    assert redact(CANARY) == "***"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AIRFLOW_CONN_DB", f"postgresql://me:{CANARY}@host/db"),
        ("AIRFLOW_CONN_DB", f"http://host/?api_key={CANARY}"),
        ("AIRFLOW_CONN_DB", f'{{"conn_type": "x", "password": "{CANARY}"}}'),
        ("AIRFLOW_CONN_DB", f'{{"conn_type": "x", "extra": {{"token": "{CANARY}"}}}}'),
        ("AIRFLOW_CONN_DB", f'{{"extra": "{{\\"token\\": \\"{CANARY}\\"}}"}}'),
        ("AIRFLOW_VAR_DB_PASSWORD", CANARY),
        ("AIRFLOW_VAR_SETTINGS", f'{{"deep": {{"secret": "{CANARY}"}}}}'),
        ("AIRFLOW_VAR_WHERE", f"https://me:{CANARY}@host"),
        ("AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN", f"postgresql://u:{CANARY}@host/db"),
        ("AIRFLOW_LITE__WEBSERVER__SECRET_KEY", CANARY),
        ("AIRFLOW_LITE__SENTRY__SENTRY_DSN", CANARY),
    ],
)
def test_secrets_of_environment_and_configuration_are_known(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    secrets_masker.cache_clear()

    assert redact(f"<{CANARY}>") == "<***>"


def test_secrets_of_the_file_of_settings_are_known(monkeypatch, tmp_path):
    (tmp_path / "airflow_lite.cfg").write_text(
        f"[celery]\nbroker_url = redis://:{CANARY}@host\n[core]\nsensitive_var_conn_names = Pin\n"
    )
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    secrets_masker.cache_clear()

    assert redact(CANARY) == "***"
    assert redact({"card_pin": "1234"}) == {"card_pin": "***"}


def test_names_are_not_looked_at_where_that_is_turned_off(monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS", "False")
    secrets_masker.cache_clear()

    assert redact({"password": "x"}) == {"password": "x"}


def test_a_short_secret_of_the_environment_does_not_garble_every_text(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgresql://me:a@host/db")
    secrets_masker.cache_clear()

    assert redact("a banana") == "a banana"


def test_a_listener_hears_of_what_came_after_the_seal_only():
    masker = SecretsMasker()
    told: list[list[str]] = []
    masker.add_mask("known everywhere")
    masker.seal()
    masker.add_mask("of-the-file")
    masker.tell(told.append)
    masker.add_mask("of-the-task")
    masker.add_mask("of-the-task")

    assert told == [["of-the-file"], ["of-the-task"]]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pw@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d?user=u&password=pw", "postgresql://h/d?user=u&password=***"),
        ("postgresql://u:x@h:1/d?password=pw", "postgresql://u:***@h:1/d?password=***"),
        ("sqlite:///rel.db?key=pw", "sqlite:///rel.db?key=***"),
        ("redis://:pw@h", "redis://:***@h"),
        ("x://u:p?w@h", "x://u:***@h"),
        ("x://h/?a=1&sslpassword=%70w&b=2", "x://h/?a=1&sslpassword=***&b=2"),
        ("x://h/?mail=me@h", "x://h/?mail=me@h"),
        ("see https://u:pw@h, then y", "see https://u:***@h, then y"),
        ("no URL: a@b", "no URL: a@b"),
    ],
)
def test_a_url_is_shown_without_password_and_secret_query_parts(url, shown):
    assert without_url_secrets(url) == shown
