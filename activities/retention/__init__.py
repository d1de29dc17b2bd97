"""What need not be kept any more: planned, held back where the law says so, erased, and proved to be gone."""
