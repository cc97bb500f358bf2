"""Airflow 2.10's stable REST API, as tables: what may be asked, and what is answered."""
