#!/bin/sh
# Installs the checkout that this file stands in so that `sudo pftop` works, and takes it away again.
# shellcheck disable=SC2046,SC2086  # lists of packages are split on purpose
set -eu
umask 022

PREFIX=${PFTOP_PREFIX:-/opt/pftop}
BINDIR=${PFTOP_BINDIR:-/usr/local/bin}
CHECKOUT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
MANIFEST=$PREFIX/INSTALLED
TRIED="debian-12 debian-13"

usage() {
    cat <<END
usage: ./pftop/install.sh [--uninstall [--purge]] [--help]

Installs pftop for every user of this machine, as root (through sudo where it can):
  the distribution's BCC Python package, and Python's venv package where Debian keeps it apart
  a private Python environment in $PREFIX
  the command $BINDIR/pftop
Running it again brings the installed pftop up to this checkout; if that fails, the old one stays.

  --uninstall   remove the environment and the command; distribution packages stay
  --purge       with --uninstall: also remove the packages that this script installed and nothing else needs
  PFTOP_PREFIX  environment variable: another place than /opt/pftop
  PFTOP_BINDIR  environment variable: another place than /usr/local/bin
Tried on: Debian 12, Debian 13.
END
}

say() { printf '%s\n' "pftop: $*"; }
die() {
    printf '%s\n' "pftop: $*" >&2
    exit 1
}

# Runs a command and shows what it printed only when it fails.
quietly() {
    if ! "$@" >"$LOG" 2>&1 </dev/null; then
        cat "$LOG" >&2
        return 1
    fi
}

main() {
    action=install purge=no
    for argument in "$@"; do
        case $argument in
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
        esac
    done
    [ "$purge" = no ] || [ "$action" = uninstall ] || die "--purge goes with --uninstall"
    for place in "$PREFIX" "$BINDIR"; do
        case $place in
        *[!A-Za-z0-9/._+-]* | [!/]* | / | */../* | */..) die "not a place to install to: $place" ;;
        esac
    done
    become_root "$@"
    # Nothing in the caller's environment or working directory may steer what is run as root.
    unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_USER PIP_ROOT
    cd /
    LOG=$(mktemp)
    VENV= # the half-made one
    trap 'rm -rf "$LOG" ${VENV:+"$VENV" "$PREFIX/bin/pftop.new"}' EXIT
    trap 'exit 130' INT HUP TERM
    "$action"
}

become_root() {
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null || die "needs root, and there is no sudo: su -c '$CHECKOUT/pftop/install.sh${*:+ $*}'"
    say "needs root: asking sudo"
    exec sudo -- env PFTOP_PREFIX="$PREFIX" PFTOP_BINDIR="$BINDIR" sh "$CHECKOUT/pftop/install.sh" "$@"
}

install() {
    [ -f "$CHECKOUT/pyproject.toml" ] || die "$CHECKOUT is not a checkout of pftop"
    check_places
    tell_distribution
    install_packages
    choose_python
    make_environment
    link_command
    say "installed $VERSION"
    sudo=
    ! command -v sudo >/dev/null || sudo="sudo "
    say "run it: ${sudo}pftop    (if that is not found: $sudo$BINDIR/pftop)"
}

check_places() {
    if [ -e "$PREFIX" ] && [ ! -f "$MANIFEST" ] && [ -n "$(ls -A "$PREFIX")" ]; then
        die "$PREFIX holds something that this script did not put there; set PFTOP_PREFIX to another place"
    fi
    if [ -e "$PREFIX" ] && [ "$(stat -c %u "$PREFIX")" != 0 ]; then
        die "$PREFIX does not belong to root, and what is in it runs as root; set PFTOP_PREFIX to another place"
    fi
    if { [ -e "$BINDIR/pftop" ] || [ -L "$BINDIR/pftop" ]; } && ! is_our_link; then
        die "$BINDIR/pftop exists and is not this script's; remove it or set PFTOP_BINDIR to another place"
    fi
}

is_our_link() { [ -L "$BINDIR/pftop" ] && [ "$(readlink "$BINDIR/pftop")" = "$PREFIX/bin/pftop" ]; }

tell_distribution() {
    # shellcheck source=/dev/null
    name=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown}-${VERSION_ID:-}") || name=unknown-
    case " $TRIED " in
    *" $name "*) ;;
    *) say "not tried on this distribution ($name), only on: $TRIED" ;;
    esac
}

have_bcc() {
    for package in /usr/lib/python3/dist-packages/bcc /usr/lib/python3.*/site-packages/bcc \
        /usr/lib64/python3.*/site-packages/bcc; do
        # PyPI's unrelated package of this name has no libbcc.py.
        [ ! -f "$package/libbcc.py" ] || return 0
    done
    return 1
}

install_packages() {
    manager=
    for candidate in apt-get dnf zypper pacman; do
        if command -v $candidate >/dev/null; then manager=$candidate && break; fi
    done
    case $manager in
    apt-get) bcc=python3-bpfcc ;;
    pacman) bcc='python-bcc' ;;
    *) bcc=python3-bcc ;;
    esac
    wanted=
    if have_bcc; then say "BCC's Python module is there"; else wanted=$bcc; fi
    # Debian keeps ensurepip in a package of its own.
    if [ "$manager" = apt-get ] && ! /usr/bin/python3 -I -c 'import ensurepip' 2>/dev/null; then
        wanted="$wanted python3-venv"
    fi
    [ -n "$wanted" ] || return 0
    [ -n "$manager" ] || die "no package manager that this script knows: install BCC's Python module, then run it again"
    say "installing with $manager:" $wanted
    before=$(installed_packages)
    with_"$(echo "$manager" | tr - _)" $wanted || die "$manager could not install $wanted"
    mkdir -p "$PREFIX"
    installed_packages | grep -vxF "$before" | while read -r package; do note "package $package"; done
}

installed_packages() {
    case $manager in
    apt-get) dpkg_installed ;;
    pacman) pacman -Qq ;;
    *) rpm -qa --qf '%{NAME}\n' ;;
    esac
}

dpkg_installed() { dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' | sed -n 's/^.i *//p'; }

with_apt_get() {
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-cache show "$@" >/dev/null 2>&1; then
        say "asking apt for its package lists, since it does not know: $*"
        quietly apt-get -qq update || return 1
    fi
    apt_install "$@" >/dev/null 2>&1 && return 0
    # Lists that are some weeks old name versions which the servers no longer have.
    quietly apt-get -qq update || return 1
    apt_install "$@"
}
apt_install() {
    quietly apt-get -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
}
with_dnf() { quietly dnf -y install "$@"; }
with_zypper() { quietly zypper --non-interactive install --no-recommends "$@"; }
with_pacman() { quietly pacman -S --needed --noconfirm "$@"; }

note() {
    grep -qxF "$1" "$MANIFEST" 2>/dev/null || echo "$1" >>"$MANIFEST"
}

# The distribution's own Python first: it stays when a user's is removed. Only root's own is run by root.
find_python() {
    for python in /usr/bin/python3 /usr/bin/python3.1[1-9] /usr/local/bin/python3 \
        $(command -v python3 python3.14 python3.13 python3.12 python3.11 || true); do
        [ "$(stat -Lc %u "$python" 2>/dev/null)" = 0 ] || continue
        if "$python" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

choose_python() {
    PYTHON=$(find_python) || die "no Python 3.11 or newer with the venv module; install one (python3.11 and" \
        "python3.11-venv on Ubuntu 22.04, python3.12 on RHEL 9), then run this again"
}

make_environment() {
    mkdir -p "$PREFIX/bin"
    note "link $BINDIR/pftop"
    VENV=$(mktemp -d "$PREFIX/venv.XXXXXX")
    chmod 755 "$VENV"
    say "making a Python environment in $VENV ($("$PYTHON" -V 2>&1), $PYTHON)"
    quietly "$PYTHON" -I -m venv "$VENV" || die "$PYTHON cannot make an environment"
    say "installing $CHECKOUT and the Python packages it needs"
    quietly "$VENV/bin/python" -I -m pip install --disable-pip-version-check --no-cache-dir "$CHECKOUT" ||
        die "pip could not install pftop (above is why); it needs PyPI, or a mirror set in /etc/pip.conf"
    # -I: neither PYTHONPATH nor the directory it is called from can put code into what runs as root.
    cat >"$PREFIX/bin/pftop.new" <<END
#!/bin/sh
exec $VENV/bin/python -I $VENV/bin/pftop "\$@"
END
    chmod 755 "$PREFIX/bin/pftop.new"
    VERSION=$("$PREFIX/bin/pftop.new" --version 2>&1) || die "the installed pftop does not start: $VERSION"
    mv -f "$PREFIX/bin/pftop.new" "$PREFIX/bin/pftop"
    for old in "$PREFIX"/venv.*; do
        [ "$old" = "$VENV" ] || rm -rf "$old"
    done
    VENV=
}

link_command() {
    if ! is_our_link; then
        say "linking $BINDIR/pftop"
        mkdir -p "$BINDIR"
        ln -s "$PREFIX/bin/pftop" "$BINDIR/pftop"
    fi
}

uninstall() {
    if [ ! -f "$MANIFEST" ]; then
        say "nothing of this script's in $PREFIX"
        return 0
    fi
    links=$(sed -n 's/^link //p' "$MANIFEST")
    packages=$(sed -n 's/^package //p' "$MANIFEST")
    for link in $links; do
        if [ -L "$link" ] && [ "$(readlink "$link")" = "$PREFIX/bin/pftop" ]; then
            say "removing $link"
            rm -f "$link"
        fi
    done
    say "removing $PREFIX"
    rm -rf "${PREFIX:?}/bin" "$PREFIX"/venv.* "$MANIFEST"
    rmdir "$PREFIX" 2>/dev/null || say "left in $PREFIX, not this script's:" "$(ls -A "$PREFIX")"
    [ -n "$packages" ] || return 0
    if [ "$purge" = no ]; then
        say "these packages were installed with pftop and stay:" $packages
        return 0
    fi
    say "removing packages:" $packages
    # These tools, unlike apt and dnf, never take other packages along.
    if command -v dpkg >/dev/null; then
        dpkg --purge $packages >"$LOG" 2>&1 && return 0
        kept=$(dpkg_installed | grep -xF "$packages")
        # dpkg remembers that their removal was asked for, and apt could follow that later.
        printf '%s install\n' $kept | dpkg --set-selections
        say "these stay, since other packages need them:" $kept
    elif command -v pacman >/dev/null; then
        quietly pacman -R --noconfirm $packages || say "they stay: other packages need them (see above)"
    else
        quietly rpm -e $packages || say "they stay: other packages need them (see above)"
    fi
}

main "$@"
