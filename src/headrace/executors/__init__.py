"""Where the function of a task runs."""
