"""How fast the pipeline is, next to others on the same machine in the same minutes."""
