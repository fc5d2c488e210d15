"""The PestRoutes sandbox: a local server that behaves as far as the vendor's API is known."""

from __future__ import annotations

from sandbox.pestroutes.sandbox import PestRoutesSandbox

__all__ = ["PestRoutesSandbox"]
