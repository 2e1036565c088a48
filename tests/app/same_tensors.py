"""A checkpoint of a network with shortcuts that have no parameters, in the form of the CIFAR ResNets that most people have: its own network
gives PyTorch's loss, others say which networks have the same tensors; whoever loads it into one of these is told once a job.

usage: same_tensors.py PROGRAM
"""

import sys
import tempfile
from pathlib import Path

import h5py
import torch

sys.path.insert(0, str(Path(__file__).parent))
from plain_pytorch import evaluate, load_split, random_model  # noqa: E402
from program import expect, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]
IMAGES = 48
NOTE = "resnet20_noshort and resnet20_a have the same tensors"


def write_checkpoint(architecture: str, path: Path) -> torch.nn.Module:
    """float16 under 'state_dict', names as DataParallel leaves them, a number beside; returns the network with these weights, float64."""
    model = random_model(architecture, 3).half()
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in model.state_dict().items()}, "best_prec1": 91.25}, path)
    return model.double()


def config_of(folder: Path, job: str, architecture: str, **sections) -> dict:
    config = {
        "job": job,
        "model": {"architecture": architecture, "weights": str(folder / "option-a.th")},
        "data": {"limit": IMAGES, "splits": ["train"]},
        "output": {"file": str(folder / f"{job}-{architecture}.h5"), "overwrite": True},
        "run": {"threads": 1, "progress": "none"},
    }
    if job == "line":
        config |= {"directions": {"x": {"kind": "random", "seed": 1}}, "grid": {"x": [-0.5, 0.5, 3]}}
    return config | sections


def result_of(folder: Path, config: dict, ranks: int = 0, command: str = ""):
    return run(PROGRAM, [command or config["job"], write_config(folder / "job.yaml", config)], ranks)


def notes(folder: Path, config: dict, ranks: int = 0, command: str = "", words: str = NOTE) -> int:
    result = result_of(folder, config, ranks, command)
    expect(result.returncode == 0, f"{config}: {result.returncode} {result.stderr[-800:]}")
    return result.stderr.count(words)


def check_loss(folder: Path, model: torch.nn.Module) -> None:
    images, labels = load_split("train", IMAGES)
    loss, accuracy = evaluate(model, images, labels)
    for evaluator in ("compiled", "reference"):
        config = config_of(folder, "line", "resnet20_a", evaluate={"evaluator": evaluator})
        expect(notes(folder, config) == 1, "the line does not say once that two networks have these tensors")
        with h5py.File(config["output"]["file"]) as file:
            expect(abs(file["train_loss"][1] / loss - 1) < 1e-5, f"{evaluator}: loss {file['train_loss'][1]}, PyTorch {loss}")
            expect(file["train_acc"][1] == accuracy, f"{evaluator}: accuracy {file['train_acc'][1]}, PyTorch {accuracy}")


def check_misfits(folder: Path) -> None:
    """Every name, and no guess between them."""
    for architecture in ("resnet20", "resnet32_a", "lenet5"):
        result = result_of(folder, config_of(folder, "line", architecture))
        expect(result.returncode == 65, f"{architecture}: exit code {result.returncode}")
        for words in ("the tensors of resnet20_noshort and of resnet20_a", "to the one that was trained", "orograph.export"):
            expect(words in result.stderr, f"{architecture}: not '{words}' in {result.stderr[-800:]}")


def check_notes(folder: Path) -> None:
    points = [str(folder / "option-a.th")] + [str(folder / f"{number}.th") for number in (1, 2)]
    for path in points[1:]:
        write_checkpoint("resnet20_noshort", Path(path))
    noshort = config_of(folder, "line", "resnet20_noshort")
    expect(notes(folder, noshort, ranks=2) == 1, "a line on two ranks")
    expect(notes(folder, noshort, command="check") == 1, "check")
    towards = {"directions": {"x": {"kind": "towards", "weights": points[1]}}}
    expect(notes(folder, noshort | towards) == 1, "two checkpoints")
    curve = config_of(folder, "curve", "resnet20_a", curve={"kind": "checkpoints", "files": points}, evaluate={"batch_norm": "frozen"})
    curve["model"].pop("weights")
    expect(notes(folder, curve, ranks=2) == 1, "three checkpoints, each loaded at its point too")
    training = config_of(folder, "train", "resnet20_a", output={"folder": str(folder / "run")}, train={"epochs": 1, "batch": 24})
    expect(notes(folder, training) == 1, "training from a checkpoint")
    training["output"]["folder"] += "-fresh"
    training["model"].pop("weights")
    expect(notes(folder, training) == 0, "training from fresh weights")
    lone = config_of(folder, "line", "resnet50_16_noshort", data={"limit": 4})
    write_checkpoint("resnet50_16_noshort", folder / "lone.th")
    lone["model"]["weights"] = str(folder / "lone.th")
    expect(notes(folder, lone, words="whose shortcuts have no parameters") == 1, "a network without shortcuts of no such sibling")
    plain = config_of(folder, "line", "resnet20")
    write_checkpoint("resnet20", folder / "plain.th")
    plain["model"]["weights"] = str(folder / "plain.th")
    expect(notes(folder, plain, words="the same tensors") == 0, "resnet20's tensors are its own")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_checkpoint("resnet20_a", folder / "option-a.th")
        check_loss(folder, model)
        check_misfits(folder)
        check_notes(folder)
    report_checks(at_least=30)


main()
