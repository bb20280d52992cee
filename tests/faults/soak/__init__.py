"""The soak: many tickets over four systems while processes are killed at random; `make soak` (see `__main__`)."""
