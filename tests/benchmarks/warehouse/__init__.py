"""dbt over a lake, in DuckDB: the staging model of PestRoutes' customers against a bare read, few loads against many, `dbt parse`.

- ``lakes``: what is staged; ``command``: makes it, has it measured, and prints.
- ``staging``: what is measured, run where dbt is installed.
"""
