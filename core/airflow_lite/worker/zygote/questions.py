"""What a DAG file asks the store for while its zygote imports it: the host answers."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AirflowException
from airflow_lite.parsing.secrets import VARIABLE
from airflow_lite.processes.packing import packed, receive, send
from airflow_lite.worker.messages import TO_ZYGOTE, Answer, Ask, GetConnection, GetVariable
from airflow_lite.worker.task.line import ANSWER_TIMEOUT_S

if TYPE_CHECKING:
    from airflow_lite.processes.channel import Channel


class HostQuestions:
    """Questions over the zygote's channel, on which nothing else comes until the file is parsed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = 0

    def ask(self, kind: str, name: str) -> Any:
        """Return a Variable's value or a connection's fields; end with the host if it is gone.

        Raises `AirflowException` where there is no answer.
        """
        question = GetVariable(name) if kind == VARIABLE else GetConnection(name)
        self._number += 1
        send(self._channel, Ask(self._number, packed(question)))
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while (left_s := deadline - time.monotonic()) > 0:
            writing = [self._channel] if self._channel.has_unsent else []
            select.select([self._channel], writing, [], left_s)
            self._channel.flush()
            answer = self._received()
            if answer is not None and answer.error is not None:
                raise AirflowException(answer.error)
            if answer is not None:
                return answer.value
        raise AirflowException(f"The task host did not answer within {ANSWER_TIMEOUT_S:g} s.")

    def _received(self) -> Answer | None:
        for message in receive(self._channel, TO_ZYGOTE):
            if isinstance(message, Answer) and message.number == self._number:
                return message
        if self._channel.is_closed:
            os._exit(0)
        return None
