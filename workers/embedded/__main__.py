"""`python -m workers.embedded serve HOME`: the keeper of the servers of one home."""

import sys

from workers.embedded.keeper import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
