"""The clients of other servers' protocols, as their makers publish them, against a real server."""
