"""What would keep the server from serving on this machine, and what to change."""
