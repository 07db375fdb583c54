"""One command for each shipped weight."""
