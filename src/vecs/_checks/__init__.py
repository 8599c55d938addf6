"""Arguments checked, whatever they are for: numbers, choices, JSON."""
