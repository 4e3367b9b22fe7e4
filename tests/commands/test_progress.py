"""Progress: lines in a pipe, bars on a terminal, nothing when quiet; told by several threads at once."""

import io
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from bench_samples import hand_made, small_cell, small_plan
from msgspec import convert
from rich.console import Console

from ruvllm.benchmark.cell import Cell
from ruvllm.benchmark.sweep import Reporter, outcome, run_cells
from ruvllm.commands.outcome.progress_shown import BarReporter, LineReporter
from ruvllm.commands.progress import QuietReporter
from ruvllm.results.run_records import BenchmarkRun
from ruvllm.workloads.splits import Fold

LABEL = "Phi-3-mini-4k v3 seed 3"
LINE = f"{LABEL}: 25.0% -> 100.0% of the test tasks, confidence 50.0%, 1.2 s"
NOTE = "Reading [/bold] source: \\[x]"


def cells(n: int) -> list[Cell]:
    return [small_cell(small_plan(seed=seed)) for seed in range(n)]


def play(reporter: QuietReporter, n: int) -> None:
    """A run of n cells, each of 5 epochs, from four threads; the labels look like markup."""
    with reporter:
        labels = [f"[red]{i}[/red]" for i in range(n)]
        reporter.note(NOTE)
        reporter.start(labels)

        def run(label: str) -> None:
            for epoch in range(5):
                reporter.epoch(label, epoch + 1, 5, *((None, None) if epoch == 0 else (0.5, 0.25)))
            reporter.finish(label, LINE)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, labels))


def test_a_finished_cell_is_one_line() -> None:
    entry = convert(hand_made(initial=0.25, final=1.0, confidence=0.5, seconds=1.25, seed=3), BenchmarkRun)
    assert f"{LABEL}: {outcome(entry)}" == LINE


def test_in_a_pipe_there_is_a_plain_line_for_each_cell() -> None:
    file = io.StringIO()
    play(LineReporter(Console(file=file, width=40)), 20)
    first, *lines = file.getvalue().splitlines()
    assert first == NOTE
    assert lines == [f"[{i}/20] {LINE}" for i in range(1, 21)]


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard", legacy_windows=False)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_on_a_terminal_there_are_bars_and_a_line_for_each_cell() -> None:
    console = terminal()
    play(BarReporter(console), 8)
    text = text_of(console)
    assert text.count(LINE) == 8
    assert "all" in text
    assert NOTE in text
    assert text.endswith("\x1b[?25h") or "\x1b[?25h" in text[-200:]  # the cursor is shown again


def bars_of(reporter: BarReporter, console: Console) -> str:
    """What the bars show now, without what was shown before."""
    assert isinstance(console.file, io.StringIO)
    seen = len(console.file.getvalue())
    reporter._progress.refresh()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()[seen:])


def test_a_model_has_one_bar_with_epoch_rate_confidence_and_time_left() -> None:
    console, now = terminal(), [100.0]
    reporter = BarReporter(console, clock=lambda: now[0])
    runs = [f"Phi v3 seed {seed}" for seed in (1, 2)]
    with reporter:
        reporter.start([*runs, "Qwen v3 seed 1"], ["Phi", "Phi", "Qwen"])
        assert bars_of(reporter, console).split()[:5] == ["Epoch", "Resolved", "Confidence", "Time", "left"]
        reporter.epoch(runs[0], 1, 2, 0.125, 0.75)
        now[0] += 9  # of 20 s for each run: 0.9 of its bar is for the epochs, and half of them are done
        reporter.epoch(runs[0], 1, 2, 0.25, 0.5)
        lines = bars_of(reporter, console).splitlines()
        (phi,) = [line for line in lines if line.strip().startswith("Phi")]
        assert phi.split()[-4:] == ["1/2", "25.0%", "50.0%", "0:31"]  # 9 s for 0.225 of the bar
        (waiting,) = [line for line in lines if line.strip().startswith("Qwen")]
        assert len(waiting.split()) == 2  # a name and an empty bar
        (whole,) = [line for line in lines if line.strip().startswith("all")]
        assert whole.split()[-1] == "0:51"  # 9 s for 0.15 of it
        reporter.epoch(runs[0], 2, 2, 0.875, 0.75)
        assert "controls" in bars_of(reporter, console)
        for run in runs:
            reporter.finish(run, LINE)
        (phi,) = [line for line in bars_of(reporter, console).splitlines() if line.strip().startswith("Phi ")]
        assert phi.split()[-3:] == ["done", "87.5%", "75.0%"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_bars_fit_into_the_terminal(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None, legacy_windows=False)
    reporter = BarReporter(console)
    with reporter:
        reporter.start([LABEL, "another"], ["DeepSeek-Coder-1.3B", "another"])
        reporter.epoch(LABEL, 12, 12, 1.0, 1.0)
        text = bars_of(reporter, console)
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    (line,) = [line for line in lines if line.strip().startswith("DeepSeek")]
    if width >= 60:
        assert line.startswith("DeepSeek-Coder-1.3B ") and "100.0% " in line and "controls" in line


def test_bars_end_when_the_run_fails() -> None:
    console = terminal()
    reporter = BarReporter(console)
    with pytest.raises(OSError, match="disk"), reporter:
        reporter.start([LABEL, "another"])
        raise OSError("disk")
    assert not reporter._progress.live.is_started


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    play(QuietReporter(), 4)
    assert capsys.readouterr() == ("", "")


class Recorder(QuietReporter):
    def __init__(self) -> None:
        self.started: list[Sequence[str]] = []
        self.epochs: list[tuple[str, int]] = []
        self.finished: list[tuple[str, str]] = []

    def start(self, labels: Sequence[str], bars: Sequence[str] | None = None) -> None:
        self.started.append(labels)
        self.bars = bars

    def epoch(
        self, label: str, done: int, total: int, test_resolve_rate: float | None, confidence: float | None
    ) -> None:
        assert total == 3 and test_resolve_rate is not None and confidence is not None
        self.epochs.append((label, done))

    def finish(self, label: str, line: str) -> None:
        self.finished.append((label, line))


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_tells_its_reporter_about_every_epoch_and_cell(
    jobs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    recorder = Recorder()
    listening: Reporter = recorder
    results = run_cells(cells(4), tmp_path_factory.mktemp("run"), jobs, listening)
    labels = [f"Qwen2.5-Coder-1.5B v3 seed {seed}" for seed in range(4)]
    assert recorder.started == [labels]
    assert recorder.bars == ["Qwen2.5-Coder-1.5B"] * 4
    assert sorted(recorder.epochs) == [(label, done) for label in labels for done in (1, 2, 3)]
    assert [entry.seed for entry in results] == [0, 1, 2, 3]  # in the order of the cells, not of their ends
    lines = [(label, f"{label}: {outcome(entry)}") for label, entry in zip(labels, results, strict=True)]
    assert sorted(recorder.finished) == lines


def test_folds_of_one_seed_have_progress_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    recorder = Recorder()
    folds = [small_cell(small_plan(), Fold(number, 3)) for number in (1, 2, 3)]
    run_cells(folds, tmp_path_factory.mktemp("run"), 2, recorder)
    labels = [f"Qwen2.5-Coder-1.5B v3 seed 5 fold {number}/3" for number in (1, 2, 3)]
    assert sorted(label for label, _ in recorder.finished) == labels
    assert {label for label, _ in recorder.epochs} == set(labels)


def test_long_work_says_so_now_and_then_and_short_work_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("ruvllm.commands.outcome.progress_shown.time.monotonic", lambda: clock[0])
    file = io.StringIO()
    reporter = LineReporter(Console(file=file, width=40))
    for second in range(26):
        clock[0] = float(second)
        reporter.work("reading", second, 25)
        reporter.work(f"short {second // 5}", second % 5, 4)
    assert file.getvalue().splitlines() == ["reading: 40%", "reading: 80%"]


def test_work_that_nobody_calls_about_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ruvllm.commands.outcome.progress_shown.SECONDS_BEFORE_LINE", 0.01)
    monkeypatch.setattr("ruvllm.commands.outcome.progress_shown.SECONDS_BETWEEN_LINES", 0.02)
    file = io.StringIO()
    with LineReporter(Console(file=file, width=80)) as reporter:
        reporter.work("encoding", 0, 10)
        wait_for(lambda: file.getvalue().count("\n") >= 3)
        reporter.work("encoding", 10, 10)
    first, *others = file.getvalue().splitlines()
    assert first == "encoding ..."
    assert set(others) == {"encoding ... after 0:00"}


def test_work_that_begins_again_is_not_taken_for_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Callable[[], None]] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, function: Callable[..., None], arguments: tuple[object, ...]) -> None:
            looks.append(lambda: function(*arguments))

        def start(self) -> None:
            pass

    monkeypatch.setattr("ruvllm.commands.outcome.progress_shown.threading.Timer", Timer)
    file = io.StringIO()
    reporter = LineReporter(Console(file=file, width=80))
    for _ in range(3):
        reporter.work("encoding", 0, 10)
        reporter.work("encoding", 10, 10)
    reporter.work("encoding", 0, 10)
    for look in looks[:-1]:
        look()
    assert file.getvalue() == ""
    looks[-2]()
    assert file.getvalue() == "" and len(looks) == 4
    looks[3]()
    assert file.getvalue() == "encoding ...\n"


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come")


def test_work_told_by_several_threads_is_a_bar_until_it_is_done() -> None:
    console = terminal()
    with BarReporter(console) as reporter, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: reporter.work("encoding", i % 11, 10), range(440)))
        assert [task.description for task in reporter._progress.tasks] in ([], ["encoding"])
        reporter.work("encoding", 10, 10)
        assert not reporter._progress.tasks
