"""What `dispatcher delivery` does, and how deliveries and their attempts are told wherever they are."""
