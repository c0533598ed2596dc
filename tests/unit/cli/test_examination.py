"""What ``ael doctor`` finds, on a project of the test's own."""

from __future__ import annotations

import sys

import pytest

from ael.cli.examination import Finding, examine, extras, format_findings, packages


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def texts(findings, area):
    return [(finding.state, finding.text) for finding in findings if finding.area == area]


def test_nothing_configured_is_nothing_wrong(project):
    findings = examine()
    assert not any(finding.is_bad for finding in findings)
    assert texts(findings, "configuration") == [("ok", "no ael.toml here; defaults are in force")]
    assert list(dict.fromkeys(finding.area for finding in findings))[:4] == [
        "python",
        "packages",
        "extras",
        "sqlite",
    ]


def test_broken_configuration_is_a_finding(project):
    (project / "ael.toml").write_text("workflows = 3\n")
    bad = [finding for finding in examine() if finding.is_bad]
    assert [finding.area for finding in bad] == ["configuration"]


def test_tools_that_fail_when_imported_are_a_finding(project, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (project / "ael.toml").write_text('tools = ["broken_tools_here"]\n')
    (project / "broken_tools_here.py").write_text("1 / 0\n")
    bad = [finding for finding in examine() if finding.is_bad]
    assert len(bad) == 1
    assert "ZeroDivisionError" in bad[0].text


def test_servers_are_described_and_not_started(project):
    started = project / "started"
    (project / "ael.toml").write_text(
        f"""
        [mcp_servers.here]
        command = {sys.executable!r}
        args = ["-c", "open({str(started)!r}, 'w')"]
        [mcp_servers.off]
        command = "x"
        disabled = true
        [mcp_servers.gone]
        command = "no-such-program"
        [mcp_servers.far]
        url = "http://127.0.0.1:9/mcp"
        """
    )
    found = texts(examine(), "servers")
    assert [state for state, _ in found] == ["ok", "note", "bad", "ok"]
    assert found[1] == ("note", "off is disabled")
    assert found[2] == ("bad", "gone: there is no program 'no-such-program'")
    assert not started.exists()


def test_missing_packages_name_their_installation():
    missing = Finding("packages", "bad", "no-such-distribution is missing", "pip install no-such-distribution")
    assert list(packages(["click", "no-such-distribution"]))[1:] == [missing]
    assert list(extras({"x": ("no-such-extra", "nothing")})) == [
        Finding("extras", "note", "x is not installed; it is for nothing", "pip install 'ael[x]'")
    ]


def test_secrets_show_names_and_never_values(project, monkeypatch):
    (project / "ael.toml").write_text('[secrets]\nset_one = "ONE"\nunset = "TWO"\n')
    monkeypatch.setenv("ONE", "value-one")
    monkeypatch.setenv("AEL_SECRET_three", "value-three")
    monkeypatch.delenv("TWO", raising=False)
    findings = examine()
    assert texts(findings, "secrets") == [
        ("ok", "set_one: ONE is set"),
        ("bad", "unset: TWO is not set"),
        ("ok", "three: AEL_SECRET_three is set"),
    ]
    assert "value-" not in format_findings(findings, color=False)


def test_format_counts_what_is_wrong():
    findings = [Finding("a", "ok", "fine"), Finding("bb", "bad", "broken", "mend it")]
    assert format_findings(findings, color=False).splitlines() == [
        "ok    a              fine",
        "BAD   bb             broken",
        "                     help: mend it",
        "1 thing is wrong",
    ]
    assert "\x1b[31m" in format_findings(findings, color=True)
    assert format_findings(findings[:1], color=False).endswith("nothing is wrong")
