"""What an author writes: DAG, operators, sensors, decorators. Knows no store and no scheduler."""
