"""`documents`: announcing, listing and deleting documents."""
