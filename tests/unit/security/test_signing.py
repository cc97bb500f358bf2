"""The key and the signature on pickled DAGs."""

from __future__ import annotations

import stat

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.security.signing import (
    KEY_FILE,
    KEY_VARIABLE,
    checking_key,
    is_signed,
    signature,
    signing_key,
)

KEY = b"k" * 32
SIGNED = ("dag", 7, b"payload")


def test_a_signature_holds_for_what_it_was_made_for():
    assert is_signed(KEY, *SIGNED, signature(KEY, *SIGNED))


@pytest.mark.parametrize(
    ("key", "dag_id", "version_id", "payload"),
    [
        (b"x" * 32, "dag", 7, b"payload"),
        (KEY, "gad", 7, b"payload"),
        (KEY, "dag", 8, b"payload"),
        (KEY, "dag", 7, b"Payload"),
        (KEY, "dag", 7, b""),
    ],
)
def test_a_signature_holds_for_nothing_else(key, dag_id, version_id, payload):
    assert not is_signed(key, dag_id, version_id, payload, signature(KEY, *SIGNED))


def test_what_is_signed_cannot_be_cut_in_other_places():
    assert signature(KEY, 'a", 7]\n', 1, b"") != signature(KEY, "a", 7, b'", 1]\n')
    assert signature(KEY, "a", 1, b"1]\n") != signature(KEY, "a", 11, b"]\n")


@pytest.mark.parametrize("given", ["", "0" * 64, "é" * 64, "\udcff", 5, None])
def test_what_is_no_signature_is_refused(given):
    assert not is_signed(KEY, *SIGNED, given)


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    config = Config(tmp_path / "home")
    key = signing_key(config)
    path = tmp_path / "home" / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) == 64
    assert signing_key(config) == checking_key(config) == key
    assert list(path.parent.iterdir()) == [path]


def test_two_homes_have_different_keys(tmp_path):
    assert signing_key(Config(tmp_path / "a")) != signing_key(Config(tmp_path / "b"))


def test_who_only_checks_makes_no_key(tmp_path):
    with pytest.raises(ConfigError, match=r"^There is no key to check pickled DAGs with\. Copy "):
        checking_key(Config(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_configured_key_goes_over_the_file(tmp_path):
    signing_key(Config(tmp_path))
    config = Config(tmp_path, {KEY_VARIABLE: "c" * 32})
    assert signing_key(config) == checking_key(config) == b"c" * 32


def test_a_configured_key_that_can_be_guessed_is_refused(tmp_path):
    with pytest.raises(ConfigError) as error:
        signing_key(Config(tmp_path, {KEY_VARIABLE: "short"}))
    assert str(error.value) == (
        "[core] pickle_secret_key has 5 characters. Make it at least 32:"
        ' python -c "import secrets; print(secrets.token_hex(32))"'
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    signing_key(Config(tmp_path))
    (tmp_path / KEY_FILE).chmod(mode)
    for key in (signing_key, checking_key):
        with pytest.raises(ConfigError, match=r"only its owner can read and write: chmod 600 "):
            key(Config(tmp_path))


def test_an_empty_key_file_is_refused(tmp_path):
    (tmp_path / KEY_FILE).touch(0o600)
    with pytest.raises(ConfigError, match="holds no key"):
        signing_key(Config(tmp_path))


@pytest.mark.parametrize(("version_id", "payload"), [("7", b"payload"), (b"7", b""), (7, "text")])
def test_columns_of_another_type_are_not_signed(version_id, payload):
    assert not is_signed(KEY, "dag", version_id, payload, "0" * 64)
