"""What a machine needs around the daemon: its installer, and what watches it from outside."""
