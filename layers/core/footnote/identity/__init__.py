"""Who you are: passwords, tokens, sessions, organizations."""
