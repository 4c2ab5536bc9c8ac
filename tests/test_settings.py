from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recorder.errors import InvalidSetting
from recorder.settings import Settings


@pytest.mark.parametrize("blank", ["", " \t"])
def test_missing_and_blank_variables_have_defaults(blank: str) -> None:
    names = ("RECORDER_DATA", "RECORDER_TZ", "DISCORD_TOKEN", "RECORDER_PREFIX", "RECORDER_ROLE")
    key = Path.home() / ".config/recorder/seal.key"
    defaults = Settings(
        Path("data"), ZoneInfo("UTC"), token=None, prefix="!", role=None, seal_key=key
    )
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
        seal_key=Path("/home/user/.config/recorder/seal.key"),
    )


def test_the_settings_of_seals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")
    read = Settings.from_environment(
        {
            "RECORDER_SEAL_KEY": "~/key.pem",
            "RECORDER_SEAL_EVERY": " 12H ",
            "RECORDER_TIMESTAMP_AUTHORITY": " https://freetsa.org/tsr ",
        }
    )
    assert read.seal_key == Path("/home/user/key.pem")
    assert read.seal_every == timedelta(hours=12)
    assert read.timestamp_authority == "https://freetsa.org/tsr"
    default = Settings.from_environment({"XDG_CONFIG_HOME": "/etc/xdg"}).seal_key
    assert default == Path("/etc/xdg/recorder/seal.key")
    for text, span in (("30m", timedelta(minutes=30)), ("2d", timedelta(days=2)), ("off", None)):
        assert Settings.from_environment({"RECORDER_SEAL_EVERY": text}).seal_every == span


def test_without_a_home_folder_there_is_no_default_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(
        Path, "expanduser", lambda path: no_home(path) if "~" in str(path) else path
    )
    assert Settings.from_environment({}).seal_key is None


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
        ("RECORDER_SEAL_KEY", "~no-such-user/key", "without ~"),
        ("RECORDER_SEAL_EVERY", "0d", "such as 30m"),
        ("RECORDER_SEAL_EVERY", "daily", "such as 30m"),
        ("RECORDER_SEAL_EVERY", "99999d", "such as 30m"),
        ("RECORDER_TIMESTAMP_AUTHORITY", "ftp://example.org", "http or https"),
        ("RECORDER_TIMESTAMP_AUTHORITY", "https://x y", "http or https"),
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
