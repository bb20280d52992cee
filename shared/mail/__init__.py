"""What all kinds of mailbox share: whose a message is, what a verb does with it, how it is exported.

A connector kind subclasses `Correspondence` and says how its messages are read, moved, rewritten and removed.
"""

from shared.mail.correspondence import Correspondence
from shared.mail.kept import Batch, Finder, Place, Same
from shared.mail.letters import Letter, Reader
from shared.mail.settings import MailSettings, Roles

__all__ = ["Batch", "Correspondence", "Finder", "Letter", "MailSettings", "Place", "Reader", "Roles", "Same"]
