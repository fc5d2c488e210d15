"""A specification to begin with."""

EXAMPLE = """\
# What is required of a pipeline. `architect design` makes an architecture of it, `architect new` the files.
source: acme                     # lower case and digits: a command, a module, a table and a Secret have this name
title: Acme
time_zone: UTC                   # of the schedules
limits: {calls_per_day: 10000, calls_per_minute: 60, reserve_percent: 20}  # {}: none; also megabytes_per_day, pod_share_percent
call: {records: 1000, seconds: 0.5}                                        # of an answer; also ids (of a search's), export_minutes
environments: {staging: {}, production: {}}                                # also local; settings of any name in each
consumers: [sales reports]
dbt_minutes: 5                   # that building the models takes
schedules:                       # optional: the DAG files that there may be; without, they follow from the streams
  intraday: {every: 30 minutes, hours: 6-20}
  daily: {at: "03:00"}
  weekly: {at: "04:00", day: SUN, full: true}     # loads everything anew; day may be 1 to 28, of the month
streams:
  # rows, bytes of one, how many change a day; the fields by which changes are found; how old the data may become
  customer: {rows: 100000, bytes: 400, changes_per_day: 1000, found_by: updatedAt, freshness: 30 hours, deletes: hidden}
  visit: {rows: 50000, bytes: 300, changes_per_day: 2000, found_by: [updatedAt, createdAt], look_back: 15 minutes,
    freshness: 1 hour, deletes: told, told_by: deletedVisit, primary_key: [visitId]}
  deletedVisit: {rows: 500, bytes: 50, changes_per_day: 5, found_by: deletedAt, freshness: 1 hour}
  shop: {rows: 50, bytes: 200, changes_per_day: 1, found_by: nothing, freshness: 8 days,
    decided: {also_in: {is: daily, why: "people against a rule: also size, and full_refresh: never"}}}
# deletes: none; hidden, which only a full load shows; or told, by another stream. transport: pages, or export.
"""
