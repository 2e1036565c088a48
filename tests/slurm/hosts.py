"""An output folder that not all ranks share is refused, whoever sees another one; one that they share is not.

usage: hosts.py PROGRAM        A rank in a mount namespace of its own stands for another host. Needs the right to make one.
"""
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "app"))
from mounts import own_mounts  # noqa: E402
from program import ENVIRONMENT, expect, mlp_weights, points_done, report_checks, run, surface_config, write_config  # noqa: E402

PROGRAM = str(Path(sys.argv[1]).resolve())
SKIPPED = 77  # SKIP_RETURN_CODE of this test


def run_apart(config: Path, ranks: list) -> subprocess.CompletedProcess:
    """A rank for each shell fragment, which runs before the program in a mount namespace of its own; "" is no fragment."""
    line = ["mpirun", "--quiet", "--oversubscribe", "--bind-to", "none"]
    for first in ranks:
        program = [PROGRAM, "surface", str(config)]
        apart = [*own_mounts(), "sh", "-c", f"{first} && exec {shlex.join(program)}"]
        line += ["-n", "1", *(apart if first else program), ":"]
    return subprocess.run(line[:-1], capture_output=True, text=True, timeout=60, env=ENVIRONMENT)


def main() -> None:
    if not own_mounts():
        print("skipped: no right to make a mount namespace (root is needed)")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = folder / "output"
        output.mkdir()
        mlp_weights(folder / "mlp.safetensors")
        config = write_config(folder / "surface.yaml", surface_config(folder, output={"file": str(output / "surface.h5")}))
        elsewhere = f"mount -t tmpfs tmpfs {output}"
        for ranks in (["", elsewhere], [elsewhere, ""], ["", "", elsewhere]):
            result = run_apart(config, ranks)
            lines = result.stderr.strip().splitlines()
            expect(result.returncode == 73 and len(lines) == 1, f"{ranks}: {result.returncode} {result.stderr}")
            expect(str(output) in lines[0] and "is not the one of rank 0" in lines[0], lines[0])
            expect(not list(output.iterdir()), f"{ranks}: left behind: {list(output.iterdir())}")

        # A file from before, of which the other host knows nothing, or has another copy, stays as it is.
        expect(run(PROGRAM, ["surface", config], 1).returncode == 0, "a surface")
        before = (output / "surface.h5").read_bytes()
        copy = f"cp {output}/surface.h5 {folder}/copy.h5 && {elsewhere} && cp {folder}/copy.h5 {output}/surface.h5"
        for first in (elsewhere, copy):
            result = run_apart(config, ["", first])
            expect(result.returncode == 73 and "is not the one of rank 0" in result.stderr, f"{first}: {result.returncode} {result.stderr}")
            expect((output / "surface.h5").read_bytes() == before, f"{first}: the file has changed")

        # Namespaces alone are no reason.
        (output / "surface.h5").unlink()
        result = run_apart(config, ["", "true"])
        expect(result.returncode == 0 and points_done(output / "surface.h5") == 15, result.stderr)
    report_checks(15)


main()
