"""How each assignment is marked: references, hidden cases, thresholds. Students do not install it."""
