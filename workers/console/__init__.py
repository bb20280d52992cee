"""What people open in a browser. So far: the page behind a package's one-time link."""
