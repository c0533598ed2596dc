"""The benchmarks still run, check their answers and know how to fail. Nothing here looks at a clock."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import check, for_each, fuzz, imports, overhead
from benchmarks.baselines import bare, work
from benchmarks.measure import ratio
from benchmarks.workloads import Workload, chain, diamond, fan, grid, longest_path, scattered, workloads
from tests.mutations import originals


@pytest.mark.parametrize(
    ("graph", "steps", "longest"),
    [
        (chain(5), 5, 5),
        (fan(4), 5, 2),
        (grid(3, 4), 12, 4),
        (diamond(), 10, 3),
    ],
    ids=["chain", "fan", "grid", "diamond"],
)
def test_a_graph_has_the_shape_it_is_named_for(graph: tuple[tuple[int, ...], ...], steps: int, longest: int) -> None:
    assert len(graph) == steps
    assert longest_path(graph) == longest


def test_a_random_graph_is_the_same_every_time() -> None:
    assert scattered(300) == scattered(300)
    assert all(index > before for index, reads in enumerate(scattered(300)) for before in reads)


@pytest.mark.parametrize("load", workloads(0.01), ids=lambda load: load.name)
async def test_the_opponent_gets_the_answer_right(load: Workload) -> None:
    assert await bare(load.graph, work) == load.answer


def test_a_wrong_answer_is_noticed() -> None:
    with pytest.raises(AssertionError):
        asyncio.run(overhead.theirs(chain(3), work, 4)())


@pytest.mark.parametrize("part", ["W1", "W2", "W3", "W4", "W5", "W6", "scaling", "load"])
def test_every_part_runs(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert overhead.main(["--rounds", "1", "--scale", "0.01", "--only", part]) == 0
    assert capsys.readouterr().out.count("|") > 20


def test_loops_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert for_each.main(["--rounds", "1", "--items", "30"]) == 0
    assert capsys.readouterr().out.count("most memory") == 2


def test_checking_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--nested"]):
        assert check.main(["--rounds", "1", "--steps", "30", *words]) == 0
        assert "references" in capsys.readouterr().out


def test_the_ratio_is_of_the_same_round() -> None:
    assert ratio([2, 40, 6], [1, 10, 3]) == 2


@pytest.mark.parametrize(("figure", "verdict"), [(1.99, "pass"), (2.01, "FAIL")])
def test_over_the_limit_is_a_failure(figure: float, verdict: str) -> None:
    assert verdict in overhead.table([overhead.Row("it", "1", "1", figure, 2.0)])


def test_imports_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert imports.main(["--rounds", "1"]) == 0
    assert "import ael" in capsys.readouterr().out


def test_a_broken_file_is_the_same_every_time() -> None:
    texts = originals()[:40]
    files = [fuzz.file_of(texts, 1, number) for number in range(30)]
    assert files == [fuzz.file_of(texts, 1, number) for number in range(30)]
    assert files != [fuzz.file_of(texts, 2, number) for number in range(30)]


def test_the_slowest_and_largest_of_many_broken_files_are_kept() -> None:
    total = fuzz.Outcome()
    for number in range(20):
        total.add(fuzz.Outcome(1, 1, {"AEL101"}, [(number / 10, number)], [(number, number)], []))
    assert (total.files, total.clean, total.codes) == (20, 20, {"AEL101"})
    assert [number for _, number in total.slowest] == [19, 18, 17, 16, 15]
    assert [number for _, number in total.largest] == [19, 18, 17, 16, 15]
