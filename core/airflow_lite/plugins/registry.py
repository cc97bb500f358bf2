"""The plugins that were imported, and calls of their hooks that isolate one from the other."""

from __future__ import annotations

import logging
from collections import Counter
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.plugins.discovery.model import PluginError
from airflow_lite.text import nearest

if TYPE_CHECKING:
    import pluggy

logger = logging.getLogger(__name__)


class HookResult(NamedTuple):
    """What one plugin's hook returned; `owner` is the plugin's `name (version)`."""

    owner: str
    value: Any


class Registry:
    """The modules of plugins, by their owners' titles; pluggy finds and checks their hooks.

    `failures` counts the calls that raised, by owner.
    """

    def __init__(self) -> None:
        import pluggy

        from airflow_lite.api import hookspecs

        self._manager: pluggy.PluginManager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._hooks = sorted(vars(self._manager.hook))
        self.failures: Counter[str] = Counter()

    def register(self, module: Any, owner: str) -> None:
        """Take a plugin's module; raise `PluginError` if it cannot be one.

        A hook that this version does not have is logged as a warning and ignored.
        """
        import pluggy

        if not isinstance(module, ModuleType):
            kind = type(module).__name__
            raise PluginError(f"Plugin {owner} is a {kind}, not a module. Tell its author.")
        if self._manager.has_plugin(owner):
            return
        try:
            self._manager.register(module, owner)
        except (pluggy.PluginValidationError, ValueError) as error:
            self._manager.unregister(name=owner)
            reason = " ".join(str(error).split())
            raise PluginError(f"Plugin {owner} has a wrong hook: {reason}") from None
        self._check(owner, module)

    def _check(self, owner: str, module: ModuleType) -> None:
        for caller in self._manager.get_hookcallers(module) or ():
            own = [hook for hook in caller.get_hookimpls() if hook.plugin is module]
            if any(hook.wrapper or hook.hookwrapper for hook in own):
                self._manager.unregister(name=owner)
                raise PluginError(
                    f"Plugin {owner} wraps the hook {caller.name!r}, which no plugin may. "
                    "Tell its author."
                )
            if caller.name not in self._hooks:
                near = nearest(caller.name, self._hooks)
                hint = f" Did its author mean {near[0]!r}?" if near else ""
                logger.warning("Plugin %s has an unknown hook %r.%s", owner, caller.name, hint)

    def call(self, hook: str, **arguments: Any) -> list[HookResult]:
        """Call every plugin's `hook`; one that raises is logged and counted, and left out."""
        answers = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            owner = implementation.plugin_name
            try:
                value = implementation.function(
                    *(arguments[name] for name in implementation.argnames)
                )
            except (Exception, SystemExit):
                self.failures[owner] += 1
                logger.exception("Plugin %s: its hook %s raised", owner, hook)
            else:
                answers.append(HookResult(owner, value))
        return answers

    def has(self, hook: str) -> bool:
        """Return whether any plugin implements `hook`."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())
