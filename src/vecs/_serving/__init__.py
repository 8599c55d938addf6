"""The page of the map: a small server on this machine, what it answers, and the page itself."""
