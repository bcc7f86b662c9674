"""From a socket to the application and back: uvicorn, with a shorter way for the requests that come all the time."""
