"""Tests of the client's folder."""
