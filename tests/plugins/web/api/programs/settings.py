"""Read the settings, and what is installed."""

from __future__ import annotations

from airflow_client.client.api import config_api, plugin_api, provider_api


def main(client):
    api = config_api.ConfigApi(client)
    section = api.get_config(section="core").sections[0]
    value = api.get_value("core", "parallelism").sections[0].options[0]
    plugins = plugin_api.PluginApi(client).get_plugins()
    providers = provider_api.ProviderApi(client).get_providers()
    return [
        f"{section.name} has fernet_key: {dict_of(section)['fernet_key'] in {'', '***'}}",
        f"{value.key} = {value.value}",
        f"web is there: {'airflow-lite-web' in [each.name for each in plugins.plugins]}",
        f"providers: {isinstance(providers['providers'], list)}",
    ]


def dict_of(section):
    return {option.key: option.value for option in section.options}


EXPECTED = [
    "core has fernet_key: True",
    "parallelism = 32",
    "web is there: True",
    "providers: True",
]
