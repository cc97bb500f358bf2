"""What an author writes: DAG, operators, sensors, decorators. Without store or scheduler."""
