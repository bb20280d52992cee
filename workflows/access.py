"""Art. 15: the right of access."""

from shared.domain.case import Right
from workflows.stages import answer, call_back, confirm, deliver, export, identify, locate, resolve

RIGHT = Right(
    "access",
    article="15",
    clock="P1M",
    stages=(identify, locate, resolve, confirm, export, answer, deliver, call_back),
    links_until="export",
)
