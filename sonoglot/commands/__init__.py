"""One module for each command. At the top they import only what is quick; the rest inside, when a command
runs."""
