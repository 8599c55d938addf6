"""`python -m vecs`, where the command is not on the path."""

from vecs.cli import main

if __name__ == "__main__":
    main()
