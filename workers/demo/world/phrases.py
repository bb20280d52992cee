"""What the people of the demo write and say, in the clients' languages; nothing in it identifies anybody."""

from typing import NamedTuple


class Phrases(NamedTuple):
    """The texts of one client."""

    subjects: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    notes: tuple[str, ...]
    greeting: str
    closing: str
    articles: tuple[str, ...]


GERMAN = Phrases(
    subjects=("Frage zur Lieferung", "Rückgabe der Bestellung", "Rechnung für Möbel", "Größe passt nicht"),
    questions=(
        "Wann kommt meine Lieferung an?",
        "Ich möchte die Bestellung zurückgeben, wie geht das?",
        "Können Sie mir die Rechnung noch einmal schicken?",
        "Die Größe passt leider nicht, ist ein Umtausch möglich?",
    ),
    answers=(
        "Vielen Dank für Ihre Nachricht, wir kümmern uns darum.",
        "Die Lieferung ist unterwegs und kommt übermorgen an.",
        "Das Rücksendeetikett liegt dem Paket bei.",
    ),
    notes=("Kundin wünscht Rückruf am Nachmittag.", "Kulanz gewährt.", "Bitte nicht vor zehn Uhr anrufen."),
    greeting="Guten Tag",
    closing="Mit freundlichen Grüßen",
    articles=("Bücherregal Eiche", "Stehlampe", "Teppich blau", "Küchenhocker", "Spiegel rund"),
)
ENGLISH = Phrases(
    subjects=("Question about my delivery", "Returning an order", "Invoice for café tables", "Wrong size"),
    questions=(
        "When will my delivery arrive?",
        "I would like to return the order, how does that work?",
        "Could you send me the invoice once more?",
        "The size does not fit, can I exchange it?",
    ),
    answers=(
        "Thank you for your message, we are looking into it.",
        "The parcel is on its way and arrives the day after tomorrow.",
        "The return label is inside the parcel.",
    ),
    notes=("Prefers to be called in the afternoon.", "Goodwill granted.", "Please do not call before ten."),
    greeting="Hello",
    closing="Kind regards",
    articles=("Oak bookcase", "Floor lamp", "Blue rug", "Kitchen stool", "Round mirror"),
)
PHRASES = {"acme": GERMAN, "globex": ENGLISH}
