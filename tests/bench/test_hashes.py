"""Hashes in kept memory are compared with those in memory taken anew."""

from __future__ import annotations

from bench.hashes import hashes


def test_each_set_of_parameters_has_its_ratio() -> None:
    lines = list(hashes(parameters=[(1024, 1, 1), (2048, 2, 2)], rounds=3, seconds=0.05))

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[0] for row in rows] == ["1 MiB, 1, 1", "2 MiB, 2, 2"]
    for _, anew, kept, ratio in rows:
        assert float(anew) > 0
        assert float(kept) > 0
        assert float(ratio) > 0
