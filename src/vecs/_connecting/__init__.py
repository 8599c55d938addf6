"""Where to connect, how, and what the errors of connections mean."""
