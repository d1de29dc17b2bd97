"""What happens leaves: one feed in one sequence, read by whoever may, and webhooks to whoever asked for them."""
