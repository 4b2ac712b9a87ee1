"""`python -m sync` is the program `tandem`."""

import gc

if __name__ == "__main__":
    # All that is imported stays: looking for garbage among it is an eighth of the time to start.
    gc.disable()
    from sync.cli import main

    gc.freeze()
    gc.enable()
    main()
