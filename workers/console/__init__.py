"""What people open in a browser. So far: the pages behind a package's one-time link and an alert's link."""
