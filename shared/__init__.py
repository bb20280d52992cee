"""Values and their keeping; imports nothing from `workflows` or `workers`."""
