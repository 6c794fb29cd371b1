"""The client of an OpenAI-compatible endpoint: requests, failures, responses, proxies."""
