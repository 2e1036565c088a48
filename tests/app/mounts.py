"""Mount namespaces for tests: what a command mounts there nobody else sees, and it is gone with the command."""
import functools
import subprocess
import tempfile
from pathlib import Path

# The second where the root is no mount point, as after chroot: its mounts stay among themselves only where the machine's are private.
WAYS = (["unshare", "--mount"], ["unshare", "--mount", "--propagation", "unchanged"])


def stays_apart(way: list) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / "seen"
        done = subprocess.run([*way, "sh", "-c", f"mount -t tmpfs tmpfs {folder} && touch {seen}"], capture_output=True).returncode == 0
        if seen.exists():
            subprocess.run(["umount", folder], check=True)
            return False
        return done


@functools.cache
def own_mounts() -> list:
    """The words before a command that give it mounts of its own; none where this machine allows none (root is needed)."""
    return next((way for way in WAYS if stays_apart(way)), [])
