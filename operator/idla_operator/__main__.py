"""`python -I -m idla_operator`: configuration from the environment, logs as JSON on standard error."""

import asyncio
import os
import sys

from idla_operator.adapters import logs
from idla_operator.config import ConfigError, OperatorConfig

_USAGE_ERROR = 2


def main() -> int:
    """Run the operator; return the exit code: 0 after SIGTERM, 2 for a wrong configuration, 1 when it gave up."""
    try:
        config = OperatorConfig.from_environment(os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE_ERROR
    logs.configure(config.log_level)
    # Late, because the official client takes a second to import and a wrong configuration should not wait for it.
    from idla_operator.app import run

    return asyncio.run(run(config))


if __name__ == "__main__":
    sys.exit(main())
