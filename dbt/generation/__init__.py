"""What dbt/generate.py is made of: it writes a source's dbt declaration and its staging models."""
