"""Writes the packaged library under the name by which the Makefile calls it: see `idla.library`."""

import sys

from idla.library import main

if __name__ == "__main__":
    main(sys.argv[1:])
