"""Several processes that train one encoder together, each on its share of every batch.

    torchrun --nproc-per-node 8 -m sonoglot train cacara ...

Each process embeds its share; the embeddings of all are gathered, so that every clip is contrasted with the captions of
the whole batch, and gradients are summed: the step is that of one process with the same batch. Two things are of a
share alone: what dropout and SpecAugment draw, and the statistics of batch norms (an ear's and HTS-AT's), whose running
means are averaged. Without a launcher there is one process, and nothing here does anything.
"""

import datetime
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.batch import WHOLE, Share
from training.errors import DataError

# the first process embeds all captions and measures validation clips while the others wait
PATIENCE = datetime.timedelta(hours=12)


def launched() -> bool:
    """Tell whether a launcher started several of this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_cuda() -> None:
    """Raise DataError if there is no GPU for this process."""
    needed, found = int(os.environ.get("LOCAL_RANK", "0")) + 1, torch.cuda.device_count()
    if found == 0:
        raise DataError(
            "there is no CUDA device that torch can use; leave out --device cuda to train on the CPU"
        )
    if found < needed:
        raise DataError(f"there are {found} GPUs for more processes than that; start {found}")


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Join the group that a launcher describes in the environment, and leave it at the end; yield this one's device."""
    if device == "cuda":
        check_cuda()
    if not launched():
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def own_share() -> Share:
    """Return which of the processes this is."""
    return Share(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else WHOLE


def own_cores() -> int:
    """Return how many cores of this machine each of its processes may keep busy."""
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextmanager
def first_alone() -> Iterator[None]:
    """Let the first process do what is inside, and the others after it: they find what it kept on disk."""
    first = own_share().index == 0
    if not first:
        wait_for_all()
    yield
    if first:  # if it failed, the others must not begin the same: the launcher ends them
        wait_for_all()


def wait_for_all() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def gather_rows(own_nd: Tensor, total: int) -> Tensor:
    """Return the rows of all processes, (total, D); the gradient goes to this one's alone."""
    share = own_share()
    if share.count == 1:
        return own_nd
    rows_nd = own_nd.new_zeros(total, own_nd.shape[1])
    rows_nd[share.of(total)] = own_nd.detach()
    dist.all_reduce(rows_nd)  # every row is nothing but in one process
    rows_nd[share.of(total)] = own_nd
    return rows_nd


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the gradients of all processes, in one message; a parameter that one did not use counts there as 0."""
    if own_share().count == 1:
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    used = trained[0].new_tensor([float(p.grad is not None) for p in trained])
    parts = [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in trained]
    flat = torch.cat([used, *parts])
    dist.all_reduce(flat)
    used, *parts = flat.split([len(trained), *(p.numel() for p in trained)])
    for parameter, part, count in zip(trained, parts, used.tolist(), strict=True):
        # what none of them used (a layer that all dropped) keeps no gradient, so that the optimiser leaves it alone
        parameter.grad = part.view_as(parameter) if count else None


def average_statistics(module: nn.Module) -> None:
    """Make the running statistics of batch norms the mean over all processes."""
    share = own_share()
    if share.count == 1:
        return
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm) and norm.track_running_stats]
    for running in (value for norm in norms for value in (norm.running_mean, norm.running_var)):
        if running is not None:
            dist.all_reduce(running)
            running /= share.count


def gather_objects(own: Any) -> list[Any]:
    """Return what each process has, by index."""
    share = own_share()
    everything: list[Any] = [own] * share.count
    if share.count > 1:
        dist.all_gather_object(everything, own)
    return everything
