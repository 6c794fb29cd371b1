"""Sign-in at an OpenID Connect provider: what is asked of the provider, and the addresses by which a browser goes there and back."""
