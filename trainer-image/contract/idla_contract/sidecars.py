"""How a task asks a sidecar of its pod to end: the variable that the operator gives the pod, and what it may say."""

QUIT_URL = "IDLA_SIDECAR_QUIT_URL"
"""What the task's process sends an empty POST to when it has ended; unset, it sends none."""
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
QUIT_URL_PATTERN = rf"^http://(127[.]0[.]0[.]1|localhost|\[::1\]):{_PORT}(/[A-Za-z0-9._~-]+)*/?$"
"""Loopback alone, which is the pod's own: no spec may have pods call what is outside of them."""
QUIT_URL_FORM = (
    "http:// with 127.0.0.1, localhost or [::1], a port and a path of letters, digits, `.`, `_`, `~` and `-`,"
    " such as http://127.0.0.1:15020/quitquitquit"
)
