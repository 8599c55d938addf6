"""Writes records."""
