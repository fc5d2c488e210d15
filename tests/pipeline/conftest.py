"""Every test here begins without settings from outside."""

import pytest


@pytest.fixture(autouse=True)
def _clean(clean_environment: None) -> None:
    """See the conftest at the root."""
