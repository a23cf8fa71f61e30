"""The state of things as one JSON object: names that stay, in the words of the tables and the log."""

from collections.abc import Mapping, Sequence
from typing import Any

from dispatcher.cli.overview.judge import Judged, host, is_ours, named, standby
from dispatcher.cli.overview.local import Local
from dispatcher.store.report import COUNTED, HELD_EACH, RECENT_S, Report
from dispatcher.store.session import Row


def keyed(judged: Judged, here: Sequence[Local], database: str) -> dict[str, Any]:
    report, situation = judged.report, judged.situation
    return {
        "at": report.at,
        "verdict": judged.verdict,
        "ok": situation.is_well,
        "blame": situation.blame.whose,
        "database": _database(report, database),
        "holder": _holder(report),
        "standbys": [{"dispatcher": standby(row), "backend_pid": row["pid"]} for row in report.standbys],
        "here": [_local(local) for local in here],
        "inbox": _inbox(judged),
        "open": _open(report),
        "attempts": _attempts(report),
        "endpoints": None if "endpoints" in report.unknown else _endpoints(judged),
        "unknown": report.unknown,
    }


def _database(report: Report, database: str) -> dict[str, Any]:
    place = report.place
    return {
        "name": database,
        "reachable": report.away is None,
        "note": report.away or report.lacking,
        "server": place and place.server,
        "role": place and place.role,
        "read_only": place and place.read_only is not None,
    }


def _holder(report: Report) -> dict[str, Any] | None:
    if report.lock is None and report.holder is None:
        return None
    said = dict(report.holder.items()) if report.holder else {}
    return {
        "held": report.lock is not None,
        "is_dispatcher": is_ours(report) if report.lock else None,
        "dispatcher": named(report) if report.lock else said.get("dispatcher"),
        **{key: said.get(key) for key in ("version", "since", "left_at", "epoch", "installation")},
        "backend_pid": report.lock and report.lock["pid"],
        "role": report.lock and report.lock["role"],
    }


def _inbox(judged: Judged) -> dict[str, Any] | None:
    inbox = judged.report.inbox
    if inbox is None:
        return None
    return {**_counted(inbox["events"], COUNTED), "oldest_at": judged.oldest_event_at}


def _open(report: Report) -> dict[str, Any] | None:
    if report.open is None:
        return None
    due: Mapping[str, Any] = dict(report.due.items()) if report.due else {}
    return {
        **_counted(report.open["deliveries"], COUNTED),
        "endpoints": due.get("lanes") or 0,
        "oldest_due_at": due.get("oldest_due_at"),
        "oldest_due_endpoint_id": due.get("oldest_due_id"),
    }


def _local(local: Local) -> dict[str, Any]:
    return {"path": local.path, "alive": local.is_alive, "current": local.is_current, "said": local.said}


def _counted(number: int, most: int) -> dict[str, Any]:
    """Exact up to `most`; above that, `more` says that there are more."""
    return {"count": min(number, most), "more": number > most}


def _attempts(report: Report) -> dict[str, Any] | None:
    recent = report.recent
    if recent is None:
        return None
    return {
        "within_s": RECENT_S,
        "since": recent["first_at"],
        "delivered": recent["delivered"],
        "failed": recent["failed"],
        "reasons": dict(zip(recent["reasons"], recent["times"], strict=True)),
    }


def _endpoints(judged: Judged) -> dict[str, Any]:
    unhappy = judged.report.unhappy
    return {
        "states": judged.report.states,
        "failing": judged.situation.failing,
        "hindered": judged.situation.hindered,
        "unhappy": unhappy[0]["unhappy"] if unhappy else 0,
        "worst": [_endpoint(row) for row in unhappy],
    }


def _endpoint(row: Row) -> dict[str, Any]:
    kept = ("tenant", "name", "state", "state_reason", "failing_since", "parked_until", "last_status", "last_reason")
    return {
        "endpoint_id": row["id"],
        **{key: row[key] for key in kept},
        "hindered": row["hindered"],
        "host": host(row["url"]),
        "last_at": row["last_at"],
        "open": _counted(row["open"], HELD_EACH),
    }
