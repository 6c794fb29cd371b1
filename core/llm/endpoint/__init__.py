"""One HTTP endpoint that speaks the chat-completions protocol, with its bad habits."""
