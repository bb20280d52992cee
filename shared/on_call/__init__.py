"""Who is told of an alert, and when: rota, escalation, quiet hours. Pure; times come in and go out aware."""
