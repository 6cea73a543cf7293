"""Playing live: the accompanist, its models, the session, the server, the page. Knows no torch."""
