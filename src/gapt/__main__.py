"""`python -m gapt` is the `gapt` command."""

from gapt.cli import main

if __name__ == "__main__":
    main()
