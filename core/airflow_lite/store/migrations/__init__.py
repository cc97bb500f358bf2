"""Steps from one revision of the store to the next, run by `airflow_lite.store.migrate`."""
