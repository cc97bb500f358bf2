"""airflow-lite in a browser: pages that are made on the server, and the REST API."""
