"""The compose topology as local processes, for machines without Docker."""
