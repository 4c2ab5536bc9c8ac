from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recorder.errors import InvalidSetting
from recorder.settings import Settings


@pytest.mark.parametrize("blank", ["", " \t"])
def test_missing_and_blank_variables_have_defaults(blank: str) -> None:
    names = ("RECORDER_DATA", "RECORDER_TZ", "DISCORD_TOKEN", "RECORDER_PREFIX", "RECORDER_ROLE")
    defaults = Settings(Path("data"), ZoneInfo("UTC"), token=None, prefix="!", role=None)
    assert Settings.from_environment({}) == defaults
    assert Settings.from_environment({"RECORDER_EXPORT_DAYS": "30"}).export_days == 30
    assert Settings.from_environment(dict.fromkeys(names, blank)) == defaults


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    monkeypatch.setenv("USERPROFILE", "/home/user")
    settings = Settings.from_environment(
        {
            "RECORDER_DATA": "~/recordings",
            "RECORDER_TZ": " Europe/Berlin\n",
            "DISCORD_TOKEN": " abc.def-ghi_jkl\n",
            "RECORDER_PREFIX": "hey ",
            "RECORDER_ROLE": " Note takers ",
            "PATH": "/usr/bin",
        }
    )
    assert settings == Settings(
        data=Path("/home/user/recordings"),
        timezone=ZoneInfo("Europe/Berlin"),
        token="abc.def-ghi_jkl",
        prefix="hey ",
        role="Note takers",
    )


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("RECORDER_DATA", "~no-such-user/data", "without ~"),
        ("RECORDER_TZ", "Mars/Olympus", "Europe/Berlin"),
        ("RECORDER_TZ", "Europe", "Europe/Berlin"),
        ("RECORDER_TZ", "/etc/passwd", "Europe/Berlin"),
        ("RECORDER_TZ", "../../etc/passwd", "Europe/Berlin"),
        ("RECORDER_TZ", "UTC\0", "Europe/Berlin"),
        ("RECORDER_TZ", "\udcff", "Europe/Berlin"),
        ("RECORDER_TZ", "x" * 5000, "Europe/Berlin"),
        *(("RECORDER_EXPORT_DAYS", days, "such as 7") for days in ("0", "-1", "x", "1.5", "10000")),
        ("RECORDER_PREFIX", " !", "such as !"),
        ("RECORDER_PREFIX", "a\nb", "such as !"),
        ("RECORDER_PREFIX", "!" * 21, "20 characters"),
        ("RECORDER_ROLE", "r" * 101, "no more than 100"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_right(
    variable: str, value: str, right: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({variable: value})
    assert variable in str(caught.value)
    assert right in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "token", ["Bot secret-part", "secret-part\nmore", "sécret-part", "\x07secret-part"]
)
def test_a_wrong_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({"DISCORD_TOKEN": token})
    assert "DISCORD_TOKEN" in str(caught.value)
    assert "cret-part" not in str(caught.value)


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(Settings.from_environment({"DISCORD_TOKEN": "secret"}))
