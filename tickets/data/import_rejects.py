"""The file of rejected lines: what stood there, with line and reason, ready to be mended."""

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from tickets.data.import_files import Bad, is_csv

SHOWN = 5
WHY = ("line", "problem")


class Rejects:
    """Written as lines are found bad; not there while none is. The first few are kept to show."""

    def __init__(self, place: Path, source: Path, *, names: Sequence[str], dry_run: bool) -> None:
        self.place, self.dry_run, self.is_csv = place, dry_run, is_csv(source)
        self.first: list[Bad] = []
        self._file: TextIO | None = None
        self._writer: Any = None
        # The file's own heading; what an earlier run said of a line is said again.
        self._names = [name for name in names if name not in WHY]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, bad: Sequence[Bad]) -> None:
        """Write each one, exactly as it was read."""
        self.first += bad[: max(SHOWN - len(self.first), 0)]
        if self.dry_run or not bad:
            return
        file = self._file = self._file or self._open()
        for one in bad:
            if self.is_csv:
                self._write_csv(file, one)
            else:
                self._write_json(file, one)
        file.flush()

    def _open(self) -> TextIO:
        """For its owner alone: people's words stand in it."""
        handle = os.open(self.place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        return open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="")

    def _write_csv(self, file: TextIO, bad: Bad) -> None:
        if self._writer is None:
            self._writer = csv.writer(file)
            self._writer.writerow([*self._names, *WHY])
        values = [bad.line.values.get(name, "") for name in self._names]
        known = {*self._names, *WHY}
        extra = [value for name, value in bad.line.values.items() if name not in known]
        self._writer.writerow([*values, bad.line.number, bad.problem, *extra])

    def _write_json(self, file: TextIO, bad: Bad) -> None:
        why = dict(zip(WHY, (bad.line.number, bad.problem), strict=True))
        file.write(json.dumps({**bad.line.values, **why}) + "\n")
