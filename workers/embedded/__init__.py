"""The embedded stack: Valkey, intake, worker, beat and Flower in one process tree that ends with its parent.

`Stack(settings, …).run()` is `rightsdesk up`. Each part of ours, once ready, writes its pid to
`run/<part>.ready`. What a part prints goes to `log/<part>.log`. A process that forks children of its own ties them to
itself with `die_with_parent`.
"""

from workers.embedded.parts import python_part, valkey_part
from workers.embedded.process import Part
from workers.embedded.stack import Stack, read_stack
from workers.embedded.tether import die_with_parent

__all__ = ["Part", "Stack", "die_with_parent", "python_part", "read_stack", "valkey_part"]
