"""What turns stored jobs into runs of handlers: it knows the store by its protocol only."""
