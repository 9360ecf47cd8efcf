"""The package that people install holds all that the program needs beside its code."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_carries_templates_assets_migrations_and_languages(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            ROOT,
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("satchel-*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert b"satchel = webapp.cli:main" in archive.read(entry_points)
    for folder, inside in (("templates", "webapp/templates"), ("static/dist", "webapp/static")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                assert f"{inside}/{path.relative_to(ROOT / folder)}" in names
    assert any(name.startswith("indexer/migrations/versions/0001") for name in names)
    assert "webapp/translations/zh_Hans_CN/LC_MESSAGES/messages.mo" in names
    assert not any(name.startswith(("tests/", "bench/", "docs/")) for name in names)
