"""The streams of PestRoutes: one an entity."""

from __future__ import annotations

from datetime import timedelta

from pestroutes.entities import ENTITIES, Entity
from pestroutes.schema import schema, sensitive_fields
from transload.source import Stream

# How late a change may show up in a search: what the ETL over many offices takes (sources/pestroutes.md §5).
LOOK_BACK = timedelta(minutes=15)


def _stream(entity: Entity) -> Stream:
    return Stream(
        name=entity.name,
        description=entity.about,
        primary_key=entity.key,
        cursor=entity.cursor,
        modes=("incremental", "full") if entity.changes else ("full",),
        schema=schema(entity),
        look_back=LOOK_BACK,
        sensitive=sensitive_fields(entity),
        detail=entity,
    )


STREAMS: tuple[Stream, ...] = tuple(_stream(entity) for entity in ENTITIES)
