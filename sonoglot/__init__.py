"""The command line: argument parsing, tables and progress bars, and nothing else."""
