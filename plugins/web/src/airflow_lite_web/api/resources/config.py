"""The settings, with the values of those that are secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse

from airflow_lite.secrets_masker import shown_option
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import Endpoint, Parameter
from airflow_lite_web.api.problems import NotFound, answer
from airflow_lite_web.api.records import Record, nested_list, text
from airflow_lite_web.api.resources.logs import PLAIN, wanted_type
from airflow_lite_web.api.types import TEXT

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

OPTION = Record("ConfigOption", {"key": text(is_nullable=False), "value": text(is_nullable=False)})
SECTION = Record("ConfigSection", {"name": text(is_nullable=False), "options": nested_list(OPTION)})
CONFIG = Record("Config", {"sections": nested_list(SECTION)})


def _sections(call: Call) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for option in call.config.options():
        value = call.config.get(option.section, option.name)
        shown = shown_option(option.name, value)
        sections.setdefault(option.section, {})[option.name] = shown
    return sections


def get_config(call: Call) -> Any:
    """Return all settings, or those of a section."""
    sections, name = _sections(call), call["section"]
    if name is not None and name not in sections:
        raise NotFound(f"There is no section [{name[:60]}].", "section not found")
    return _answer(call, sections if name is None else {name: sections[name]})


def get_value(call: Call) -> Any:
    """Return one setting."""
    section, option = call["section"], call["option"]
    value = _sections(call).get(section, {}).get(option)
    if value is None:
        raise NotFound(
            f"There is no option {option[:60]!r} in [{section[:60]}].", "Config not found"
        )
    return _answer(call, {section: {option: value}})


def _answer(call: Call, sections: dict[str, dict[str, str]]) -> Any:
    wanted = wanted_type(call.accept)
    if wanted is None:
        return answer(406, "Settings are given as application/json or text/plain.")
    if wanted == PLAIN:
        return PlainTextResponse("\n".join(_lines(sections)))
    rows = [
        {"name": name, "options": [{"key": key, "value": value} for key, value in of.items()]}
        for name, of in sections.items()
    ]
    return {"sections": rows}


def _lines(sections: dict[str, dict[str, str]]) -> list[str]:
    return [
        line
        for name, options in sections.items()
        for line in (f"[{name}]", *(f"{key} = {value}" for key, value in options.items()), "")
    ]


ENDPOINTS = (
    Endpoint(
        "GET",
        "/config",
        "get_config",
        "Config",
        "List the settings",
        get_config,
        CONFIG,
        (Parameter("section", TEXT),),
        role=Role.ADMIN,
        media_types=(PLAIN,),
    ),
    Endpoint(
        "GET",
        "/config/section/{section}/option/{option}",
        "get_value",
        "Config",
        "Show a setting",
        get_value,
        CONFIG,
        role=Role.ADMIN,
        media_types=(PLAIN,),
    ),
)
