"""Gunicorn's workers: their settings, start, supervision and end."""
