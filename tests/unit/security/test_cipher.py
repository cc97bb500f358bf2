"""What the store keeps encrypted, and by which key."""

from __future__ import annotations

import os

import pytest
from cryptography.fernet import Fernet

from airflow_lite.config import Config
from airflow_lite.errors import ConfigError
from airflow_lite.security.cipher import Cipher, Kept

OPTION = ("core", "fernet_key")


def key():
    return Fernet.generate_key().decode()


def cipher(home, *keys):
    return Cipher(Config(home, overrides={OPTION: " , ".join(keys)} if keys else None))


def test_a_value_is_read_by_whoever_has_the_key_of_the_home(tmp_path):
    kept = cipher(tmp_path).encrypted("señor")

    assert kept.is_encrypted
    assert "señor" not in kept.text
    assert cipher(tmp_path).decrypted(*kept[:1], is_encrypted=True) == "señor"
    assert (tmp_path / "fernet.key").stat().st_mode & 0o777 == 0o600


def test_the_option_stands_before_the_file(tmp_path):
    cipher(tmp_path).encrypted("makes the file")
    one = key()
    kept = cipher(tmp_path, one).encrypted("x")

    assert Fernet(one).decrypt(kept.text) == b"x"


def test_the_first_key_encrypts_and_any_decrypts(tmp_path):
    old, new = key(), key()
    kept = cipher(tmp_path, old).encrypted("x")
    both = cipher(tmp_path, new, old)

    assert both.decrypted(kept.text, is_encrypted=True) == "x"
    assert Fernet(new).decrypt(both.rotated(kept.text)) == b"x"
    assert Fernet(new).decrypt(both.encrypted("y").text) == b"y"


def test_reading_makes_no_key(tmp_path):
    text = cipher(tmp_path, key()).encrypted("x").text
    with pytest.raises(ConfigError) as raised:
        cipher(tmp_path).decrypted(text, is_encrypted=True)

    assert str(raised.value) == (
        "The value was encrypted by a key that is not here. Set [core] fernet_key to that key, or"
        " copy fernet.key from the home where the value was set."
    )
    assert os.listdir(tmp_path) == []


def test_another_key_is_told(tmp_path):
    text = cipher(tmp_path, key()).encrypted("x").text
    with pytest.raises(ConfigError, match="was encrypted by a key that is not here"):
        cipher(tmp_path, key()).rotated(text)


def test_what_is_no_key_is_told_by_where_it_stands(tmp_path):
    with pytest.raises(ConfigError, match=r"^\[core\] fernet_key is no Fernet key\. Make one: "):
        cipher(tmp_path, "k" * 44).encrypted("x")
    (tmp_path / "fernet.key").write_text("k" * 44)
    (tmp_path / "fernet.key").chmod(0o600)
    with pytest.raises(ConfigError, match=f"^{tmp_path}/fernet.key is no Fernet key"):
        cipher(tmp_path).encrypted("x")


def test_without_the_library_values_are_kept_as_they_are(tmp_path, monkeypatch):
    encrypted = cipher(tmp_path).encrypted("x").text
    monkeypatch.setattr("airflow_lite.security.cipher.find_spec", lambda _name: None)
    bare = cipher(tmp_path)

    assert not bare.is_on
    assert bare.encrypted("x") == Kept("x", is_encrypted=False)
    assert bare.decrypted("x", is_encrypted=False) == "x"
    with pytest.raises(ConfigError) as raised:
        bare.decrypted(encrypted, is_encrypted=True)
    assert str(raised.value) == (
        "The value is encrypted, and cryptography is missing. pip install 'airflow-lite[crypto]'."
    )
