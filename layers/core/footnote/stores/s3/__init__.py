"""S3: document objects."""
