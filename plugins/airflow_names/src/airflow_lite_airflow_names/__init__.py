"""Airflow's module names, answered by what airflow-lite has; nothing on disk is called airflow."""
