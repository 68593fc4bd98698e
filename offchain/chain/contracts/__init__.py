"""One typed class per contract, one method per call, domain types out."""
