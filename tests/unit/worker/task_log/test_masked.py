"""Secrets in bytes that come in pieces of any size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_lite.worker.task_log.masked import Mask, MaskedBytes

_SECRETS = ["abcab", "bca", "abcabd", "c\nd"]


def in_pieces(pieces, secrets):
    masked = MaskedBytes(Mask(secrets))
    return b"".join([*map(masked.feed, pieces), masked.finish()])


@given(st.lists(st.text("abcd\n", max_size=6).map(str.encode), max_size=8))
def test_where_bytes_are_divided_makes_no_difference(pieces):
    assert in_pieces(pieces, _SECRETS) == in_pieces([b"".join(pieces)], _SECRETS)


@given(st.lists(st.text("abcd\n", max_size=6).map(str.encode), max_size=8))
def test_no_secret_is_left(pieces):
    shown = in_pieces(pieces, _SECRETS)
    assert not any(secret.encode() in shown for secret in _SECRETS)


def test_what_no_secret_begins_with_is_not_held():
    masked = MaskedBytes(Mask(["secret"]))

    assert masked.feed(b"a line\n") == b"a line\n"
    assert masked.feed(b"a sec") == b"a "
    assert masked.feed(b"ond\n") == b"second\n"


def test_without_secrets_the_very_bytes_go_through():
    data = b"anything"

    assert MaskedBytes(Mask()).feed(data) is data
