"""dlt: its rest_api source to its filesystem destination, as JSON lines, gzipped. Run by an environment of its own.

Configured by what its page on performance names; the settings of stages are environment variables, which
tests/benchmarks/race/contestants.py sets.
"""

from __future__ import annotations

import sys

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, bucket_url: str, folder: str, offices: int) -> None:
    """Load all records: a resource an office, so that they are fetched side by side."""
    resources = [
        {
            "name": f"records_{office}",
            "table_name": "records",
            "primary_key": "id",
            "write_disposition": "append",
            "parallelized": True,
            # Nested values stay JSON within their record, as in all other contestants: no tables of children.
            "max_table_nesting": 0,
            "endpoint": {
                "path": "records",
                "params": {"office": office} if offices > 1 else {},
                "paginator": {"type": "json_link", "next_url_path": "next"},
                "data_selector": "records",
            },
        }
        for office in range(1, offices + 1)
    ]
    source = rest_api_source({"client": {"base_url": url}, "resources": resources})
    pipeline = dlt.pipeline(
        "race",
        pipelines_dir=folder,
        destination=dlt.destinations.filesystem(bucket_url=bucket_url),
        dataset_name="race",
    )
    pipeline.run(source, loader_file_format="jsonl")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
