"""Pure values and functions: the ticket, the case, steps and outcomes. No I/O, no library that does I/O."""
