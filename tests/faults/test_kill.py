"""Processes killed with ``kill -9`` under load; the long form is ``kill_workers.py``."""

from pathlib import Path

from tests.faults import kill_workers


def test_no_acknowledged_push_is_lost(tmp_path: Path):
    """Whatever moment a process is killed at, what was acknowledged is there and right."""
    report = kill_workers.run(tmp_path / "server", pushes=30, concurrency=8, seconds=60, seed=1)
    print(report)
    assert report.violations == []
    assert report.counts["pushes finished"] == 30
    assert report.counts["kills of a worker"] >= 1
