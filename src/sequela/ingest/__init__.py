"""From any source to MEDS on disk, by shard."""

from __future__ import annotations

from sequela.ingest.any_source import opened
from sequela.ingest.run import SHARD_EVENTS, ingest
from sequela.ingest.summary import Summary

__all__ = ["SHARD_EVENTS", "Summary", "ingest", "opened"]
