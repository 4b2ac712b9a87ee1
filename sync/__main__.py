"""`python -m sync` is the program `tandem`."""

from sync.cli import main

if __name__ == "__main__":
    main()
