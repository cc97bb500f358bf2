"""The log of a try: reading it, and serving it to other machines."""
