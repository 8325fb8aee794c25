"""Owns what happens when the VM tier cannot run: a failure where it must, a loud skip where it may."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

import pytest

from . import kernels


def cannot(reason: object) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"DID NOT RUN: {reason}", pytrace=False)
    pytest.skip(f"DID NOT RUN: {reason}")


@pytest.fixture(scope="session")
def image_of(request: pytest.FixtureRequest) -> Callable[[str], kernels.Image]:
    """Gets a kernel ready to boot, by name; a machine that cannot is asked once only."""
    known: dict[str, kernels.Image | kernels.Unavailable] = {}
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def get(name: str) -> kernels.Image:
        if name not in known:
            kernel = next(one for one in kernels.KERNELS if one.name == name)
            try:
                with capture.global_and_fixture_disabled():  # it takes a while: show what it does
                    kernels.require_host()
                    kernels.ensure_tools()
                    known[name] = kernels.ensure(kernel)
            except kernels.Unavailable as error:
                known[name] = error
        found = known[name]
        if isinstance(found, kernels.Unavailable):
            cannot(found)
        return found

    return get
