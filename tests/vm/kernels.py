"""Owns the list of kernels that the VM tier boots, and gets them and QEMU onto this machine.

``python -m tests.vm.kernels`` fetches everything ahead of the tests; ``--clean`` drops the cache first.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kernel:
    name: str  # the release series, and the test id
    meta: tuple[str, ...]  # packages (or package/suite) whose dependency names the current image of that series


KERNELS = (
    Kernel("6.1", ("linux-image-amd64",)),
    Kernel("6.12", ("linux-image-6.12-amd64", "linux-image-amd64/bookworm-backports", "linux-image-amd64")),
)

# Kernels started once more with other arguments, for the checks that are registered for that variant.
VARIANTS = {"preempt": ("6.12", "preempt=full")}

PACKAGES = ("qemu-system-x86", "kmod", "xz-utils", "busybox-static", "iproute2", "dmsetup", "e2fsprogs")

# What a guest needs to reach the host's files, in its first file system; then what fault workloads may load.
# The other 4,000 modules of an image are dropped: they cost half a minute to unpack and half a gigabyte to keep.
BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
MODULES = (*BOOT_MODULES, "zram", "lzo-rle", "lz4", "zstd", "loop", "brd", "ext4", "dm-delay", "virtio_blk")
# The largest trees that hold nothing of the above stay in the archive.
UNWANTED = (
    *("sound", "net/bluetooth", "net/netfilter", "net/sched", "net/mac80211", "net/wireless"),
    *("drivers/gpu", "drivers/hid", "drivers/hwmon", "drivers/iio", "drivers/infiniband", "drivers/input"),
    *("drivers/media", "drivers/mtd", "drivers/net", "drivers/platform", "drivers/staging", "drivers/usb"),
)


class Unavailable(Exception):
    """The tier cannot run on this machine; the text says what is missing and why."""


@dataclass(frozen=True)
class Image:
    """A kernel on disk, ready to boot: ``boot/vmlinuz-VERSION``, ``initrd`` and ``lib/modules/VERSION``."""

    kernel: Kernel
    version: str
    root: Path

    @property
    def vmlinuz(self) -> Path:
        return self.root / "boot" / f"vmlinuz-{self.version}"

    @property
    def initrd(self) -> Path:
        return self.root / "initrd"

    @property
    def modules(self) -> Path:
        return self.root / "lib/modules" / self.version


def cache() -> Path:
    return Path(os.environ.get("PFTOP_VM_CACHE") or REPO / ".cache" / "vm").resolve()


def say(text: str) -> None:
    print(f"vm: {text}", flush=True)


def ask(*argv: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command whose failure is an answer; kmod lives where not every root shell looks."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    environment = os.environ | {"PATH": path, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True)


def call(*argv: str | Path, cwd: Path | None = None) -> str:
    """The command's output; Unavailable, with the last lines it wrote, when it fails."""
    try:
        done = ask(*argv, cwd=cwd)
    except FileNotFoundError as error:
        raise Unavailable(f"{argv[0]} is not installed") from error
    if done.returncode:
        tail = " | ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise Unavailable(f"{' '.join(map(str, argv))}: exit {done.returncode}: {tail}")
    return done.stdout


def require_host() -> None:
    """Unavailable unless this machine can be asked to boot x86-64 kernels at all."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unavailable(f"guests are x86-64 kernels over the host's own files; this is {platform.machine()}")
    if os.geteuid() != 0:
        raise Unavailable(f"installing QEMU and sharing / with the guest needs root; uid is {os.geteuid()}")
    if set(" \t,") & set(str(cache())):
        raise Unavailable(f"{cache()} has a space or a comma, which QEMU's options cannot carry")


def installed(package: str) -> bool:
    return ask("dpkg-query", "-W", "-f", "${Status}", package).stdout == "install ok installed"


def ensure_tools() -> None:
    if shutil.which("apt-get") is None:
        raise Unavailable("kernels and QEMU come as Debian packages; there is no apt-get here")
    missing = [package for package in PACKAGES if not installed(package)]
    if missing:
        say(f"installing {' '.join(missing)}")
        install = ("apt-get", "install", "-y", "--no-install-recommends", *missing)
        try:
            call(*install)
        except Unavailable:  # package lists that are old name files that are gone
            call("apt-get", "update")
            call(*install)


def package_of(kernel: Kernel) -> str | None:
    """The current image package of the series, by the meta packages this machine's apt knows."""
    for meta in kernel.meta:
        name, _, suite = meta.partition("/")
        options = ["-o", f"APT::Default-Release={suite}"] if suite else []
        for line in ask("apt-cache", *options, "depends", name).stdout.splitlines():
            package = line.strip().removeprefix("Depends: ")
            if package.startswith((f"linux-image-{kernel.name}.", f"linux-image-{kernel.name}+")):
                return package
    return None


def download(kernel: Kernel, folder: Path) -> Path:
    for attempt in ("as known", "after an update"):
        if attempt == "after an update":
            say("apt-get update")
            call("apt-get", "update")
        package = package_of(kernel)
        if package is None:
            continue
        say(f"{kernel.name}: downloading {package}")
        try:
            # apt's own user cannot write here, and says so in a warning each time.
            call("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=folder)
            return next(folder.glob("*.deb"))
        except Unavailable:
            if attempt == "after an update":
                raise
    raise Unavailable(f"apt knows no image of kernel {kernel.name} (asked for {', '.join(kernel.meta)})")


def depends(image: Image, names: Iterable[str]) -> list[Path]:
    """The files of these modules and of all they need, in load order; what is built in needs none."""
    found: dict[Path, None] = {}
    for name in names:
        query = ("modprobe", "-C", "/var/empty", "-d", image.root, "-S", image.version, "--show-depends", name)
        lines = ask(*query).stdout.splitlines()
        found |= {Path(line.removeprefix("insmod ").strip()): None for line in lines if line.startswith("insmod ")}
    return list(found)


def trim_modules(image: Image) -> int:
    """Keep MODULES only, decompressed so that any insmod reads them; returns how many files stay."""
    call("depmod", "-b", image.root, image.version)
    keep = depends(image, MODULES)
    for module in image.modules.rglob("*.ko*"):
        if module not in keep:
            module.unlink()
    if packed := [module for module in keep if module.suffix == ".xz"]:
        call("xz", "-d", "--threads=0", *packed)
    call("depmod", "-b", image.root, image.version)
    return len(keep)


def make_initrd(image: Image) -> None:
    """The guest's first file system: busybox, init.sh of this folder and the modules it loads first."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("bin", "modules", "dev", "proc", "lower", "over", "new"):
            (tree / name).mkdir()
        shutil.copy2(shutil.which("busybox") or "/bin/busybox", tree / "bin")
        shutil.copy2(Path(__file__).with_name("init.sh"), tree / "init")
        (tree / "init").chmod(0o755)
        for number, module in enumerate(depends(image, BOOT_MODULES)):  # a glob loads them in this order
            shutil.copy2(module, tree / "modules" / f"{number:02}-{module.name}")
        pack = "find . | busybox cpio -o -H newc"
        packed = subprocess.run(["sh", "-c", pack], cwd=tree, capture_output=True)
        if packed.returncode:
            raise Unavailable(f"cannot pack the guest's first file system: {packed.stderr.decode().strip()}")
    image.initrd.write_bytes(packed.stdout)


def unpack(deb: Path, root: Path) -> str:
    """Lay the image out under root; returns the version."""
    excluded = [f"--exclude=./lib/modules/*/kernel/{tree}" for tree in UNWANTED]
    excluded += [f"--exclude=./usr/lib/modules/*/kernel/{tree}" for tree in UNWANTED]
    archive = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    tar = ["tar", "-x", "-C", str(root), "--exclude=./boot/System.map*", *excluded]
    status = subprocess.run(tar, stdin=archive.stdout, capture_output=True, text=True)
    if archive.wait() or status.returncode:
        raise Unavailable(f"cannot unpack {deb.name}: {status.stderr.strip()[-300:]}")
    if not (root / "lib").exists():  # newer packages ship /usr/lib only; kmod looks in /lib
        (root / "lib").symlink_to("usr/lib")
    return next((root / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")


def cached(kernel: Kernel) -> Image | None:
    root = cache() / kernel.name
    done = root / "version"
    return Image(kernel, done.read_text().strip(), root) if done.exists() else None


def fetch(kernel: Kernel) -> None:
    began = time.monotonic()
    root = cache() / kernel.name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    deb = download(kernel, root)
    image = Image(kernel, unpack(deb, root), root)
    deb.unlink()
    count = trim_modules(image)
    (root / "version").write_text(image.version + "\n")  # last: it says that the rest is whole
    say(f"{kernel.name}: {image.version} ready in {time.monotonic() - began:.0f} s, {count} modules kept")


def ensure(kernel: Kernel) -> Image:
    """The kernel, from the cache or fetched now; Unavailable when neither is possible."""
    if cached(kernel) is None:
        fetch(kernel)
    image = cached(kernel)
    assert image
    make_initrd(image)  # each time: it holds a file of this repository
    return image


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch QEMU and the kernels of the VM tier.")
    parser.add_argument("--clean", action="store_true", help="drop the cached kernels first")
    if parser.parse_args().clean:
        shutil.rmtree(cache(), ignore_errors=True)
    try:
        require_host()
        ensure_tools()
        for kernel in KERNELS:
            say(f"{kernel.name}: {ensure(kernel).vmlinuz}")
    except Unavailable as error:
        say(f"cannot: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
