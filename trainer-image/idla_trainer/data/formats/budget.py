"""The memory that the columns of a data file may take."""

from dataclasses import dataclass
from pathlib import Path

from idla_trainer.data.formats.refusals import too_large
from idla_trainer.data.spool import ArrayWriter, MemoryWriter


@dataclass(slots=True)
class Budget:
    """What is there, and what is used of it."""

    path: Path
    """The file or folder, for messages."""
    memory: int
    """Bytes."""
    spill: bool
    """Whether files take what memory does not hold; else it is refused."""
    used: int = 0
    full: bool = False
    """Whether all that is still to come goes into files, since one did not fit."""

    def take(self, size: int) -> bool:
        """Take so many bytes; return whether they are there.

        Raises:
            TaskError: they are not, and files are not to be used.
        """
        if self.used + size > self.memory:
            if not self.spill:
                raise too_large(self.path, self.used + size, self.memory)
            self.full = True
        if not self.full:
            self.used += size
        return not self.full

    def writer(self, rows: int, size: int) -> ArrayWriter | MemoryWriter:
        """Return what takes an array of rows of so many bytes each, into memory where it fits.

        Raises:
            TaskError: it does not, and files are not to be used.
        """
        return MemoryWriter(rows) if self.take(rows * size) else ArrayWriter()
