"""What is installed beside airflow-lite: its plugins, and Airflow's providers."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

from airflow_lite.cli.core_commands import CORE_NAMES
from airflow_lite.plugins.probing import quarantine
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import PAGE, Endpoint
from airflow_lite_web.api.records import Field, Listing, Record, always, text
from airflow_lite_web.api.types import OBJECT, TEXTS, list_of

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

#: What plugins of Airflow have, and ours have not.
_NOTHING = (
    "hooks",
    "macros",
    "flask_blueprints",
    "global_operator_extra_links",
    "operator_extra_links",
    "ti_deps",
    "listeners",
    "timetables",
)
_PROVIDER = "apache-airflow-providers-"
PLUGIN = Record(
    "PluginCollectionItem",
    {
        "name": text(is_nullable=False),
        "executors": Field(TEXTS),
        "source": text(),
        **dict.fromkeys(_NOTHING, always(TEXTS, [])),
        "appbuilder_views": always(list_of(OBJECT), []),
        "appbuilder_menu_items": always(list_of(OBJECT), []),
    },
)
PLUGINS = Listing("PluginCollection", "plugins", PLUGIN)
PROVIDER = Record("Provider", {"package_name": text(), "description": text(), "version": text()})
PROVIDERS = Listing("ProviderCollection", "providers", PROVIDER)


def get_plugins(call: Call) -> Page:
    """Return a page of the plugins; none is imported for it."""
    found = [
        {
            "name": plugin.distribution,
            "executors": [entry.name for entry in plugin.executors],
            "source": f"{plugin.distribution}=={plugin.version}",
        }
        for plugin in quarantine.known_plugins(call.config, CORE_NAMES)
    ]
    return Page(found[call["offset"] :][: call["limit"]], len(found))


def get_providers(_: Call) -> Page:
    """Return Airflow's providers that are installed here."""
    rows: dict[str, dict[str, Any]] = {}
    for each in distributions():
        name = (each.metadata["Name"] or "").lower()
        if name.startswith(_PROVIDER):
            summary = each.metadata["Summary"] or ""
            rows[name] = {"package_name": name, "description": summary, "version": each.version}
    return Page([rows[name] for name in sorted(rows)], len(rows))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/plugins",
        "get_plugins",
        "Plugin",
        "List the plugins",
        get_plugins,
        PLUGINS,
        PAGE,
        role=Role.OPERATOR,
    ),
    Endpoint(
        "GET",
        "/providers",
        "get_providers",
        "Provider",
        "List Airflow's providers that are installed",
        get_providers,
        PROVIDERS,
    ),
)
