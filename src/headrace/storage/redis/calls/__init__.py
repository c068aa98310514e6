"""The commands of a family, a module each: as the arguments of their scripts, and what these answer as replies."""
