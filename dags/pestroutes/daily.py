"""PestRoutes every night: all that the vendor tells the changes of, and the offices."""

from datetime import timedelta

# Named here though only `common` uses it: the dag-processor loads ahead what a DAG file itself names, 0.1 s for 6 s.
import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from common.pipeline import backfill_params, defaults, extraction, transformation

# The intraday streams too, which costs nothing (a window starts where the last commit ended) and closes their night.
STREAMS = {
    "large": ("customer", "subscription", "appointment", "spot", "changelog"),
    "medium": (
        *("route", "ticket", "ticketItem", "payment", "appliedPayment", "note", "task", "contract", "document"),
        *("appointmentReminder", "chemicalUse", "paymentProfile", "genericFlagAssignment", "knock", "timeClock"),
    ),
    "small": (
        *("office", "employee", "employeeLocation", "form", "genericFlag", "group", "diagram", "review", "door"),
        *("disbursement", "disbursementItem", "chargeback", "timeClockCategory", "servicePlan", "servicePlanRound"),
    ),
}

with DAG(
    "pestroutes_daily",
    description="Every stream with a cursor: what changed since the last commit",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="America/Los_Angeles"),
    params=backfill_params(STREAMS),
    **defaults("pestroutes", done_within=timedelta(hours=4)),
):
    extraction("pestroutes", STREAMS) >> transformation("pestroutes")
