"""What a cluster is given to run a scheduler, as text: `airflow-lite kubernetes manifests`."""
