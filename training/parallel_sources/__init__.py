"""Readers of parallel text, one module for each kind of source."""
