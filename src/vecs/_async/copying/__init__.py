"""Collections copied from one target to another."""
