"""The kit: everything that is tested of every source, as one class of tests.

::

    from transload.testing.kit import SourceUnderTest, kit

    TestCustomer = kit(SourceUnderTest("pestroutes.cli:SOURCE", "customer", ...))
"""

from __future__ import annotations

from typing import Any

from transload.source import Source
from transload.testing.declarations import Declarations
from transload.testing.doubles import Doubles
from transload.testing.kills import Kills
from transload.testing.resources import Resources
from transload.testing.under_test import SourceUnderTest

__all__ = ["SourceUnderTest", "declarations", "kit"]


def declarations(source: Source) -> type[Any]:
    """The tests of what a source declares; bind them as those of ``kit``."""
    return type(
        f"Test declarations of {source.name}", (Declarations,), {"source": source, "__doc__": "What is declared."}
    )


def kit(under: SourceUnderTest) -> type[Any]:
    """The tests of one stream of a source.

    Args:
        under: the stream, and how it is run.

    Returns:
        A class for pytest: bind it to a name that begins with ``Test``.
    """
    return type(
        f"Test {under.title}", (Kills, Doubles, Resources), {"under": under, "__doc__": f"The kit on {under.title}."}
    )
