"""`python -m examples.webapp [--port 8000]`: the site, with a worker in the same process, on loopback."""

import argparse

import uvicorn

from examples.webapp.pictures import app
from examples.webapp.site import make_site

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    uvicorn.run(make_site(app, has_worker=True), host="127.0.0.1", port=parser.parse_args().port)
