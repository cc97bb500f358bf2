"""airflow.providers_manager: which providers are installed."""

from __future__ import annotations

from typing import Any

from airflow_lite_airflow_names.providers import provider_infos


class ProvidersManager:
    """Tells of providers what they say of themselves."""

    @property
    def providers(self) -> dict[str, Any]:
        """What each says, by its distribution."""
        return {info["package-name"]: info for info in provider_infos()}

    @property
    def hooks(self) -> dict[str, str]:
        """The path of each hook, by the type of its connections."""
        kinds = [kind for info in provider_infos() for kind in info.get("connection-types", ())]
        return {kind["connection-type"]: kind["hook-class-name"] for kind in kinds}

    def initialize_providers_hooks(self) -> None:
        """Do nothing: each is looked up when it is asked for."""
