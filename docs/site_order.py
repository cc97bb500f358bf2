"""The site's menu: pages in the order in which they are needed, how-tos by their reader."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

#: Folder, as MkDocs titles it -> the section's title, in the order of the menu.
SECTIONS = {
    "Tutorial": "Tutorial",
    "How to": "How to",
    "Reference": "Reference",
    "Explanation": "Explanation",
    "Adr": "Decisions",
}
#: The groups of the how-tos. A page that is in none of them stands in the first.
HOW_TO = {
    "Run it": (
        "install",
        "run-as-a-service",
        "use-the-web-page",
        "why-a-task-does-not-run",
        "clear-and-rerun",
        "backfill",
        "monitor",
        "use-the-rest-api",
        "watch-with-metrics",
        "clean-up",
        "back-up-move-and-upgrade",
        "use-postgresql",
        "move-to-postgresql",
        "run-several-schedulers",
        "back-up-postgresql",
        "read-logs-of-other-machines",
        "run-on-celery",
        "run-on-kubernetes",
        "run-on-dask",
        "ship-dags-pickled",
        "report-to-sentry",
        "complete-commands",
    ),
    "Write DAGs": (
        "move-from-airflow",
        "debug-a-dag",
        "schedule-a-dag",
        "write-a-timetable",
        "schedule-by-datasets",
        "use-another-python",
        "retry-and-alert",
        "send-e-mail",
        "use-params",
        "pass-data-between-tasks",
        "map-tasks",
        "wait-with-sensors",
        "start-other-dags",
        "wait-without-a-process",
        "use-variables-and-connections",
        "hide-secrets",
        "limit-with-pools",
    ),
    "Write executors": (
        "publish-an-executor",
        "adopt-revoke-and-tell-logs",
        "test-an-executor",
        "move-an-executor",
    ),
}


#: The page that a section begins with.
FIRST = ("supported",)


def on_nav(nav: Any, config: Any, files: Any) -> Any:
    """Sort and title the sections; pages that stand alone come first."""
    order = {folder: number for number, folder in enumerate(SECTIONS)}
    nav.items.sort(key=lambda item: order.get(item.title, -1) if item.is_section else -2)
    for item in nav.items:
        if item.is_section:
            item.title = SECTIONS.get(item.title, item.title)
            item.children.sort(key=lambda page: _name(page) not in FIRST)
            if item.title == "How to":
                _group(item)
    _chain(nav)
    return nav


def _group(section: Any) -> None:
    """Put the how-tos into their groups, in the order that stands above."""
    places = {name: (group, at) for group, names in HOW_TO.items() for at, name in enumerate(names)}
    elsewhere = (next(iter(HOW_TO)), len(places))
    groups: dict[str, list[Any]] = {title: [] for title in HOW_TO}
    for page in sorted(section.children, key=lambda page: places.get(_name(page), elsewhere)[1]):
        groups[places.get(_name(page), elsewhere)[0]].append(page)
    kind = type(section)
    section.children = [kind(title, pages) for title, pages in groups.items() if pages]
    for group in section.children:
        group.parent = section
        for page in group.children:
            page.parent = group


def _name(page: Any) -> str:
    return PurePosixPath(page.file.src_uri).stem


def _chain(nav: Any) -> None:
    """Let "previous" and "next" go by the menu."""
    nav.pages = [page for item in nav.items for page in _pages(item)]
    neighbours = [None, *nav.pages, None]
    for before, page, after in zip(neighbours, nav.pages, neighbours[2:], strict=False):
        page.previous_page, page.next_page = before, after


def _pages(item: Any) -> list[Any]:
    if not item.is_section:
        return [item]
    return [page for child in item.children for page in _pages(child)]
