"""The pages for one purpose each lead to what exists, and show what the commands say."""

import re
from pathlib import Path

from idla.local.conform.checks import CHECKS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/how-to").glob("*.md"))
LINK = re.compile(r"\]\(([^)#:]+)\)")


def test_every_link_leads_to_what_exists() -> None:
    links = [(page, link) for page in PAGES for link in LINK.findall(page.read_text())]
    assert len(links) > 10
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).resolve().exists()] == []


def test_the_page_of_ones_own_shows_every_check() -> None:
    page = (ROOT / "docs/how-to/bring-your-own.md").read_text()
    shown = re.findall(r"^holds   ([a-z-]+) +(.*) \(", page, re.MULTILINE)
    assert shown == [(check.name, check.promise) for check in CHECKS]


def test_every_target_of_make_that_a_page_names_exists() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert named
    assert named <= made
