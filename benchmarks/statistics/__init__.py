"""How often the intervals of a comparison hold the truth, and how often its verdicts are wrong or right."""
