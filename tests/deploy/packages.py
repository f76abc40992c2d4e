"""What `sam build` made: runs on Amazon Linux 2023, small enough, and with the build settings of the repository.

usage: packages.py BUILD_FOLDER TARGET_FOLDER
"""

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

# Amazon Linux 2023 has glibc 2.34; a binary that asks for more does not start.
GLIBC_MAX = (2, 34)
# Zipped bytes of a function at most, so that growth is noticed: the dataset-updater's since it has leases and looks at each entry.
ZIP_BYTES_MAX = {"UpdaterFunction": 4_200_000, "ConsolidationFunction": 4_000_000, "PreAnnotationFunction": 4_000_000}


def glibc_needed(binary: Path) -> tuple[int, int]:
    symbols = subprocess.run(["objdump", "-T", binary], capture_output=True, text=True, check=True).stdout
    return max(tuple(map(int, version)) for version in re.findall(r"GLIBC_(\d+)\.(\d+)", symbols))


def zipped_bytes(folder: Path) -> int:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                package.write(path, path.relative_to(folder))
    return len(archive.getvalue())


def main() -> None:
    failures = []
    packages = sorted(path.parent for path in Path(sys.argv[1]).glob("*/bootstrap"))
    if len(packages) != 3:
        failures.append(f"{len(packages)} functions were built, not 3")
    for package in packages:
        glibc, n_bytes = glibc_needed(package / "bootstrap"), zipped_bytes(package)
        binary_bytes = (package / "bootstrap").stat().st_size
        print(f"{package.name:24} binary {binary_bytes / 1e6:6.2f} MB, zipped {n_bytes / 1e6:5.2f} MB, glibc {glibc[0]}.{glibc[1]}")
        if glibc > GLIBC_MAX:
            failures.append(f"{package.name} needs glibc {glibc[0]}.{glibc[1]}; Amazon Linux 2023 has 2.34")
        if n_bytes > ZIP_BYTES_MAX[package.name]:
            failures.append(f"{package.name} has {n_bytes} bytes zipped; {ZIP_BYTES_MAX[package.name]} is the limit")
    # .cargo/config.toml says so; a cold start takes some 50 ms longer without it.
    libraries = Path(sys.argv[2]).glob("*/release/build/aws-lc-sys-*/out/libaws_lc_*_crypto.a")
    newest = max(libraries, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        failures.append(f"{sys.argv[2]} has no AWS-LC to look at")
    elif "jent_" in subprocess.run(["nm", newest], capture_output=True, text=True, check=True).stdout:
        failures.append(f"{newest} has CPU jitter entropy: .cargo/config.toml was not read")
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
