"""What pods are and mean: pure functions on JSON."""
