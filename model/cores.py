"""How many threads share the work of a network that runs on processors; for modules with torch and without."""

import os

CORES = os.cpu_count() or 1
