"""The log server: serves this machine's log files to other machines."""
