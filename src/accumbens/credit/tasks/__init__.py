"""What there is to learn: tables, images, files of the user's own, and a stream that is generated."""
