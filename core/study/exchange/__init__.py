"""Files and the hub, in and out."""
