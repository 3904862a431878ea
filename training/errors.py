"""What can go wrong in training and evaluation. Messages say what was wrong, where, and what to do."""


class TrainingError(Exception):
    """The base of this package's errors; the command line prints its message and exits 1."""
