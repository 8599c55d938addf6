"""`python -m vecs`, for machines on which the command `vecs` is not on the path."""

from vecs.cli import main

if __name__ == "__main__":
    main()
