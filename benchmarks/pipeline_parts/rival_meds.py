"""meds-torch-data's side: MEDS to its files, files to batches; runs in its own environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

BATCH = 256


def preprocess(data, out):
    """MEDS to files of nested tensors, once for a data set; its stages are processes."""
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    command = [folder / "MTD_preprocess", f"MEDS_dataset_dir={data}", f"output_dir={out}"]

    def work():
        shutil.rmtree(out, ignore_errors=True)
        Path(out).mkdir()
        subprocess.run(command, check=True, env=environment, cwd=out, stdout=subprocess.DEVNULL)

    return work


def batches(data, part):
    """Files to padded batches of the whole histories of one part, by event and measurement."""
    import torch
    from meds_torchdata import MEDSPytorchDataset, MEDSTorchDataConfig

    torch.set_num_threads(1)

    def work():
        # Longer than any history, so that nothing is cut off.
        config = MEDSTorchDataConfig(
            data, 100_000, seq_sampling_strategy="to_end", batch_mode="SEM"
        )
        dataset = MEDSPytorchDataset(config, split=part)
        loader = torch.utils.data.DataLoader(
            dataset, BATCH, shuffle=True, collate_fn=dataset.collate
        )
        subjects, codes = 0, 0
        for batch in loader:
            subjects += batch.code.shape[0]
            codes += int((batch.code != 0).sum())
        return {"subjects": subjects, "codes": codes}

    return work
