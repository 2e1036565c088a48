"""What a user who trains a curve gets wrong first: one clear line and the right exit code, without mpirun and at 2 ranks, nothing left behind.

usage: curve_training_wrong_inputs.py PROGRAM
"""

import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from program import expect, mlp_weights, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]


def write_data(folder: Path) -> str:
    """Twelve images: they load at once."""
    generator = torch.Generator().manual_seed(1)
    path = folder / "data.safetensors"
    save_file({"images": torch.rand(12, 1, 32, 32, generator=generator), "labels": torch.arange(12) % 10}, path)
    return str(path)


def changed(folder: Path, name: str, change) -> str:
    state = load_file(folder / "a.safetensors")
    change(state)
    save_file(state, folder / f"{name}.safetensors")
    return str(folder / f"{name}.safetensors")


def config_of(folder: Path, **sections) -> dict:
    config = {
        "job": "train",
        "model": {"architecture": "mlp"},
        "data": {"set": "arrays", "files": {"train": str(folder / "data.safetensors")}, "classes": 10, "splits": ["train"]},
        "curve": {"ends": [str(folder / "a.safetensors"), str(folder / "b.safetensors")]},
        "train": {"lr": 0.01, "batch": 4, "epochs": 1, "augment": {"crop": 0, "flip": False}},
        "output": {"folder": str(folder / "run")},
        "run": {"threads": 1, "progress": "none"},
    }
    for section, keys in sections.items():
        config[section] = config[section] | keys if isinstance(config.get(section), dict) else keys
    return config


def cases(folder: Path):
    """exit code, words, sections."""
    a = str(folder / "a.safetensors")

    def set_nan(state):
        state["fc2.bias"][3] = float("nan")

    def narrow(state):
        state["fc3.bias"] = state["fc3.bias"][:7].clone()

    yield 65, ["curve.ends[1]", "fc3.bias", "[7]"], {"curve": {"ends": [a, changed(folder, "narrow", narrow)]}}
    yield 65, ["curve.ends[0]", "fc2.bias", "NaN"], {"curve": {"ends": [changed(folder, "nan", set_nan), a]}}
    yield 65, ["curve.ends[0]", "conv1.weight"], {"model": {"architecture": "resnet20"}}
    yield 65, ["curve.ends[1]", "no bends"], {"curve": {"ends": [a, a + "#bend=1"]}}
    yield 66, ["curve.ends[1]", "nowhere"], {"curve": {"ends": [a, "nowhere.safetensors"]}}
    yield 78, ["curve.ends names 1 checkpoint;"], {"curve": {"ends": [a]}}
    yield 78, ["curve.bends is 0", "nothing is left to train"], {"curve": {"bends": 0}}
    yield 78, ["model.weights", "curve.ends"], {"model": {"weights": a}}
    yield 78, ["train.optimizer", "sgd"], {"train": {"optimizer": "adam"}}
    yield 78, ["curve.kind", "segment", "orograph curve"], {"curve": {"kind": "segment"}}
    yield 78, ["curve.fix_ends", "two values"], {"curve": {"fix_ends": [True]}}
    yield 78, ["curve.bends", "at most 100"], {"curve": {"bends": 1000000000}}
    yield 78, ["curve.files", "not a known key"], {"curve": {"files": [a, a]}}
    yield 65, ["lower train.lr"], {"train": {"lr": 1e30, "epochs": 3}}


def check(folder: Path, code: int, words: list, sections: dict, ranks: int) -> None:
    result = run(PROGRAM, ["train", write_config(folder / "wrong.yaml", config_of(folder, **sections))], ranks)
    lines = [line for line in result.stderr.strip().splitlines() if " info " not in line]
    expect(result.returncode == code and len(lines) == 1, f"{sections} at {ranks} ranks: {result.returncode} {result.stderr}")
    expect(all(word in lines[0] for word in words), f"{sections}: {lines[0]}")
    if "lr" not in words[0]:
        expect(not (folder / "run").exists(), f"{sections}: something was left behind")


def check_foreign_folders(folder: Path) -> None:
    """A curve does not write over a network's run nor another curve's, unless told to; what is the user's stays."""
    target = folder / "taken"
    network = config_of(folder, output={"folder": str(target)})
    del network["curve"]
    expect(run(PROGRAM, ["train", write_config(folder / "network.yaml", network)], 0).returncode == 0, "a network trains")
    (target / "notes.txt").write_text("the user's")
    before = sorted(file.name for file in target.iterdir())
    curve = write_config(folder / "curve.yaml", config_of(folder, output={"folder": str(target)}))
    result = run(PROGRAM, ["train", curve], 0)
    expect(result.returncode == 65 and "output.overwrite" in result.stderr, result.stderr)
    expect(before == sorted(file.name for file in target.iterdir()), "nothing is lost")
    expect(run(PROGRAM, ["train", curve, "--set", "output.overwrite=true"], 0).returncode == 0, "overwritten")
    names = {file.name for file in target.iterdir()}
    expect("notes.txt" in names and "curve.yaml" in names and "final.safetensors" not in names, f"{names}")
    mlp_weights(folder / "b.safetensors", 7)
    result = run(PROGRAM, ["train", curve], 0)
    expect(result.returncode == 65 and "another curve.ends[1]" in result.stderr, f"other ends: {result.stderr}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder)
        mlp_weights(folder / "a.safetensors", 1)
        mlp_weights(folder / "b.safetensors", 2)
        for number, (code, words, sections) in enumerate(cases(folder)):
            check(folder, code, words, sections, 0)
            if number % 4 == 0:
                check(folder, code, words, sections, 2)
        check_foreign_folders(folder)
    report_checks(55)


main()
