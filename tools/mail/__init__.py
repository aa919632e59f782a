"""Mail: drafts as .eml files, and sending, which is for after a person has agreed."""
