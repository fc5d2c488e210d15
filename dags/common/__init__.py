"""What every DAG of Transload shares. A DAG file itself is a timetable: see `common.pipeline`."""
