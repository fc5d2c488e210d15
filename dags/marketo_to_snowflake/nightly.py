"""Marketo every night: every stream, in the first hours of the vendor's day."""

from datetime import timedelta

# Named here though only `common` uses it: the dag-processor loads ahead what a DAG file itself names, 0.1 s for 6 s.
import airflow.providers.cncf.kubernetes.operators.pod  # noqa: F401
from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from common.pipeline import backfill_params, defaults, extraction, transformation

# The hourly streams too: leads and what they did are then known up to one moment, and it costs their look-back, an hour.
# A custom object is a name more among the large: "custom_object_car_c".
STREAMS = {
    "large": ("leads", "activities", "program_members"),  # wait for exports: members for one per ten programs
    "medium": ("deleted_leads", "lead_changes"),
    "small": (
        *("programs", "campaigns", "smart_campaigns", "lists", "static_lists", "smart_lists", "emails", "forms"),
        *("landing_pages", "channels", "tags", "folders", "segmentations", "activity_types"),
    ),
}

# At midnight in Chicago the quotas are whole again: what is largest takes its megabytes before the hours of the day do.
with DAG(
    "marketo_nightly",
    description="Every stream: what changed since the last commit, and all of what tells no changes",
    schedule=CronDataIntervalTimetable("30 0 * * *", timezone="America/Chicago"),
    params=backfill_params(STREAMS),
    **defaults("marketo", done_within=timedelta(hours=6)),
):
    extraction("marketo", STREAMS) >> transformation("marketo")
