"""The architect: plans a pipeline from requirements, makes it, checks it, and documents it."""

__version__ = "0.1.0"
