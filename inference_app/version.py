"""The version of the server, of its images and of its API."""

__version__ = "0.1.0"
