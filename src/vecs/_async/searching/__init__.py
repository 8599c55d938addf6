"""Asks what a search plan asks for, and refines the answer."""
