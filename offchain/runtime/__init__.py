"""What every worker shares: settings, logging, metrics, the loop."""
