"""The log of one try: its file, the streams that write to it, where it lies."""
