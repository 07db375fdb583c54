from vae_course.teaching.engine import exercises

QUESTIONS = {exercise.id: exercise for exercise in exercises("A2")}
