"""Which hosts go through which proxy."""

import socket
from pathlib import Path

import pytest
from idla_store import FetchPolicy, RefusedError
from idla_store.https import download
from idla_store.proxy import open_tunnel, proxy_for

CHOSEN = {
    "none": (None, "", None),
    "a URI": ("http://proxy:3128", "", ("proxy", 3128)),
    "host and port alone": ("proxy:3128", "", ("proxy", 3128)),
    "another host is left out": ("http://proxy:3128", "other.example", ("proxy", 3128)),
    "left out by name": ("http://proxy:3128", "other, data.example", None),
    "left out by domain": ("http://proxy:3128", ".example", None),
    "everything is left out": ("http://proxy:3128", "*", None),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_host_goes_through_the_proxy_unless_it_is_left_out(name: str) -> None:
    proxy, without, expected = CHOSEN[name]
    assert proxy_for("data.example", 443, proxy, without) == expected


@pytest.mark.parametrize("proxy", ["https://proxy:1", "http://user:canary@proxy:1", "http://proxy", "socks5://proxy:1"])
def test_another_proxy_is_refused_without_its_password(proxy: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="HTTPS_PROXY") as caught:
        download("https://data.example/x", tmp_path / "x", FetchPolicy(proxy=proxy))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1", b"x" * 20000, b"SSH-2.0\r\n\r\n"])
def test_an_answer_that_is_no_agreement_is_an_error(answer: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(answer)
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError, match="the proxy"):
            open_tunnel(here, "data.example", 443)
