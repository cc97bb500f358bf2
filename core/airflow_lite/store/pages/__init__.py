"""What the pages of the web server show, each in as many statements whatever the store holds."""
