"""Runs localstripe, a stand-in for Stripe that others wrote, on a free port, and prints the port.

It ends with its standard input. Nothing is kept on disk: localstripe's own file is one for all
programs of a machine.
"""

import os
import socket
import sys
import threading

from aiohttp import web
from localstripe import resources, server
from localstripe.errors import UserError


def list_intents(cls, url, created=None, **others):
    """As localstripe lists them, and with `created[gte]` and `created[lt]`, which it lacks here."""
    created = dict(created or {})
    least = int(created.pop('gte', 0))
    end = int(created.pop('lt', sys.maxsize))
    if created:
        raise UserError(400, 'Unexpected ' + ', '.join(created))
    found = super(resources.PaymentIntent, cls)._api_list_all(url, **others)
    found._list = [each for each in found._list if least <= each.created < end]
    return found


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


resources.Store.dump_to_disk = lambda _: None
resources.PaymentIntent._api_list_all = classmethod(list_intents)
threading.Thread(target=end_with_parent, daemon=True).start()
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
web.run_app(server.app, sock=listener, print=None, access_log=None)
