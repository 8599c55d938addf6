"""Files read as records: which there are, what is in them, and what is wrong with them."""
