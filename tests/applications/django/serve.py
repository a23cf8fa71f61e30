"""The shop: its migrations, and then its pages. Says its port."""

import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


application = get_wsgi_application()
call_command("migrate", verbosity=0)
server = make_server("127.0.0.1", 0, application, Threads, Silent)
sys.stdout.write(f"port {server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
