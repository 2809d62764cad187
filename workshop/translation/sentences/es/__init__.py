"""Spanish, as engineers speak it on both sides of the Atlantic: a file for each demo, and five for the rest."""

from workshop.translation.sentences.es import (
    commands,
    demo_1,
    demo_2,
    demo_3,
    demo_4,
    demo_5,
    demo_6,
    doctor,
    grader,
    load,
    starting,
)

PARTS = (starting, commands, doctor, grader, load, demo_1, demo_2, demo_3, demo_4, demo_5, demo_6)
SENTENCES = {english: spanish for part in PARTS for english, spanish in part.SENTENCES.items()}
