"""Conventions as rules, checked by reading the code, never by running it."""
