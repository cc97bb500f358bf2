"""LocalKubernetesExecutor of airflow-lite: tasks of some queues run in pods."""
