"""Keys and signatures. Imports neither the store nor what it signs."""
