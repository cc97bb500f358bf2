"""The loop of one scheduler: what it is made of, its turns, its end."""
