"""Finds, creates and alters the tables of collections."""
