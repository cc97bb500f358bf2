"""Keys and signatures. Knows neither the store nor what it signs."""
