"""Where the inputs lie on which the product failed."""

from pathlib import Path

CASES = Path(__file__).parents[1].parent / "shared" / "cases"
"""A folder for each, with workflows, data, requests and what a user expects; absent outside the workplace."""
