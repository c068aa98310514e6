"""Headrace: a durable job queue for Python."""
