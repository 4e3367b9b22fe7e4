"""What each epoch of a run consists of, in the mixed stream and in the blocked one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec import structs

from ruvllm.learning.constants import Size
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.stream import STREAMS, EpochPlan, plan_stream

TYPES = (0, 1, 2, 3)


def planned(stream: str, protocol: str, profile: str, types: tuple[int, ...] = TYPES) -> list[EpochPlan]:
    return plan_stream(stream, PROTOCOLS[protocol], PROTOCOLS[protocol].size(profile), types)


MIXED = [
    # protocol, profile, tasks of an epoch, levels, epochs (from 1) that end a stage
    ("v1", "quick", 20, [None] * 3, []),
    ("v1", "standard", 50, [None] * 5, []),
    ("v1", "full", 100, [None] * 10, []),
    ("v2", "quick", 30, [0, 0, 1, 1, 2], [2, 4]),
    ("v2", "standard", 50, [0, 0, 0, 1, 1, 2, 2], [3, 5]),
    ("v2", "full", 100, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2], [4, 7]),
    ("v3", "quick", 40, [0, 0, 1, 1, 2, 2], [2, 4]),
    ("v3", "standard", 60, [0, 0, 0, 1, 1, 1, 2, 2], [3, 6]),
    ("v3", "full", 120, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], [4, 8]),
]


@pytest.mark.parametrize(("protocol", "profile", "tasks", "levels", "ends"), MIXED)
def test_a_mixed_stream_has_all_types_in_every_epoch_and_a_level_in_each_stage(
    protocol: str, profile: str, tasks: int, levels: list[int | None], ends: list[int]
) -> None:
    plan = planned("mixed", protocol, profile)
    assert [epoch.tasks for epoch in plan] == [tasks] * len(levels)
    assert [epoch.types for epoch in plan] == [TYPES] * len(levels)
    assert [epoch.level for epoch in plan] == levels
    assert [number for number, epoch in enumerate(plan, 1) if epoch.ends_stage] == ends


BLOCKED = [
    # protocol, profile, tasks of an epoch, levels of the epochs of one type
    ("v1", "quick", 15, [None]),
    ("v1", "standard", 62, [None]),
    ("v1", "full", 125, [None, None]),
    ("v2", "quick", 37, [0]),
    ("v2", "standard", 87, [0]),
    ("v2", "full", 125, [0, 1]),
    ("v3", "quick", 60, [0]),
    ("v3", "standard", 60, [0, 1]),
    ("v3", "full", 120, [0, 1, 2]),
]


@pytest.mark.parametrize(("protocol", "profile", "tasks", "levels"), BLOCKED)
def test_a_blocked_stream_has_one_type_after_another_and_the_curriculum_again_in_each(
    protocol: str, profile: str, tasks: int, levels: list[int | None]
) -> None:
    plan, each = planned("blocked", protocol, profile), len(levels)
    assert [epoch.tasks for epoch in plan] == [tasks] * (4 * each)
    assert [epoch.types for epoch in plan] == [(0,)] * each + [(1,)] * each + [(2,)] * each + [(3,)] * each
    assert [epoch.level for epoch in plan] == levels * 4
    assert [number for number, epoch in enumerate(plan, 1) if epoch.ends_stage] == [each, 2 * each, 3 * each]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_both_streams_have_the_tasks_of_the_profile(protocol: str, profile: str) -> None:
    size = PROTOCOLS[protocol].size(profile)
    total = size.epochs * size.tasks_per_epoch
    assert sum(epoch.tasks for epoch in planned("mixed", protocol, profile)) == total
    blocked = planned("blocked", protocol, profile)
    assert total - len(blocked) < sum(epoch.tasks for epoch in blocked) <= total  # but for what does not divide


def test_a_stage_ends_only_where_another_one_follows() -> None:
    for protocol in PROTOCOLS:
        for stream in STREAMS:
            plan = planned(stream, protocol, "full")
            assert not plan[-1].ends_stage
            for epoch, after in pairwise(plan):
                moved_on = epoch.types != after.types if stream == "blocked" else epoch.level != after.level
                assert epoch.ends_stage == moved_on


@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_levels_come_with_the_curriculum_and_stages_without_it_too(name: str, switch: bool) -> None:
    protocol = structs.replace(PROTOCOLS[name], curriculum=switch)
    mixed, blocked = (plan_stream(stream, protocol, Size(12, 120), TYPES) for stream in STREAMS)
    assert {epoch.level for epoch in mixed} == {epoch.level for epoch in blocked} == ({0, 1, 2} if switch else {None})
    assert sum(epoch.ends_stage for epoch in mixed) == (0 if name == "v1" else 2)
    assert sum(epoch.ends_stage for epoch in blocked) == 3


@pytest.mark.parametrize(
    ("stages", "epochs", "ends"),
    [
        (1, 12, []),
        (2, 12, [6]),
        (3, 10, [4, 7]),
        (4, 12, [3, 6, 9]),
        (5, 7, [2, 3, 5, 6]),
        (3, 2, [1]),  # fewer epochs than stages
        (3, 1, []),
    ],
)
def test_the_stages_of_a_mixed_stream_are_equal_parts_of_the_run(stages: int, epochs: int, ends: list[int]) -> None:
    plan = plan_stream("mixed", structs.replace(PROTOCOLS["v2"], stages=stages), Size(epochs, 30), TYPES)
    assert [number for number, epoch in enumerate(plan, 1) if epoch.ends_stage] == ends
    blocked = plan_stream("blocked", structs.replace(PROTOCOLS["v2"], stages=stages), Size(epochs, 30), TYPES)
    assert sum(epoch.ends_stage for epoch in blocked) == 3  # there, a stage is a type


def test_types_come_in_the_order_given() -> None:
    assert [epoch.types for epoch in planned("blocked", "v2", "quick", (3, 1))] == [(3,), (3,), (1,), (1,)]
    assert [epoch.tasks for epoch in planned("blocked", "v2", "quick", (3, 1))] == [37] * 4  # of 5 x 30
    assert planned("mixed", "v2", "quick", (3, 1))[0].types == (3, 1)


def test_a_short_run_still_has_an_epoch_for_each_type() -> None:
    plan = plan_stream("blocked", PROTOCOLS["v2"], Size(1, 41), TYPES)
    assert plan == [EpochPlan(10, (kind,), 0, kind != 3) for kind in TYPES]


def test_one_type_is_enough_for_a_mixed_stream() -> None:
    plan = plan_stream("mixed", PROTOCOLS["v1"], Size(2, 5), [1])
    assert plan == [EpochPlan(5, (1,), None, False)] * 2


def test_the_streams_have_names() -> None:
    assert STREAMS == ("mixed", "blocked")


def test_a_plan_cannot_be_changed_by_accident() -> None:
    with pytest.raises(AttributeError):
        planned("mixed", "v1", "quick")[0].tasks = 7  # type: ignore[misc]


@pytest.mark.parametrize("stream", ["circular", "", "Mixed"])
def test_another_stream_is_refused_by_name(stream: str) -> None:
    with pytest.raises(ValueError, match=rf"^the stream must be mixed or blocked, not '{stream}'$"):
        plan_stream(stream, PROTOCOLS["v1"], Size(3, 20), TYPES)


@pytest.mark.parametrize("types", [(), (2,)])
def test_a_blocked_stream_of_a_single_type_is_refused(types: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"needs tasks of at least 2 types, not {len(types)}$"):
        plan_stream("blocked", PROTOCOLS["v1"], Size(3, 20), types)
