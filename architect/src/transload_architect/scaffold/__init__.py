"""A new source out of its specification: all of its files, and the lines that others need for it."""
