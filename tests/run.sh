#!/bin/bash
# Runs the tests, tier by tier, and first installs what they need: ./tests/run.sh [TIER...]
#
#   static  ruff and mypy          unit  no kernel, no terminal      ui     the screens, headless
#   live    this kernel, as root   vm    other kernels, in QEMU      bench  prints figures, judges no seconds
#
# A tier that cannot run here says so loudly; with CI=true in the environment that is a failure, and so is a
# skipped test. The last line is the sum over all tiers.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
VENV=$PWD/.venv
TIERS=(static unit ui live vm bench)
# Seconds a tier may take before it is ended: a hang must not hide the other tiers' results.
declare -A LIMIT=([static]=300 [unit]=300 [ui]=600 [live]=900 [vm]=1500 [bench]=600)
passed=0 failed=0 skipped=0 status=0

die() {
    echo "tests: $*" >&2
    exit 1
}

# Runs a command and shows what it printed only when it fails.
quietly() {
    local output
    output=$("$@" 2>&1 </dev/null) || {
        echo "$output" >&2
        return 1
    }
}

is_root() { [ "$(id -u)" = 0 ]; }

find_python() {
    local python
    for python in python3 /usr/bin/python3 python3.{14,13,12,11}; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python"
            return 0
        fi
    done
    return 1
}

have_bcc() { compgen -G '/usr/lib*/python3*/*-packages/bcc/libbcc.py' >/dev/null; }

install_packages() {
    local missing=()
    have_bcc || missing+=(python3-bpfcc)
    command -v tmux >/dev/null || missing+=(tmux)
    command -v gcc >/dev/null || missing+=(gcc libc6-dev)
    find_python >/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! is_root || ! command -v apt-get >/dev/null; then
        echo "tests: missing here, and only installed by root on Debian: ${missing[*]}"
        return 0
    fi
    echo "tests: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${missing[@]}")
    # The lists may be missing, or name versions which the servers no longer have.
    "${install[@]}" >/dev/null 2>&1 </dev/null && return 0
    quietly apt-get -qq update || die "apt-get update failed"
    quietly "${install[@]}" || die "apt-get could not install ${missing[*]}"
}

make_environment() {
    local python stamp
    python=$(find_python) || die "no Python 3.11 or newer with the venv module"
    # The checkout's path is part of it: an editable install names it.
    stamp="$PWD $("$python" -c 'import sys; print(sys.version, sys.base_prefix)') $(sha256sum pyproject.toml)"
    if [ "$(cat "$VENV/stamp" 2>/dev/null)" != "$stamp" ]; then
        echo "tests: making $VENV with $("$python" -V), $python"
        rm -rf "$VENV" || die "cannot remove $VENV"
        quietly "$python" -m venv "$VENV" || die "cannot make $VENV"
        local pip=("$VENV/bin/python" -m pip --disable-pip-version-check install)
        quietly "${pip[@]}" 'hatchling>=1.25' -e '.[test]' || die "pip could not install what the tests need"
        echo "$stamp" >"$VENV/stamp"
    fi
    PATH=$VENV/bin:$PATH
}

# One check of the static tier, counted as one test.
check() {
    local output
    if output=$(timeout --foreground "${LIMIT[static]}" "$@" 2>&1 </dev/null); then
        tier_passed=$((tier_passed + 1))
    else
        tier_failed=$((tier_failed + 1))
        echo "FAILED: $*"
        echo "$output" | tail -n 40
    fi
}

run_static() {
    check ruff check --quiet --output-format concise .
    check ruff format --check --quiet --output-format concise .
    check mypy --no-error-summary
}

# Why a tier cannot run here; empty when it can.
hindrance() {
    case $1 in
    live | vm | bench) is_root || echo "needs root" ;;
    esac
    case $1 in
    live | bench) have_bcc || echo "needs BCC's Python module (Debian: python3-bpfcc)" ;;
    esac
}

run_pytest() {
    local name=$1 code counts
    local options=(-q --tb=short -o asyncio_default_fixture_loop_scope=function)
    # The others would count each other's faults.
    case $name in unit | ui) options+=(-n auto) ;; esac
    [ "$name" != bench ] || options+=(-s)
    counts=$(mktemp)
    # SIGINT first: pytest then says where it hung and still counts what passed.
    PFTOP_TEST_COUNTS=$counts timeout --foreground -s INT -k 20 "${LIMIT[$name]}" \
        python -m pytest "${options[@]}" "tests/$name" </dev/null
    code=$?
    read -r tier_passed tier_failed tier_skipped <"$counts" || true
    rm -f "$counts"
    case $code in
    0 | 1) ;;
    5) return 5 ;;
    124 | 137)
        echo "FAILED: tier $name was ended after ${LIMIT[$name]} s"
        tier_failed=$((tier_failed + 1))
        ;;
    *) [ "$tier_failed" -gt 0 ] || tier_failed=1 ;;
    esac
}

did_not_run() {
    echo "!! tier $1 DID NOT RUN: $2"
    [ "${CI:-}" != true ] || status=1
}

run_tier() {
    local name=$1 why
    tier_passed=0 tier_failed=0 tier_skipped=0
    if [ "$name" != static ] && ! compgen -G "tests/$name/test_*.py" >/dev/null; then
        echo "tier $name: none yet"
        return
    fi
    why=$(hindrance "$name")
    if [ -n "$why" ]; then
        did_not_run "$name" "${why//$'\n'/, }"
        return
    fi
    echo "== tier $name =="
    if [ "$name" = static ]; then
        run_static
    elif ! run_pytest "$name"; then
        echo "tier $name: none yet"
        return
    fi
    echo "tier $name: $tier_passed passed, $tier_failed failed, $tier_skipped skipped"
    [ $((tier_passed + tier_failed)) -gt 0 ] || did_not_run "$name" "every test in it was skipped, see above"
    passed=$((passed + tier_passed)) failed=$((failed + tier_failed)) skipped=$((skipped + tier_skipped))
}

[ $# -gt 0 ] || set -- "${TIERS[@]}"
for tier in "$@"; do
    [ -n "${LIMIT[$tier]:-}" ] || die "no tier $tier; there are: ${TIERS[*]}"
done
install_packages
make_environment
for tier in "$@"; do
    run_tier "$tier"
done
[ "$failed" = 0 ] && [ "$passed" -gt 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit $status
