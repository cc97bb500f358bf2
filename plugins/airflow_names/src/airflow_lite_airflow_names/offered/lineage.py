"""airflow.lineage.hook: hooks tell what they read and write, and nobody keeps it."""

from __future__ import annotations

from typing import Any, ClassVar


class NoOpCollector:
    """Takes what hooks tell of what they read and write."""

    #: Providers look for it, and teach a collector that lacks it.
    _extra: ClassVar[dict[str, Any]] = {}

    def add_input_dataset(self, *args: Any, **kwargs: Any) -> None:
        """Keep nothing."""

    create_dataset = create_asset = add_extra = add_input_dataset
    add_output_dataset = add_input_asset = add_output_asset = add_input_dataset

    @property
    def collected_datasets(self) -> None:
        """Nothing."""
        return None

    collected_assets = collected_datasets

    @property
    def has_collected(self) -> bool:
        """Whether there is anything."""
        return False


def get_hook_lineage_collector() -> NoOpCollector:
    """Return what keeps nothing."""
    return NoOpCollector()
