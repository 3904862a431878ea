"""Measurements of speed, each beside what one would write without thinking of it; README.md says how to run them."""
