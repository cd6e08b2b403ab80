"""Hostile requests, several hundred: what a client may send, by accident or on purpose.

All are made here, out of pictures that Pillow draws; none does harm to a person who opens it.
"""
