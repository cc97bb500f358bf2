"""From a DAG file to data: files are found, imported in children, and serialised."""
