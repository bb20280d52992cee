"""The demo: a made-up world of two clients, the tickets of its people, and a check that trusts no product code."""
