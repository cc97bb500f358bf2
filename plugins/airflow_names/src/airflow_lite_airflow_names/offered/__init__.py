"""What Airflow's modules offer and airflow-lite has not: a module for each subject."""
