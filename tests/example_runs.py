"""Running an example as a user types it: through the real command line, in its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run_ael(*words: str, folder: Path, env: Mapping[str, str] | None = None, code: int = 0) -> dict[str, Any]:
    """``ael run … --json`` in a folder; its result. ``code`` is the exit code that it must have."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "ael", "run", *words, "--json"],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == code, done.stderr + done.stdout
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def steps_of(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Id → top-level step, of a result or of a step of steps."""
    return {step["step_id"]: step for step in result["step_results" if "step_results" in result else "steps"]}
