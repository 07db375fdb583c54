"""How the questions of the assignments are marked; lecturers have it, students' installations do not."""
