"""Finding parameters, on a machine whose speed the test decides."""

from __future__ import annotations

import pytest

from vestibule.passwords.calibrate import calibrate, measure


def machine(seconds_per_mib_pass: float) -> object:
    def measured(memory_kib: int, time_cost: int, parallelism: int) -> float:
        return seconds_per_mib_pass * memory_kib / 1024 * time_cost

    return measured


@pytest.mark.parametrize(
    ("speed", "target", "memory", "passes"),
    [
        (0.001, 0.1, 50 * 1024, 2),
        (0.001, 0.001, 19 * 1024, 2),
        (0.0001, 0.5, 256 * 1024, 19),
    ],
)
def test_memory_grows_first_and_never_below_the_floor(
    speed: float, target: float, memory: int, passes: int
) -> None:
    found = calibrate(target, memory_kib=None, parallelism=1, measure=machine(speed))  # type: ignore[arg-type]

    assert (found.memory_kib, found.time_cost) == (memory, passes)


def test_with_a_given_memory_only_the_passes_grow() -> None:
    found = calibrate(0.1, memory_kib=12 * 1024, parallelism=1, measure=machine(0.001))  # type: ignore[arg-type]

    assert (found.memory_kib, found.time_cost) == (12 * 1024, 8)
    assert found.seconds == pytest.approx(0.096)


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="7168 KiB"):
        calibrate(0.1, memory_kib=1024, parallelism=1)


def test_a_real_measurement_takes_time() -> None:
    assert 0 < measure(64, 1, 1) < 1
