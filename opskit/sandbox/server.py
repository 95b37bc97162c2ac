"""The embedded AWS's process: moto behind our planes, served by threads on loopback."""
