"""Tests of llama-index-vector-stores-vecs."""
