"""The wheel alone is enough: schema.sql, the templates and what Datasette needs travel in it."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_a_wheel_records_outside_the_checkout(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*command: str | Path) -> str:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    build = ("-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index")
    call(sys.executable, *build, "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    datasette = "recorder/datasette"
    assert {
        f"{datasette}/metadata.yaml",
        f"{datasette}/datasette.yaml",
        f"{datasette}/plugin/static/recorder.css",
        f"{datasette}/plugin/templates/recorder_transcript.html",
        "recorder/stats/stop_words.txt",
    } <= set(ZipFile(wheel).namelist())
    call(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    packages = Path(
        call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    install = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target")
    call(sys.executable, *install, packages, wheel)
    # The dependencies of the project, but not the project itself, which is on a path of its own.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    imported = call(python, "-c", "import recorder; print(recorder.__file__)").strip()
    assert Path(imported).is_relative_to(packages)
    assert "is ready" in call(python, "-m", "recorder", "--data", tmp_path / "data", "init")
    line = (
        '{"timestamp": "2025-11-08T15:45:00", "author": "a", "author_id": "1", '
        '"content": "hello", "type": "user_message"}\n'
    )
    (tmp_path / "said.jsonl").write_text(line)
    for arguments in (["import", "said.jsonl"], ["verify"]):
        call(python, "-m", "recorder", "--data", tmp_path / "data", *arguments)
    page = call(
        python, "-m", "recorder", "--data", tmp_path / "data", "export", "said", "html", "-o", "-"
    )
    assert "hello" in page and "<style>:root" in page, "templates travel in it"
