"""A first request through the real path: the socket, the parser, the routes and the model."""

import asyncio

import numpy as np
from idla_artifact.errors import ModelError
from idla_artifact.model import ServedModel
from idla_contract.inference import infer_path, infer_request
from idla_contract.result import FailureReason

from idla_server.messages import dump, tensor_of


async def warm_up(port: int, name: str, model: ServedModel) -> None:
    """Send the first golden input to this process's own port.

    Raises:
        ModelError: the answer is not 200, or is none.
    """
    # What is not finite cannot be sent, and zeros warm up as well.
    finite = {key: np.nan_to_num(array) if array.dtype.kind == "f" else array for key, array in model.example.items()}
    body = dump(infer_request([tensor_of(key, array) for key, array in finite.items()]))
    head = f"POST {infer_path(name)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
    except OSError as error:
        raise ModelError(FailureReason.INTERNAL, f"the warm-up request failed ({error}); try again") from error
    status, _, rest = answer.partition(b"\r\n")
    if b" 200 " not in status:
        found = rest.rpartition(b"\r\n\r\n")[2].decode(errors="replace")
        problem = f"the warm-up request is answered {status.decode(errors='replace')!r}: {found}"
        raise ModelError(FailureReason.ARTIFACT_INVALID, f"{problem}; publish the artifact again")
