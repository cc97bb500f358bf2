"""Make Variables, change one, and delete them; a secret's value is not told."""

from __future__ import annotations

from airflow_client.client.api import variable_api
from airflow_client.client.model.variable import Variable


def main(client):
    api = variable_api.VariableApi(client)
    api.post_variables(Variable(key="city", value="Bern"))
    api.post_variables(Variable(key="api_key", value="s3cret-s3cret"))
    changed = api.patch_variable("city", Variable(key="city", value="Chur"))
    listed = api.get_variables(order_by="key")
    shown = [f"{each.key}={each.value}" for each in listed.variables]
    for each in listed.variables:
        api.delete_variable(each.key)
    return [f"{changed.key} is {changed.value}", f"{shown}", f"{api.get_variables().total_entries}"]


EXPECTED = ["city is Chur", "['api_key=***', 'city=Chur']", "0"]
