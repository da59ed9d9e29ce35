"""A mail server that wants TLS and a login, prints its port, and each mail as a line of JSON."""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "bytes": envelope.content.hex()}
        tls = server.transport.get_extra_info("sslcontext") is not None
        print(json.dumps({"tls": tls, **mail}), flush=True)
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    fine = (data.login, data.password) == (b"jo@shop.example", b"p:w/1")
    return AuthResult(success=fine, handled=False)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    implicit = sys.argv[1] == "implicit"

    def session():
        starttls = {} if implicit else {"tls_context": context, "require_starttls": True}
        return SMTP(Handler(), authenticator=login, auth_required=True, auth_require_tls=not implicit, **starttls)

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if implicit else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
