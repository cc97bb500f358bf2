"""The DAG folder as the scheduler keeps it: looked at, parsed in children, saved."""
