"""Moving all that a store holds into another one, by way of a file."""
