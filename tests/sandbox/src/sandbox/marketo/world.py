"""One made-up tenant: a function of seed, size, first moment and the moves of the clock since."""

from __future__ import annotations

import threading

from sandbox.clock import Clock, parse_instant
from sandbox.marketo.activities import Activities
from sandbox.marketo.assets import Assets
from sandbox.marketo.events import Events
from sandbox.marketo.leads import Leads
from sandbox.marketo.members import Members
from sandbox.marketo.objects import Objects
from sandbox.marketo.settings import Settings
from sandbox.marketo.timeline import HOUR, Pulse, Timeline
from sandbox.values import DAY, salt

WARM_UP = 7  # days before the first moment in which leads already change


class World:
    """All data."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        now = parse_instant(settings.now)
        self.clock = Clock(now)
        self.lock = threading.RLock()
        start = (now - settings.history_days * DAY) // HOUR * HOUR
        self.timeline = Timeline(start, now)
        history = self.timeline.live
        since = max(0, history - WARM_UP * DAY)
        seed, count = settings.seed, settings.records
        self.events = Events(seed, count, settings.changes, self.timeline, since)
        # Half of the leads are older than the first activity.
        made = Pulse(salt(seed, "lead times"), count, max(1, 2 * since), -since)
        self.leads = Leads(seed, self.events, self.timeline, made, self.timeline.instant(since))
        self.activities = Activities(seed, self.leads, self.timeline, settings.activities, settings.late_minutes)
        self.assets = Assets(seed, self.timeline)
        self.members = Members(seed, self.leads)
        self.objects = Objects(seed, self.leads)
        self.events.run()

    def advance(self, now: int, changes: bool = True) -> dict[str, dict[str, int]]:
        """Move the clock. Leads change, and activities come, as time goes by; without `changes` nothing happens."""
        with self.lock:
            seconds = now - self.clock.now
            self.clock.move(now)
            before = self.activities.pulse.first(self.timeline.live + 1)
            self.timeline.move(seconds, changes)
            if not changes or not seconds:
                return {}
            came = self.activities.pulse.first(self.timeline.live + 1) - before
            return {"leads": self.events.run(), "activities": {"born": came}}
