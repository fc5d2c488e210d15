"""Local stand-ins for vendors' APIs, as faithful as shared knowledge of them allows."""
