"""`install-provider` tells what pip or uv says where nothing can be installed."""

from __future__ import annotations

import sys

import pytest

from airflow_lite.errors import UserError
from airflow_lite_airflow_names import install_provider


def test_why_a_provider_cannot_be_installed_is_told_in_the_installers_own_words(
    tmp_path, monkeypatch, capsys
):
    installer = tmp_path / "installer.py"
    installer.write_text(
        "import sys\nsys.exit('error: no header of the database is here\\nnote: see above')\n"
    )
    monkeypatch.setattr(install_provider, "_installer", lambda: [sys.executable, str(installer)])

    with pytest.raises(UserError, match="Nothing is installed"):
        install_provider.install(["mysql"], is_dry_run=False)

    out, err = capsys.readouterr()
    assert "no header of the database is here" in err
    assert not out
