"""Runs the health scripts as Argo CD does: Lua 5.1, the object as `obj`, no library but the base one."""

from pathlib import Path
from typing import Any

from lupa import lua51

CUSTOMIZATIONS = Path(__file__).parents[3] / "manifests/argocd/resource_customizations/idla.dev"
_ABSENT = ("os", "io", "debug", "string", "math", "coroutine", "require", "dofile", "loadfile")


def health(manifest: dict[str, Any]) -> dict[str, str]:
    """Return `status` and `message` of an object."""
    script = (CUSTOMIZATIONS / manifest["kind"] / "health.lua").read_text(encoding="utf-8")
    runtime = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    for name in _ABSENT:
        runtime.globals()[name] = None
    runtime.globals()["obj"] = _to_lua(runtime, manifest)
    return dict(runtime.execute(script))


def _to_lua(runtime: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({key: _to_lua(runtime, part) for key, part in value.items()})
    if isinstance(value, list | tuple):
        return runtime.table_from([_to_lua(runtime, part) for part in value])
    return value
