"""The order of the site's sections: as a reader needs them, not as their folders are spelt."""

from __future__ import annotations

from typing import Any

#: Folder, as MkDocs titles it -> the section's title, in the order of the menu.
SECTIONS = {
    "Tutorial": "Tutorial",
    "How to": "How to",
    "Reference": "Reference",
    "Explanation": "Explanation",
    "Adr": "Decisions",
}


def on_nav(nav: Any, config: Any, files: Any) -> Any:
    """Sort and title the sections; pages that stand alone come first."""
    order = {folder: number for number, folder in enumerate(SECTIONS)}
    nav.items.sort(key=lambda item: order.get(item.title, -1) if item.is_section else -2)
    for item in nav.items:
        if item.is_section:
            item.title = SECTIONS.get(item.title, item.title)
    return nav
