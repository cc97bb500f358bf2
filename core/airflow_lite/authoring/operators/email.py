"""EmailOperator: a task that sends an e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional, rendered
from airflow_lite.authoring.operator import BaseOperator


class EmailOperator(BaseOperator):
    """A task that sends one HTML message, with `files` attached, as `[smtp]` says.

    Addresses are a list, or a text that separates them by `,` or `;`. `conn_id` names a connection
    whose login and password are used.
    """

    template_fields: Sequence[str] = ("to", "subject", "html_content", "files")
    template_ext: Sequence[str] = (".html",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"html_content": "html"}
    ui_color = "#e6faf9"

    to = Argument(rendered(checks.addresses))
    subject = Argument(rendered(checks.text))
    html_content = Argument(rendered(checks.text))
    files = Argument(optional(rendered(checks.names)))
    cc = Argument(optional(checks.addresses))
    bcc = Argument(optional(checks.addresses))
    mime_subtype = Argument(checks.text)
    mime_charset = Argument(checks.text)
    conn_id = Argument(optional(checks.text))
    custom_headers = Argument(optional(checks.mapping))

    def __init__(
        self,
        *,
        to: list[str] | str,
        subject: str,
        html_content: str,
        files: list[str] | None = None,
        cc: list[str] | str | None = None,
        bcc: list[str] | str | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        conn_id: str | None = None,
        custom_headers: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(EmailOperator, locals())

    def execute(self, context: Any) -> None:
        """Send it; raise `AirflowException` if it was not taken."""
        from airflow_lite.authoring.mail.send import send_email

        send_email(
            self.to,
            self.subject,
            self.html_content,
            files=self.files,
            cc=self.cc,
            bcc=self.bcc,
            mime_subtype=self.mime_subtype,
            mime_charset=self.mime_charset,
            conn_id=self.conn_id,
            custom_headers=self.custom_headers,
        )
