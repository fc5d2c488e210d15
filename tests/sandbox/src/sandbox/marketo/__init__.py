"""The Marketo sandbox: a local server that behaves as far as the vendor's API is known."""

from __future__ import annotations

from sandbox.marketo.sandbox import MarketoSandbox

__all__ = ["MarketoSandbox"]
