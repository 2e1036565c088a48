"""`orograph train` with a curve section: against a loop in plain PyTorch, killed and resumed, in a sweep, sampled, in the authors' form.

usage: curve_training.py PROGRAM
"""

import csv
import math
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from curve_oracle import bezier, polychain  # noqa: E402
from plain_pytorch import load_split, make_model, random_model  # noqa: E402
from program import ENVIRONMENT, command, datasets, expect, report_checks, run, write_config  # noqa: E402

PROGRAM = sys.argv[1]
IMAGES, EPOCHS, LR, MOMENTUM, DECAY, SEED = 48, 4, 0.02, 0.9, 1e-2, 15  # whose t are 0.11, 0.38, 0.68, 0.87: all points move
COEFFICIENTS = {"bezier": bezier, "polychain": polychain}


def write_ends(folder: Path, architecture: str, count: int = 2) -> list[str]:
    paths = [str(folder / f"{architecture}-{number}.safetensors") for number in range(count)]
    for number, path in enumerate(paths):
        save_file({name: tensor.contiguous() for name, tensor in random_model(architecture, number + 1).state_dict().items()}, path)
    return paths


def curve_config(folder: Path, architecture: str, ends: list[str], **curve) -> dict:
    return {
        "job": "train",
        "model": {"architecture": architecture},
        "data": {"set": "fashion-mnist", "limit": IMAGES},
        "curve": {"ends": ends} | curve,
        "train": {
            "lr": LR,
            "momentum": MOMENTUM,
            "weight_decay": DECAY,
            "batch": IMAGES,
            "epochs": EPOCHS,
            "augment": {"crop": 0, "flip": False},
            "seed": SEED,
        },
        "output": {"folder": str(folder)},
        "run": {"threads": 1, "progress": "none"},
    }


def train(folder: Path, config: dict, ranks: int = 0) -> subprocess.CompletedProcess:
    result = run(PROGRAM, [config["job"], write_config(folder / "config.yaml", config)], ranks)
    expect(result.returncode == 0, result.stderr)
    return result


def points_in(folder: Path) -> list[dict]:
    index = dict(line.split(": ", 1) for line in (folder / "curve.yaml").read_text().splitlines())
    return [load_file(folder / name) for name in index["bends"].strip("[]").split(", ")]


def philox_uniform(seed: int, stream: int, index: int) -> float:
    """Philox4x32-10 (Salmon et al. 2011), the first two words as 53 bits in [0, 1)."""
    mask = 0xFFFFFFFF
    counter, key = [index & mask, index >> 32, stream & mask, stream >> 32], [seed & mask, seed >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(second >> 32) ^ counter[1] ^ key[0], second & mask, (first >> 32) ^ counter[3] ^ key[1], first & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return ((counter[1] << 32 | counter[0]) >> 11) * 2.0**-53


def rate(epoch: int, lr: float) -> float:
    """Garipov et al. 2018, section A.2."""
    done = epoch / EPOCHS
    return lr * (1 if done <= 0.5 else 1 - 0.99 * (done - 0.5) / 0.4 if done <= 0.9 else 0.01)


def plain_training(architecture: str, kind: str, ends: list[dict], bends: int, fixed: list[bool], lr: float) -> list[dict]:
    """The loop of section 3 with autograd through phi(t), torch.optim.SGD over every point, float64, whole batches."""
    model = make_model(architecture, 1, 10).double().train()
    names = [name for name, _ in model.named_parameters()]
    points = []
    for j in range(bends + 2):
        s = j / (bends + 1)
        free = 0 < j < bends + 1 or not fixed[0 if j == 0 else 1]
        point = {name: (1 - s) * ends[0][name].double() + s * ends[1][name].double() for name in names}
        points.append({name: tensor.requires_grad_(free) for name, tensor in point.items()})
    trained = [tensor for point in points for tensor in point.values() if tensor.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=lr, momentum=MOMENTUM)
    images, labels = load_split("train", IMAGES)
    for epoch in range(EPOCHS):
        coefficients = COEFFICIENTS[kind](bends + 2, philox_uniform(SEED, 4 << 32, epoch))
        phi = {name: sum(c * point[name] for c, point in zip(coefficients, points, strict=True)) for name in names}
        loss = F.cross_entropy(torch.func.functional_call(model, phi, images), labels)
        loss = loss + 0.5 * DECAY * sum(tensor.square().sum() for tensor in phi.values())
        optimizer.param_groups[0]["lr"] = rate(epoch, lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return points


def flat(point: dict, names: list[str]) -> torch.Tensor:
    return torch.cat([point[name].detach().double().flatten() for name in names])


def check_against_pytorch(folder: Path) -> None:
    """The way of every point in EPOCHS steps, to 1e-4. LibTorch's float32 gradient of a deep network is 2 % off in the layout that training
    uses: rounding switches ReLUs near their kink."""
    cases = [("mlp", "bezier", 1, [True, True], LR, 1e-4), ("mlp", "polychain", 3, [False, True], LR, 1e-4)]
    cases += [("mlp", "bezier", 0, [True, False], LR, 1e-4), ("resnet20", "bezier", 3, [True, True], LR / 10, 6e-2)]
    for number, (architecture, kind, bends, fixed, lr, tolerance) in enumerate(cases):
        ends = write_ends(folder, architecture)
        target = folder / f"pytorch-{number}"
        config = curve_config(target, architecture, ends, kind=kind, bends=bends, fix_ends=fixed)
        config["train"]["lr"] = lr
        train(folder, config)
        start = [load_file(path) for path in ends]
        names = [name for name, _ in make_model(architecture, 1, 10).named_parameters()]
        expected = plain_training(architecture, kind, start, bends, fixed, lr)
        for j, (point, wanted) in enumerate(zip(points_in(target), expected, strict=True)):
            s = j / (bends + 1)
            begin = (1 - s) * flat(start[0], names) + s * flat(start[1], names)
            way, wanted_way = flat(point, names) - begin, flat(wanted, names) - begin
            moves = wanted[names[0]].requires_grad
            error = (way - wanted_way).norm().item() / (wanted_way.norm().item() if moves else 1)
            expect(wanted_way.norm().item() > 1e-4 if moves else way.norm().item() == 0, f"{architecture} {kind}: point {j} moves: {moves}")
            expect(error < tolerance, f"{architecture} {kind}: point {j} is {error:.1e} off PyTorch's way")
            print(f"{architecture} {kind} point {j}: {error:.1e}")


def check_sampling(folder: Path) -> None:
    """`orograph curve` takes the index, and finds at t = 1/2 the loss that the last epoch was judged by."""
    ends = write_ends(folder, "resnet20")
    target = folder / "sampled"
    train(folder, curve_config(target, "resnet20", ends, kind="polychain"))
    config = {
        "job": "curve",
        "model": {"architecture": "resnet20"},
        "data": {"set": "fashion-mnist", "limit": IMAGES},
        "curve": {"file": str(target / "curve.yaml")},
        "grid": {"t": [0, 1, 3]},
        "evaluate": {"recalibrate": {"batch": IMAGES}},
        "output": {"file": str(folder / "samples.h5")},
        "run": {"threads": 1, "progress": "none"},
    }
    train(folder, config)
    samples = datasets(folder / "samples.h5")
    last = list(csv.DictReader((target / "history.csv").open()))[-1]
    for field in ("train", "test"):
        expect(samples[f"{field}_nll"][1] == float(last[f"{field}_loss"]), f"{field} loss at the middle: {samples[f'{field}_nll']} {last}")
    excess = samples["train_loss"] - samples["train_nll"]
    expect(abs(excess - 0.5 * DECAY * samples["norm"] ** 2).max() < 1e-9 * excess.max(), "the index holds the weight decay")


def check_interruptions(folder: Path) -> None:
    """SIGKILL and SIGUSR1 in the middle; started again the run ends in the same bits, and in the run's own files only."""
    ends = write_ends(folder, "mlp")
    base = curve_config(folder / "undisturbed", "mlp", ends, bends=2)
    base["train"] |= {"batch": 4, "epochs": 12}
    train(folder, base)
    target = folder / "interrupted"
    path = write_config(folder / "interrupted.yaml", base | {"output": {"folder": str(target)}})
    stopped = 0
    for number in (signal.SIGKILL, signal.SIGUSR1, signal.SIGKILL):
        history = (target / "history.csv").read_text() if target.exists() else ""
        process = subprocess.Popen(command(PROGRAM, ["train", path], 0), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        while process.poll() is None and (not (target / "history.csv").exists() or (target / "history.csv").read_text() == history):
            time.sleep(0.002)
        process.send_signal(number)
        stopped += process.wait(timeout=60) != 0
    expect(stopped > 0, "a run was stopped before its end")
    expect(run(PROGRAM, ["train", path], 0).returncode == 0, "the run goes on")
    names = sorted(file.name for file in (folder / "undisturbed").iterdir())
    expect(names == sorted(file.name for file in target.iterdir()), "the same files")
    bends = [f"bend-{j}.safetensors" for j in range(4)]
    others = ["curve.safetensors", "curve.yaml", "history.csv", "resume.previous.safetensors", "resume.safetensors"]
    expect(names == sorted([*bends, *others]), f"the run's own files: {names}")
    for name in names:
        if "previous" not in name:
            expect((target / name).read_bytes() == (folder / "undisturbed" / name).read_bytes(), f"{name} after interruptions")


def check_sweep(folder: Path) -> None:
    """Pairs and seeds in one job: each run is the training that a user would start by hand; two ranks make the same bits."""
    a, b, c = write_ends(folder, "mlp", 3)
    pairs = [[a, b], [a, c]]
    for ranks in (1, 2):
        config = curve_config(folder / f"sweep-{ranks}", "mlp", [])
        del config["curve"]
        config |= {"job": "sweep", "over": {"curve.ends": pairs, "model.seed,train.seed": [1, 2]}}
        train(folder, config, ranks)
    rows = list(csv.DictReader((folder / "sweep-1" / "runs.csv").open()))
    expect([row["run"] for row in rows] == [f"ends={i},seed={seed}" for i in (0, 1) for seed in (1, 2)], f"runs {rows}")
    for row in rows[1:3]:
        single = curve_config(folder / f"single-{row['run']}", "mlp", pairs[int(row["run"][5])])
        single["train"]["seed"] = int(row["run"][-1])
        train(folder, single)
        for name in ("bend-1.safetensors", "curve.yaml", "history.csv"):
            places = [Path(single["output"]["folder"]), *(folder / f"sweep-{ranks}" / row["run"] for ranks in (1, 2))]
            bits = [(place / name).read_bytes() for place in places]
            expect(bits[0] == bits[1] == bits[2], f"{name} of run {row['run']}")


def authors_names(architecture: str, renamed: dict, bends: int, kind: str) -> dict:
    """Names and shapes that the strict load of the authors' CurveNet wants: CurveModules in place of layers, the coefficients' buffers."""
    wanted = {"coeff_layer.range": [bends]}
    if kind == "bezier":
        wanted |= {"coeff_layer.binom": [bends], "coeff_layer.rev_range": [bends]}
    for path, layer in make_model(architecture, 1, 10).named_modules():
        name = next((path.removesuffix(ours) + theirs for ours, theirs in renamed.items() if path.endswith(ours)), path)
        for kind_of, parameter in layer.named_parameters(recurse=False):
            wanted |= {f"net.{name}.{kind_of}_{j}": list(parameter.shape) for j in range(bends)}
        wanted |= {f"net.{name}.{buffer}": list(tensor.shape) for buffer, tensor in layer.named_buffers(recurse=False)}
    return wanted


def check_authors_form(folder: Path) -> None:
    """What their program loads strictly, and what is read back as FILE#bend=J as ends of another curve."""
    convfc = {"conv_part.0": "conv1", "conv_part.3": "conv2", "conv_part.6": "conv3"}
    convfc |= {"fc_part.0": "fc4", "fc_part.2": "fc5", "fc_part.4": "fc6"}
    for architecture, renamed, kind in (("convfc", convfc, "bezier"), ("preresnet110", {"downsample.0": "downsample"}, "polychain")):
        config = curve_config(folder / architecture, architecture, write_ends(folder, architecture), kind=kind)
        config["data"]["limit"] = config["train"]["batch"] = 4
        config["train"]["epochs"] = 1
        train(folder, config)
        form = load_file(folder / architecture / "curve.safetensors")
        expect({name: list(tensor.shape) for name, tensor in form.items()} == authors_names(architecture, renamed, 3, kind), architecture)
        if kind == "bezier":
            expect(form["coeff_layer.binom"].tolist() == [math.comb(2, j) for j in range(3)], "binomials")
        if architecture == "convfc":
            torch.save({"epoch": 1, "model_state": form, "optimizer_state": {}}, folder / "authors.pt")
            again = curve_config(folder / "again", architecture, [str(folder / "authors.pt#bend=0"), str(folder / "authors.pt#bend=2")])
            again["data"]["limit"] = again["train"]["batch"] = 4
            train(folder, again)
            first, second = points_in(folder / architecture), points_in(folder / "again")
            expect(all(torch.equal(first[j][name], second[j][name]) for j in (0, 2) for name in first[0]), "the ends come back")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for check in (check_against_pytorch, check_sampling, check_interruptions, check_sweep, check_authors_form):
            begin = time.perf_counter()
            check(folder)
            print(f"{check.__name__}: {time.perf_counter() - begin:.1f} s")
    report_checks(60)


main()
