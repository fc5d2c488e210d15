"""The race: ours, its rivals, and two yardsticks, on the same records, the same server and the same store.

- ``records`` and ``server``: the API, a process of its own.
- ``ours``: a source of Transload for it.
- ``rivals``: one folder of programs, each run by an environment of its own (``environments``).
- ``contestants``: how each is started and configured.
- ``run``: the cases, measured; ``measures``: what else is measured of ours.
- ``page`` and ``plots``: docs/performance.md out of the results.
"""
