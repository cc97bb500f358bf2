"""E-mail: one message over SMTP, and the one that tells of a task's failure."""
