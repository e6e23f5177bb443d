"""Adapters of payment providers; each imports its library only when it is used."""
