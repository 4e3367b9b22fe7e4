"""What learns from feedback, what the evidence allows, and how good an order was."""
