"""How a benchmark's figures are printed."""

from __future__ import annotations


def report(name: str, value: str, target: str, *, met: bool) -> bool:
    """Print one line; returns whether the target is met."""
    print(f"{name:<58}{value:>24}   target {target:<12}{'met' if met else 'NOT MET'}", flush=True)
    return met
