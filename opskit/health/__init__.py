"""What `opskit health` measures and how it judges."""
