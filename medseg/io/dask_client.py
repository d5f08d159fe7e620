"""The way to a Dask cluster, or a line that says why there is none."""

from __future__ import annotations

from typing import Any

from medseg.errors import UsageError

__all__ = ["connect"]

_PATIENCE_S = 10.0


def connect(address: str) -> Any:
    """Client of the scheduler at ``address``; use it as a context.

    Raises:
        UsageError: If Dask is not installed or no scheduler answers.
    """
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError as error:
        raise UsageError("--dask needs the package distributed; install it with: pip install 'medseg[dask]'") from error
    try:
        get_address_host_port(address)  # what is no address leaves a half-made client, whose end takes long
        return Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"--dask {address}: must be the address of a running Dask scheduler, such as tcp://127.0.0.1:8786,"
            f" got no answer within {_PATIENCE_S:g} s"
        ) from error
