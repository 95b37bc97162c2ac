"""validateToken tells whether a token of a fan is valid."""
