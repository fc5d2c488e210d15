"""What proves that a source is exactly-once, resumable and small: see docs/testing-a-source.md. In no wheel and in no image.

Nothing is imported here: the launcher, which every test process begins with, must be as light as the command.
"""
