from pathlib import Path

import pytest

from tests.local.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.prepare()
    return scene
