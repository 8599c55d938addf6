"""The map of a collection: where its records are drawn, and in which colours. Nothing here awaits or serves."""
