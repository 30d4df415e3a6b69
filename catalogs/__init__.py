"""What a corpus and a catalog are: layouts, schemas, reading, validation."""
