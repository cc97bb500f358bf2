"""What the REST API asks for: pages of rows, filtered and ordered as its caller wants them."""
