"""The processes: the door, the intake, the step task, the sweep, and what they talk to."""
