"""What authors may give DAGs and operators: checks, defaults, params, Airflow's own list."""
