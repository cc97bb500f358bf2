"""BaseNotifier: a callback that sends something, with templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_lite.task_logger import task_logger

if TYPE_CHECKING:
    import logging
    from collections.abc import MutableMapping

    import jinja2

#: What Airflow hands to a callback of a missed SLA, in this order.
_OF_SLA = ("dag", "task_list", "blocking_task_list", "slas", "blocking_tis")


class BaseNotifier:
    """A callback with templates: a subclass keeps what it sends, and sends it in `notify`.

    An instance is handed to any argument that takes callbacks. The names are Airflow's.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    _dag: Any = None

    def __init__(self) -> None:
        """Do nothing: subclasses call it, as Airflow's has to be called."""

    @property
    def log(self) -> logging.Logger:
        """The logger of this notifier, whose lines go where the callback's do."""
        kind = type(self)
        return task_logger().getChild(f"{kind.__module__}.{kind.__name__}")

    def notify(self, context: Any) -> None:
        """Send it: for subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} has no method notify(context).")

    def render_template_fields(
        self, context: Any, jinja_env: jinja2.Environment | None = None
    ) -> None:
        """Render the attributes that `template_fields` names, in place."""
        from airflow_lite.authoring.render import Renderer

        self._dag = context.get("dag")
        renderer = Renderer(self, context, jinja_env)
        for name in self.template_fields:
            renderer.render_field(self, name)

    def get_dag(self) -> Any:
        """Return the DAG, whose settings hold for the templates."""
        return self._dag

    def __call__(self, *args: Any) -> None:
        """Render, then notify; what goes wrong with sending is logged.

        It is called with a context, to which the fields are added as they were written.
        """
        context: MutableMapping[str, Any] = (
            args[0] if len(args) == 1 else dict(zip(_OF_SLA, args, strict=True))
        )
        context.update({name: getattr(self, name) for name in self.template_fields})
        self.render_template_fields(context)
        try:
            self.notify(context)
        except Exception:
            self.log.exception("Failed to send notification")
