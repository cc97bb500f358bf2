"""`@dag`, `@task` and what they make. Stands above the operators."""
