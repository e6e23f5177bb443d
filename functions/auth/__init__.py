"""Sign-up, sign-in, refresh and sign-out."""
