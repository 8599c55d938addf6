"""What users are told: facts, recall, progress, data frames."""
