"""What a browser holds once it has signed in: a signed cookie, and the token of its forms."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow_lite_web.access.users import User, Users

COOKIE = "airflow_lite_session"
_AUDIENCE = "airflow-lite web"
#: Characters of a token's hash in a session: it ends with the token that it was begun with.
_HASH_PART = 16


class Session(NamedTuple):
    """A user who is signed in, and what the forms of this session carry against forgery."""

    user: User
    form_token: str


class Sessions:
    """Makes sessions and knows them again; nothing is kept on the server."""

    def __init__(self, key: bytes, users: Users, valid_s: float) -> None:
        self._key = key
        self._users = users
        self.valid_s = valid_s

    def begin(self, user: User) -> str:
        """Return the value of a new cookie."""
        import jwt

        claims = {
            "aud": _AUDIENCE,
            "sub": user.name,
            "exp": int(time.time() + self.valid_s),
            "jti": secrets.token_hex(16),
            "tok": user.token_hash[:_HASH_PART],
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if it is over, forged, or its user is gone."""
        claims = self._claims(cookie)
        user = None if claims is None else self._users.by_name(claims["sub"])
        if claims is None or user is None or claims.get("tok") != user.token_hash[:_HASH_PART]:
            return None
        return Session(user, self.form_token(claims["jti"]))

    def _claims(self, cookie: str) -> dict[str, Any] | None:
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                cookie,
                self._key,
                algorithms=["HS256"],
                audience=_AUDIENCE,
                options={"require": ["aud", "sub", "exp", "jti", "tok"]},
            )
        except jwt.InvalidTokenError:
            return None
        return claims

    def form_token(self, of: str) -> str:
        """Return what the forms of a session carry; `of` names the session."""
        return hmac.new(self._key, b"forms of " + of.encode(), "sha256").hexdigest()
