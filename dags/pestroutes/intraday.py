"""PestRoutes in business hours: what dispatchers and cashiers look at, every half hour."""

from datetime import timedelta

# Named here though only `common` uses it: the dag-processor loads ahead what a DAG file itself names, 0.1 s for 6 s.
import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from common.pipeline import backfill_params, defaults, extraction, transformation

STREAMS = {
    "large": ("appointment", "spot"),
    "medium": ("route", "ticket", "ticketItem", "payment", "appliedPayment"),
}

with DAG(
    "pestroutes_intraday",
    description="Appointments, routes, tickets and payments, every half hour in business hours",
    schedule=CronDataIntervalTimetable("*/30 6-20 * * *", timezone="America/Los_Angeles"),
    params=backfill_params(STREAMS),
    **defaults("pestroutes", done_within=timedelta(hours=1)),
):
    extraction("pestroutes", STREAMS) >> transformation("pestroutes")
