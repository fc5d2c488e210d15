"""Documents of what is there: from the DAG objects themselves, dbt's manifest, and what extractors say of themselves."""
