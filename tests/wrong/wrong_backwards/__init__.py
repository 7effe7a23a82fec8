"""Wrong implementations, as their authors would write them; each must be found out."""
