"""A DAG as data, which is all that store and scheduler read: no code of an author's."""
