"""Logs as one JSON object a line."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message, and the fields handed over as `extra={"fields": {...}}`."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            entry |= fields
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Send every logger's records to standard error as JSON, from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # It reports every watch event of every object.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
