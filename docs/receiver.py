# A receiver of Bursar's webhooks: pip install standardwebhooks, then
#
#     BURSAR_WEBHOOK_SECRET=whsec_... python3 receiver.py 9000
import http.server
import os
import sys

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["BURSAR_WEBHOOK_SECRET"])
seen = set()  # of a real receiver: kept with what the events lead to


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = webhook.verify(body, headers)
        except WebhookVerificationError:
            self.send_response(400)
        else:
            if event["id"] not in seen:
                print(event["id"], event["type"], event["data"], flush=True)
                seen.add(event["id"])
            self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening on", server.server_port, flush=True)
server.serve_forever()
