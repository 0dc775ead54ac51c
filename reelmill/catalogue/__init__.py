"""What Prefect cannot hold: the videos, what is known of them, and what made them."""
