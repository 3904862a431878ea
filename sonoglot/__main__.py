"""Lets ``python -m sonoglot`` do what the ``sonoglot`` command does."""

from sonoglot.cli import main

main()
