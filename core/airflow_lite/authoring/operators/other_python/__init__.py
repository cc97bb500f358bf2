"""Tasks whose function is called by another Python than the worker's."""
