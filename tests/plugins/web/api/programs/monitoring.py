"""Ask how the server is, which version it has, what is wrong with DAG files, what happened."""

from __future__ import annotations

from airflow_client.client.api import (
    dag_warning_api,
    event_log_api,
    import_error_api,
    monitoring_api,
)


def main(client):
    monitoring = monitoring_api.MonitoringApi(client)
    health = monitoring.get_health()
    errors_api = import_error_api.ImportErrorApi(client)
    errors = errors_api.get_import_errors()
    error = errors_api.get_import_error(errors.import_errors[0].import_error_id)
    events_api = event_log_api.EventLogApi(client)
    events = events_api.get_event_logs(
        dag_id="failing", task_id="fail", event="failed", order_by="-event_log_id"
    )
    event = events_api.get_event_log(events.event_logs[0].event_log_id)
    warnings = dag_warning_api.DagWarningApi(client).get_dag_warnings(dag_id="hourly")
    return [
        f"database {health.metadatabase.status}, scheduler {health.scheduler.status}",
        f"version {monitoring.get_version().version.split('.')[0]}",
        f"{errors.total_entries} broken: {'no_such_module_here' in error.stack_trace}",
        f"{event.dag_id}.{event.task_id} try {event.try_number}: {event.event}",
        *(f"{each['warning_type']}: {each['message']}" for each in warnings.dag_warnings),
    ]


EXPECTED = [
    "database healthy, scheduler unhealthy",
    "version 0",
    "1 broken: True",
    "failing.fail try 2: failed",
    "non-existent pool: Dag 'hourly' references non-existent pools: ['nowhere']",
]
