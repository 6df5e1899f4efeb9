"""Readers of data files, one module a format. Nobody vouches for a file: sizes are checked before room is made."""
