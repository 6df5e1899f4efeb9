"""What a file is that is not of the format that its name or its task says."""

import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from idla_contract.task import DataFormat

from idla_trainer.data.formats.files import DAMAGE, opened
from idla_trainer.data.formats.refusals import invalid

_HEAD = 1 << 12
_TEXTS = frozenset({DataFormat.CSV, DataFormat.JSONL})
