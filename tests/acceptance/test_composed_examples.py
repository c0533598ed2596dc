"""The examples of loops, branches, blocks, joins, undo, called workflows and pools do what their texts say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.example_runs import EXAMPLES, JsonServer, run_ael, serving, steps_of


def run_example(name: str, *inputs: str, env: Mapping[str, str] | None = None, code: int = 0) -> dict[str, Any]:
    words = [word for given in inputs for word in ("-i", given)]
    return run_ael(name, *words, folder=EXAMPLES / name, env=env, code=code)


def statuses(result: Mapping[str, Any]) -> dict[str, str]:
    return {step_id: step["status"] for step_id, step in steps_of(result).items()}


@pytest.mark.parametrize(
    ("scene", "outputs", "picture"),
    [
        pytest.param("harbour", {"state": "done", "picture": "harbour.png"}, "completed", id="done"),
        pytest.param("nothing", {"state": "failed", "picture": None}, "skipped", id="failed"),
    ],
)
def test_polling(scene: str, outputs: dict[str, Any], picture: str) -> None:
    result = run_example("polling", f"scene={scene}")
    assert result["outputs"] == outputs
    steps = steps_of(result)
    assert steps["picture"]["status"] == picture
    assert steps["state"]["duration_ms"] >= 4 * 50, "three pauses and one attempt that had to wait"


class PagedOrders(JsonServer):
    """Nine orders, four a page; each page names the next one. The second page works the second time."""

    asked: list[str]

    def respond(self) -> None:
        cursor = parse_qs(urlsplit(self.path).query)["cursor"][0]
        self.asked.append(cursor)
        if self.asked.count("4") == 1 and cursor == "4":
            self.send_error(503)
            return
        start = 0 if cursor == "first" else int(cursor)
        orders = [{"price": number} for number in range(start, min(start + 4, 9))]
        self.answer(200, {"orders": orders, "next": str(start + 4) if start + 4 < 9 else None})


@pytest.fixture
def orders() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    with serving(PagedOrders, asked) as url:
        yield url, asked


def test_paging(orders: tuple[str, list[str]]) -> None:
    url, asked = orders
    result = run_ael("paging.ael.yaml", "-i", f"url={url}", folder=EXAMPLES / "paging")
    assert result["outputs"] == {"pages": 3, "count": 9, "total": 36}
    assert asked == ["first", "4", "4", "8"]


@pytest.mark.parametrize(
    ("text", "outputs", "expected"),
    [
        pytest.param("thank you", {"text": "merci", "why": ""}, ("completed", "skipped"), id="good"),
        pytest.param(
            "cat dog", {"text": "chat chien", "why": "UNKNOWN_TEXT"}, ("skipped", "completed"), id="good-fails"
        ),
        pytest.param("elephant", {"text": "elephant", "why": "UNKNOWN_TEXT"}, ("skipped", "skipped"), id="both-fail"),
    ],
)
def test_fallback_tool(text: str, outputs: dict[str, str], expected: tuple[str, str]) -> None:
    result = run_example("fallback-tool", f"text={text}")
    assert result["outputs"] == outputs
    assert tuple(statuses(result).values()) == expected


def test_fallback_tool_where_another_one_would_not_do_better() -> None:
    result = run_example("fallback-tool", "text=\a", code=1)
    assert result["error"]["code"] == "TEXT_REFUSED"
    assert statuses(result) == {"good": "failed", "plain": "skipped"}


@pytest.mark.parametrize(
    ("inputs", "letter", "taken"),
    [
        pytest.param(
            ("customer=Ada", "amount=20"), "Dear Ada, you get 20.00 EUR (small).", {"small": "completed"}, id="small"
        ),
        pytest.param(
            ("customer=Ada", "amount=200"),
            "Dear Ada, you get 160.00 EUR (estimated).",
            {"estimate": "completed", "cap": "completed"},
            id="estimated",
        ),
        pytest.param(
            ("customer=Bob", "amount=200"),
            "Dear Bob, you get 0.00 EUR (too many claims).",
            {"no": "completed"},
            id="refused",
        ),
    ],
)
def test_branches(inputs: tuple[str, ...], letter: str, taken: dict[str, str]) -> None:
    result = run_example("branches", *inputs)
    assert result["outputs"] == {"letter": letter}
    assert statuses(steps_of(result)["decision"]) == taken


@pytest.mark.parametrize(
    ("question", "verdict", "expected"),
    [
        pytest.param("what is ael?", "near: short", {"near": "completed", "far": "cancelled"}, id="first-wins"),
        pytest.param("what is life?", "far: long", {"near": "skipped", "far": "completed"}, id="first-fails"),
    ],
)
def test_race(question: str, verdict: str, expected: dict[str, str]) -> None:
    result = run_example("race", f"question={question}")
    assert result["outputs"]["verdict"] == verdict
    assert statuses(result) == {**expected, "judge": "completed"}


def test_nested_loops() -> None:
    result = run_example("nested-loops")
    assert result["outputs"]["stock"] == [{"region": "north", "stock": 42}, {"region": "south", "stock": 7}]
    north, south = steps_of(result)["regions"]["items"]
    assert (north["key"], south["key"]) == ("north", "south")
    mill, port = steps_of(north)["shops"]["items"]
    assert (mill["key"], steps_of(mill)["count"]["attempt"]) == ("mill", 2)
    assert steps_of(port)["note"]["output"] == "Ada: port (north): 30"


@pytest.mark.parametrize(
    ("card", "code", "diary"),
    [
        pytest.param("good", 0, ["pay", "tell Ada completed: 3 bookings paid"], id="booked"),
        pytest.param(
            "bad",
            1,
            [
                "cancel night 2 for Ada",
                "cancel night 1 for Ada",
                "cancel train for Ada",
                "tell Ada failed: the card was declined",
            ],
            id="undone",
        ),
    ],
)
def test_saga(tmp_path: Path, card: str, code: int, diary: list[str]) -> None:
    file = tmp_path / "diary"
    result = run_example("saga", f"card={card}", env={"DIARY": str(file)}, code=code)
    booked, done = file.read_text().splitlines()[:3], file.read_text().splitlines()[3:]
    assert booked[0] == "book train"
    assert sorted(booked[1:]) == ["book night 1", "book night 2"]
    assert done == diary
    assert result["status"] == ("failed" if code else "completed")
    assert steps_of(result)["tell"]["status"] == "completed"


def test_sub_workflows() -> None:
    result = run_example("sub-workflows")
    assert result["outputs"] == {
        "reports": ["Oslo: 4 C", "Rome: 25 C", "Atlantis: unknown"],
        "rome": "Rome: 77.0 F",
    }
    oslo, _, atlantis = steps_of(result)["reports"]["items"]
    assert statuses(oslo) == {"here": "completed", "unknown": "skipped", "degrees": "completed"}
    assert steps_of(atlantis)["degrees"]["skip_reason"] == "stopped: unknown"


def test_limits() -> None:
    result = run_example("limits")
    assert result["outputs"]["titles"] == [f"feed {number}" for number in range(12) if number % 5 != 4]
    assert result["outputs"]["broken"] == ["feed 4 is broken", "feed 9 is broken"]
    assert result["outputs"]["most_at_once"] == 2
