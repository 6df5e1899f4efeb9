"""Laws hold however busy the machine is, and the same examples are tried on every machine.

No example has a time limit of its own, no run depends on what an earlier one has kept, and a red law is red again.
`--hypothesis-profile=explore` draws other examples each time, `thorough` thousands of them.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", settings.get_profile("explore"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("explore"), max_examples=1000)
settings.load_profile("gate")
