"""`python -m sync` is the program `tandem`."""

if __name__ == "__main__":
    from sync.cli import main

    main()
