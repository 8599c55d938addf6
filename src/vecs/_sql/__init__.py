"""The statements vecs sends: values in, Fragment out. No connection is known here."""
