"""What a piece of work costs: seconds, energy, and memory at its peak.

Energy is CodeCarbon's, offline: it reads a GPU's own counter (NVML) and, where it may, the processor's (RAPL).
Elsewhere it estimates, from the processor's rated power and its load by this process, and from a constant for the
memory.
"""

import logging
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from training.errors import MeteringError

WH_PER_KWH = 1_000.0
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
CLEAR_PEAK = "5"  # proc(5): resets the peak resident set


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds, watt-hours of processor, memory and GPU, and bytes at the peak: of a GPU's memory, or of the process.

    ``processor_s`` are the seconds of all cores that this process had: on a busy machine, the steadier figure.
    """

    seconds: float
    processor_s: float
    cpu_wh: float
    ram_wh: float
    gpu_wh: float
    peak_bytes: int

    @property
    def wh(self) -> float:
        """Watt-hours in all."""
        return self.cpu_wh + self.ram_wh + self.gpu_wh


def meter(work: Callable[[], None], *, device: str) -> Spent:
    """Do some work in this process and return what it cost.

    Raises:
        MeteringError: CodeCarbon is not installed.
    """
    tracker = _tracker(device)
    tracker.start()  # looks for counters first, which takes seconds
    forget_peak(device)
    wait_for(device)
    started, processor_s = time.monotonic(), time.process_time()
    try:
        work()
        wait_for(device)
    finally:
        seconds, processor_s = time.monotonic() - started, time.process_time() - processor_s
        tracker.stop()
    energy = tracker.final_emissions_data
    return Spent(
        seconds=seconds,
        processor_s=processor_s,
        cpu_wh=energy.cpu_energy * WH_PER_KWH,
        ram_wh=energy.ram_energy * WH_PER_KWH,
        gpu_wh=energy.gpu_energy * WH_PER_KWH,
        peak_bytes=peak_bytes(device),
    )


def resident_bytes() -> int:
    """Return how much memory this process has now; 0 where the system does not say."""
    return _status("VmRSS")


def _tracker(device: str):
    try:
        logging.getLogger("codecarbon").disabled = True  # it speaks before it knows how loud it may
        from codecarbon import OfflineEmissionsTracker
    except ImportError as error:
        raise MeteringError(
            "energy is measured by CodeCarbon, which is not installed: pip install 'sonoglot[train]'"
        ) from error
    return OfflineEmissionsTracker(
        country_iso_code="USA",  # it wants one, for the emissions, which are not used
        output_methods=[],
        log_level="critical",
        tracking_mode="process",  # not what others do on this machine
        allow_multiple_runs=True,
        measure_power_secs=1,
        gpu_ids=[torch.device(device).index or 0] if device.startswith("cuda") else [],
    )


def wait_for(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def forget_peak(device: str) -> None:
    """Let the peak of memory begin anew, so that loading a model is not counted."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR.exists():
        with suppress(OSError):  # where the system does not let, the peak is since the process began
            CLEAR.write_text(CLEAR_PEAK)


def peak_bytes(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    if STATUS.exists():
        return _status("VmHWM")  # getrusage would count the process that started this one, too
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int:
    if not STATUS.exists():
        return 0
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[field].split()[0]) * 1024
