"""What answers: the REST API and the web page over one model and one store."""
