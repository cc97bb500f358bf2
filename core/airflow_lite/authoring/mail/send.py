"""`send_email`: one HTML message, by `[email] email_backend` or over SMTP."""

from __future__ import annotations

import mimetypes
import os
import re
import smtplib
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, NamedTuple

from airflow_lite.authoring.connection import Connection
from airflow_lite.config import Config
from airflow_lite.errors import AirflowException
from airflow_lite.imports import import_string
from airflow_lite.secrets_masker import mask_secret
from airflow_lite.task_logger import task_logger

logger = task_logger()

Addresses = str | Iterable[str]

_UNREACHED = "Check [smtp] smtp_host, smtp_port, smtp_starttls and smtp_ssl."
#: What to do about an answer of the server, by its kind.
_ANSWERED = {
    smtplib.SMTPAuthenticationError: (
        "Check [smtp] smtp_user and smtp_password, or the connection that [email] email_conn_id"
        " names."
    ),
    smtplib.SMTPRecipientsRefused: "Check the addresses.",
    smtplib.SMTPResponseException: "Ask whoever runs that server.",
}
_CLOSING = 421  # "service not available, closing"
_SUBTYPES = ("mixed", "related", "alternative")


def addresses_of(value: Addresses | None) -> list[str]:
    """Return single addresses of a list, or of a text that separates them by `,` or `;`.

    Raises TypeError for what is neither.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [address for part in re.split("[,;]", value) if (address := part.strip())]
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        found = list(value)
        if all(isinstance(item, str) for item in found):
            return [address for item in found for address in addresses_of(item)]
    raise TypeError(f"E-mail addresses are text, or a list of texts, not {value!r}.")


def send_email(
    to: Addresses,
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Send one HTML message, with `files` attached, as `[email]` and `[smtp]` say.

    Arguments are those of Airflow 2.10. `conn_id` names the connection whose login and password
    are used; it takes the place of `[email] email_conn_id`. With `dryrun` nothing is sent.

    Raises `AirflowException` if the message was not taken, and for settings that are wrong.
    """
    config = Config.load()
    conn_id = conn_id or config.get("email", "email_conn_id") or None
    if path := config.get("email", "email_backend"):
        import_string(path)(
            ", ".join(addresses_of(to)),
            subject,
            html_content,
            files=files,
            dryrun=dryrun,
            cc=cc,
            bcc=bcc,
            mime_subtype=mime_subtype,
            mime_charset=mime_charset,
            conn_id=conn_id,
            from_email=config.get("email", "from_email") or None,
            custom_headers=custom_headers,
            **kwargs,
        )
        return
    server = SmtpServer.read(config, conn_id)
    sender = config.get("email", "from_email") or config.get("smtp", "smtp_mail_from")
    message = _message(sender, to, subject, html_content, mime_subtype, mime_charset)
    _address(message, cc, bcc, custom_headers or {})
    for name in files or ():
        _attach(message, Path(name), mime_subtype)
    if not dryrun:
        server.deliver(message)
        logger.info("Sent an e-mail to %s: %s", ", ".join(addresses_of(to)), subject)


def _message(
    sender: str, to: Addresses, subject: str, html: str, subtype: str, charset: str
) -> EmailMessage:
    recipients = addresses_of(to)
    if not recipients:
        raise AirflowException("The e-mail has no recipient. Give an address in `to`.")
    if subtype not in _SUBTYPES:
        known = ", ".join(_SUBTYPES)
        raise AirflowException(f"mime_subtype is {subtype!r}. Make it one of {known}.")
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="airflow-lite.invalid")
    message.set_content(html, subtype="html", charset=charset)
    return message


def _address(
    message: EmailMessage, cc: Addresses | None, bcc: Addresses | None, headers: Mapping[str, Any]
) -> None:
    """Add further recipients; who is in `bcc` gets the message and is not named in it."""
    for name, value in (("Cc", cc), ("Bcc", bcc)):
        if found := addresses_of(value):
            message[name] = ", ".join(found)
    for name, value in headers.items():
        del message[name]
        message[name] = str(value)


def _attach(message: EmailMessage, path: Path, subtype: str) -> None:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    main, _, sub = kind.partition("/")
    add = getattr(message, "add_attachment" if subtype == "mixed" else f"add_{subtype}")
    add(
        path.read_bytes(),
        maintype=main,
        subtype=sub,
        disposition="attachment",
        filename=path.name,
        cid=f"<{path.name}>",
    )


def _went_away(error: Exception) -> bool:
    """Whether the server broke off, and may take the message at another try."""
    code = getattr(error, "smtp_code", None)
    return code == _CLOSING or isinstance(error, smtplib.SMTPServerDisconnected | TimeoutError)


def _advice(error: Exception) -> str:
    known = (text for kind, text in _ANSWERED.items() if isinstance(error, kind))
    return next(known, _UNREACHED)


class SmtpServer(NamedTuple):
    """Where messages are handed in, and how.

    `timeout_s` holds for each step of a try, and no further try begins after it.
    """

    host: str
    port: int
    encrypts_later: bool  # by STARTTLS
    encrypts_at_once: bool
    user: str
    password: str
    timeout_s: float
    tries: int
    checks_certificate: bool

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port})"  # the password is nobody's business

    @classmethod
    def read(cls, config: Config, conn_id: str | None = None) -> SmtpServer:
        """Read [smtp]; a connection `conn_id` gives user and password. Raises `ConfigError`."""
        user, password = config.get("smtp", "smtp_user"), config.get("smtp", "smtp_password")
        connection = conn_id and Connection.get_connection_from_secrets(conn_id, None)
        if connection:
            user, password = connection.login or "", connection.password or ""
        if password:
            mask_secret(password)
        return cls(
            host=config.get("smtp", "smtp_host"),
            port=config.getint("smtp", "smtp_port"),
            encrypts_later=config.getboolean("smtp", "smtp_starttls"),
            encrypts_at_once=config.getboolean("smtp", "smtp_ssl"),
            user=user,
            password=password,
            timeout_s=config.getfloat("smtp", "smtp_timeout"),
            tries=config.getint("smtp", "smtp_retry_limit"),
            checks_certificate=config.get("email", "ssl_context") != "none",
        )

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message in; a server that goes away is tried again.

        Raises `AirflowException`: what was refused, or why the server cannot be reached.
        """
        recipients, latest = message["To"], time.monotonic() + self.timeout_s
        for left in reversed(range(self.tries)):
            try:
                self._deliver(message)
            except (OSError, smtplib.SMTPException) as error:
                is_last = not left or time.monotonic() >= latest
                if is_last or not _went_away(error):
                    raise AirflowException(self._why(recipients, error)) from error
            else:
                return

    def _deliver(self, message: EmailMessage) -> None:
        with self._session() as session:
            if self.encrypts_later and not self.encrypts_at_once:
                session.starttls(context=self._tls())
            if self.user and self.password:
                session.login(self.user, self.password)
            session.send_message(message)

    def _session(self) -> smtplib.SMTP:
        if self.encrypts_at_once:
            return smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout_s, context=self._tls()
            )
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self.checks_certificate:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _why(self, recipients: str, error: Exception) -> str:
        place = f"{self.host}:{self.port}"
        reason = os.fsdecode(getattr(error, "smtp_error", b"")) or str(error) or "no answer in time"
        what = f"The e-mail to {recipients} was not sent by {place}"
        return f"{what}: {reason.rstrip('.')}. {_advice(error)}"
