"""A DAG as data, without its author's code: all that store and scheduler read."""
