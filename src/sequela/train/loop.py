"""The training loop.

The same settings, data, model, machine and number of threads give the same bits, and so does a run
that was killed anywhere and resumed: the order of samples, dropout and the learning rate are
functions of the seed and the step number, and all else is in the checkpoint. On the CPU torch's
deterministic algorithms are switched on meanwhile; on a GPU cuDNN's are, which leaves a few
operations that torch itself calls non-deterministic.

The loop sees the training and the tuning part. The held-out part is not an argument.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sequela import seeds
from sequela.batches import EpochSampler, Samples, balanced_weights
from sequela.batches.sampler import sorting_lengths
from sequela.errors import Interrupted, OutputError, TrainingError
from sequela.lock import locked
from sequela.train import checkpoint
from sequela.train.deterministic import deterministic, limited_threads, seed_device
from sequela.train.each import Losses, Opaque
from sequela.train.fingerprint import check_same, fingerprint
from sequela.train.leftovers import remove_leftovers
from sequela.train.losses import balanced_shares, objective
from sequela.train.optimise import clip, learning_rate, load_state, make_optimiser, state_tensors
from sequela.train.processes import run_in_processes, single_process
from sequela.train.progress import Progress, SilentProgress, make_progress
from sequela.train.recalibrate import logit_shift
from sequela.train.record import MetricsFile
from sequela.train.settings import TrainingSettings
from sequela.train.start import begin_at_shares
from sequela.train.state import History, Job, Position
from sequela.train.stopping import StopRequest, listen_for_stop
from sequela.train.truncated import check_truncation, piece_losses
from sequela.train.tuning import Tuning, choose_metric, is_better

__all__ = ["fit", "run_process"]


class _Run:
    """One process's share of a run."""

    def __init__(self, fabric: Fabric, model: nn.Module, job: Job, stop: StopRequest):
        settings = job.settings
        self.fabric, self.model, self.job, self.stop = fabric, model, job, stop
        keeps = job.directory is not None
        self.fingerprint = fingerprint(model, job.train, job.tuning, settings) if keeps else {}
        model.to(fabric.device)
        self.optimiser = make_optimiser(model, settings)
        losses = Losses(model, job.aim)
        # One process in full precision needs nothing of the wrappers, which cost at each step.
        self.plain = fabric.world_size == 1 and settings.precision == "32-true"
        wrapped = losses, self.optimiser
        self.forward, self.stepper = wrapped if self.plain else fabric.setup(*wrapped)
        weights = balanced_weights(job.train.target) if settings.balance == "sampler" else None
        self.sampler = EpochSampler(
            sorting_lengths(job.train.lengths, job.train.target),
            settings.batch_size,
            seeds.derive(settings.seed, "order"),
            bucket=settings.bucket,
            weights=weights,
        )
        self.tuning = Tuning(job.tuning, job.aim, job.metric_name)
        self.position = Position()
        self.best: dict[str, Tensor] | None = None
        self.first = fabric.global_rank == 0
        self.saved_at: tuple[int, int] | None = None
        self.metrics = MetricsFile(None)
        self.progress: Progress = SilentProgress()
        self.resumed_from: int | None = None
        self.began = time.perf_counter()

    @property
    def root(self) -> Path | None:
        return None if self.job.directory is None else self.job.directory / "checkpoints"

    def run(self) -> History:
        """The loop."""
        with contextlib.ExitStack() as stack:
            if self.root is not None and self.first:
                stack.enter_context(locked(self.root))
            return self._run()

    def _run(self) -> History:
        try:
            self._begin()
            position = self.position
            while not self._finished():
                self.forward.train()
                while position.step_in_epoch < self.sampler.steps_per_epoch:
                    self._step()
                    self._obey_stop()
                    self._save_when_due()
                self._end_epoch()
                self._save()
                self._obey_stop()
        finally:
            self.metrics.close()
            self.progress.close()
        return self._history()

    def _begin(self) -> None:
        """Goes on from the newest checkpoint, or makes the first one."""
        settings, root = self.job.settings, self.root
        messages: list[str] = []
        if root is not None:
            self._restore(root, messages)
        if self.first:
            total = self.sampler.steps_per_epoch * settings.epochs
            self.progress = make_progress(total, self.position.step, settings.progress)
            for message in messages:
                self.progress.say(message)
            directory = self.job.directory
            path = None if directory is None else directory / "metrics.jsonl"
            self.metrics = MetricsFile(path, self.position.lines)
        if self.resumed_from is None:
            # Before the first step, so that a place that cannot be written is known at once.
            self._save()

    def _restore(self, root: Path, messages: list[str]) -> None:
        found = None
        if self.first:
            if not self.job.resume and checkpoint.checkpoint_folders(root):
                raise OutputError(
                    f"folder {root.parent}",
                    got="the checkpoints of a run",
                    todo="Choose another folder, or resume that run.",
                )
            checkpoint.remove_leftovers(root)
            remove_leftovers(root.parent, ["metrics.jsonl"])
            found = checkpoint.load_newest(root, messages.append)
        self.fabric.barrier()  # the first process may have removed a damaged one
        if not self.first:
            found = checkpoint.load_newest(root, messages.append)
        if found is None:
            return
        messages += check_same(found.state["fingerprint"], self.fingerprint, root.parent)
        self.model.load_state_dict(found.tensors["model"])
        load_state(self.optimiser, found.tensors["optimiser"])
        self.best = found.tensors.get("best")
        self.position = Position(**found.state["position"])
        self.saved_at = (self.position.step, self.position.epoch)
        self.resumed_from = self.position.step
        messages.append(f"going on from step {self.position.step}")

    def _finished(self) -> bool:
        return self.position.epoch >= self.job.settings.epochs or self._out_of_patience()

    def _out_of_patience(self) -> bool:
        patience, position = self.job.settings.patience, self.position
        return patience is not None and position.epoch - position.best_epoch >= patience

    def _step(self) -> None:
        """One batch; nothing is changed by a loss or gradient that is not finite."""
        settings, position = self.job.settings, self.position
        rate = learning_rate(position.step, self.sampler.steps_per_epoch, settings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        rank = self.fabric.global_rank
        seed_device(
            seeds.derive(settings.seed, "step", position.step, "rank", rank), self.fabric.device
        )
        indices = self.sampler.batch(position.epoch, position.step_in_epoch)
        value = norm = 0.0
        for loss in self._shares_of_loss(indices):
            part = self._mean(loss.detach())
            self._check_finite(part, "loss", rate)
            self.stepper.zero_grad()
            loss.backward() if self.plain else self.fabric.backward(loss)
            length = clip(self.model.parameters(), settings)
            self._check_finite(length, "gradient", rate)
            self.stepper.step()
            value, norm = value + part, max(norm, length)
        position.step += 1
        position.step_in_epoch += 1
        position.loss_sum += value * len(indices)
        position.loss_count += len(indices)
        line = {
            "kind": "step",
            "epoch": position.epoch + 1,
            "step": position.step,
            "loss": value,
            "lr": rate,
            "gradient_norm": norm,
            "seconds": self._seconds(),
        }
        self._report(line)
        self.progress.step(position.step, line)

    def _shares_of_loss(self, indices: Any) -> Iterator[Tensor]:
        """This process's part of the mean loss, so that the mean over processes is the whole.

        With ``k1`` it comes piece by piece, and each asks for the weights that the last one left.
        """
        world, settings = self.fabric.world_size, self.job.settings
        mine = indices[self.fabric.global_rank :: world]
        idle = len(mine) == 0  # it still has to meet the others in the backward pass
        batch = self.job.train.batch(indices[:1] if idle else mine).to(self.fabric.device)
        if settings.k1 is not None:
            for losses in piece_losses(self.forward, batch, settings.k1, settings.k2):
                yield losses.sum() / len(indices)
            return
        losses = self.forward(Opaque(batch))
        yield losses.sum() * (0.0 if idle else world / len(indices))

    def _mean(self, value: Tensor) -> float:
        """The mean over the processes."""
        if self.fabric.world_size == 1:
            return float(value)
        reduced = self.fabric.all_reduce(value, reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return float(reduced)

    def _check_finite(self, value: float, what: str, rate: float) -> None:
        if math.isfinite(value):
            return
        position, settings = self.position, self.job.settings
        tries = [f"learning_rate={rate / 10:.1g}"]
        tries += ["clip_norm=1"] if settings.clip_norm is None else []
        kept = "" if self.root is None else " The last good checkpoint is kept."
        raise TrainingError(
            f"training, epoch {position.epoch + 1}, step {position.step + 1}, "
            f"learning rate {rate:.3g}",
            got=f"a {what} that is not finite",
            todo=f"Try {' and '.join(tries)} in a new folder.{kept}",
        )

    def _end_epoch(self) -> None:
        """Judges the epoch on the tuning part and keeps the weights when they are the best."""
        position = self.position
        found = self.tuning.judge(self.model) if self.first else (0.0, 0.0)
        tuning_loss, metric = self.fabric.broadcast(found)
        rate = learning_rate(position.step - 1, self.sampler.steps_per_epoch, self.job.settings)
        self._check_finite(tuning_loss, "loss on the tuning part", rate)
        best = not position.best_epoch or is_better(
            metric, position.epochs[position.best_epoch - 1]["tuning_metric"], self.job.metric_name
        )
        line = {
            "kind": "epoch",
            "epoch": position.epoch + 1,
            "step": position.step,
            "train_loss": position.loss_sum / position.loss_count,
            "tuning_loss": tuning_loss,
            "tuning_metric": metric,
            "metric_name": self.job.metric_name,
            "best": best,
            "seconds": self._seconds(),
        }
        position.epochs.append(line)
        position.epoch += 1
        position.step_in_epoch, position.loss_sum, position.loss_count = 0, 0.0, 0
        if best:
            position.best_epoch = position.epoch
            self.best = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in self.model.state_dict().items()
            }
        self._report(line)
        self.progress.epoch(line)

    def _report(self, line: dict[str, Any]) -> None:
        if not self.first:
            return
        self.metrics.add(line)
        if self.job.callback is not None:
            self.job.callback(line)

    def _seconds(self) -> float:
        return self.position.seconds + time.perf_counter() - self.began

    def _save_when_due(self) -> None:
        every, position = self.job.settings.checkpoint_every_steps, self.position
        at_end = position.step_in_epoch == self.sampler.steps_per_epoch
        if every is not None and position.step % every == 0 and not at_end:
            self._save()

    def _save(self) -> None:
        position, root = self.position, self.root
        place = (position.step, position.epoch)
        if root is None or place == self.saved_at:
            return
        self.saved_at = place
        if not self.first:
            return
        self.metrics.synchronise()
        state = {**asdict(position), "lines": self.metrics.lines, "seconds": self._seconds()}
        tensors = {
            "model": self.model.state_dict(),
            "optimiser": state_tensors(self.optimiser),
            **({} if self.best is None else {"best": self.best}),
        }
        content = {"fingerprint": self.fingerprint, "position": state}
        checkpoint.save(root, position.step, tensors, content)

    def _obey_stop(self) -> None:
        # All processes leave at the same step, or none does.
        if not self._mean(torch.tensor(float(bool(self.stop)), device=self.fabric.device)):
            return
        self._save()
        name = self.stop.signal_name or "another process"
        saved = self.root is not None
        raise Interrupted(
            f"training was stopped by {name} after step {self.position.step}",
            got=None if saved else "no folder to save in",
            todo="Run the same again with --resume to go on from there." if saved else None,
        )

    def _history(self) -> History:
        settings, position, aim = self.job.settings, self.position, self.job.aim
        assert self.best is not None or not self.first
        if self.best is not None:
            self.model.load_state_dict(self.best)
        moved = settings.balance != "none" and settings.recalibrate and aim.shares
        learnt = balanced_shares(np.asarray(aim.shares), settings.balance).tolist()
        return History(
            kind=aim.kind,
            metric_name=self.job.metric_name,
            epochs=position.epochs,
            best_epoch=position.best_epoch,
            best_metric=position.epochs[position.best_epoch - 1]["tuning_metric"],
            logit_shift=logit_shift(aim.shares, learnt) if moved else list(aim.offset),
            steps=position.step,
            stopped_early=position.epoch < settings.epochs,
            resumed_from=self.resumed_from,
            seconds=self._seconds(),
        )


def run_process(fabric: Fabric, model: nn.Module, job: Job) -> History:
    """What one process of a run does; ``fabric`` is launched."""
    threads = limited_threads(job.settings.threads)
    with threads, deterministic(fabric.device), listen_for_stop() as stop:
        return _Run(fabric, model, job, stop).run()


def fit(
    model: nn.Module,
    train: Samples,
    tuning: Samples,
    settings: TrainingSettings | None = None,
    directory: Path | str | None = None,
    resume: bool = True,
    callback: Callable[[Mapping[str, Any]], None] | None = None,
) -> History:
    """Trains a model in place and leaves the weights of the best epoch in it.

    Args:
        model: ``forward(batch)`` gives logits ``[B]`` (yes/no) or ``[B, C]`` (classes), or what
            :mod:`sequela.train.losses` says of the kind; in batch order. It may have
            ``losses(batch, loss)`` of its own, ``[B]``, made of ``loss(output, target)``.
        train: the training part.
        tuning: the part that chooses the best epoch and stops early. Never the held-out part.
        settings: the defaults of :class:`TrainingSettings` when None.
        directory: the run's folder, for ``metrics.jsonl`` and ``checkpoints/``; None keeps nothing.
        resume: go on from the newest checkpoint of the folder. False refuses a folder that has one.
        callback: called with each line of the metrics, by the first process. With more than one
            device it runs in a process of its own and has to be picklable, as the model has.

    Returns:
        The history; equal bits for equal arguments, but for ``seconds``.

    Raises:
        LabelError: a label is wrong, or a class is missing from the training part.
        DataError: a part is empty, or a target is not finite.
        ConfigError: settings that do not fit the target, or differ from those of the run begun.
        TrainingError: the loss or the gradient is not finite, or the output has a wrong shape.
        Interrupted: SIGTERM or SIGINT came; the state is saved.
        BundleError: every checkpoint of the folder is damaged.
        OutputError: the disk is full, the folder cannot be written, or another run is in it.
    """
    settings = (settings or TrainingSettings()).for_samples(len(train))
    aim = objective(
        train.target,
        tuning.target,
        kind=settings.kind,
        balance=settings.balance,
        label_smoothing=settings.label_smoothing,
        levels=settings.quantiles,
    )
    if hasattr(model, "hypotheses"):  # what is searched for has scores of its own, no log odds
        aim = replace(aim, offset=(0.0,) * len(aim.offset))
    if settings.start == "shares":
        begin_at_shares(model, aim, settings.balance)
    check_truncation(model, settings.k1, settings.devices)
    metric_name = choose_metric(settings.metric, aim.kind, tuning.target)
    folder = None if directory is None else Path(directory)
    job = Job(train, tuning, settings, aim, metric_name, folder, resume, callback)
    if settings.devices > 1:
        history, state = run_in_processes(run_process, model, job, settings)
        model.load_state_dict(state)
        return history
    home = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    try:
        return run_process(single_process(settings), model, job)
    finally:
        model.to(home)
