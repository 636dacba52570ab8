"""Where a run computes: on one core of the processor, or on the machine's accelerator."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

_CHOICE = "BENCH_ON_ACCELERATOR"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    # Whatever else the machine has.
    "CUDA_VISIBLE_DEVICES": "",
}
# Several processes share it, of which none may take all memory.
_SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def choose_accelerator() -> None:
    """Let this process, and those that it starts, compute on the accelerator."""
    os.environ[_CHOICE] = "yes"


def on_accelerator() -> bool:
    """Whether the accelerator computes."""
    return _CHOICE in os.environ


def environment() -> dict[str, str]:
    """Return the variables that a process starts with."""
    return _SHARED if on_accelerator() else ONE_THREAD


def stay_on_one_processor() -> None:
    """Let this process, and those that it starts, run on one processor where that can be chosen.

    XLA has as many threads as there are processors, whatever it is told.
    """
    if hasattr(os, "sched_setaffinity") and not on_accelerator():
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def clock() -> float:
    """Return seconds: the processor's time of the process, or those that pass for an accelerator.

    Others on the machine don't count in the former.
    """
    return time.perf_counter() if on_accelerator() else time.process_time()


def torch_device() -> str:
    """Return where PyTorch computes."""
    return "cuda" if on_accelerator() else "cpu"


def wait_for(backend: str, results: Any) -> None:
    """Wait until an accelerator has computed these results, and on PyTorch all else."""
    if not on_accelerator():
        return
    if backend == "torch":
        import torch

        torch.cuda.synchronize()
    elif backend == "jax":
        import jax

        jax.block_until_ready(results)


def peak_bytes(backend: str) -> float:
    """Return the most memory of the accelerator that the process has had in use."""
    if backend == "torch":
        import torch

        return torch.cuda.max_memory_allocated()
    import jax

    return jax.devices()[0].memory_stats()["peak_bytes_in_use"]


def describe_accelerator() -> str | None:
    """Return the accelerator's name, memory and driver; `None` for a run on a processor."""
    if not on_accelerator():
        return None
    asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
