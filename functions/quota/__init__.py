"""What an organization may use and does use; caps, rates and blocks of its members."""
