"""Envoy in both roles of its "tunneling TCP over HTTP"."""

import json
import os

from children import Missing, PATH
from shutil import which

# Where tests/run puts it, below the repository.
PLACE = "target/peers/envoy-1.40.0/envoy"
VARIABLE = "TUNCAT_TEST_ENVOY"
UNLIMITED = 1_000_000


def envoy_program():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    for place in [os.environ.get(VARIABLE), os.path.join(root, PLACE), which("envoy", path=PATH)]:
        if place and os.access(place, os.X_OK):
            return place
    raise Missing("Envoy", f"tests/run fetches it; {VARIABLE} names another place")


class Envoy:
    def __init__(self, children, target, certificate):
        self.children = children
        self.target = target
        self.certificate = certificate

    def terminator(self, tls=False):
        """Ends CONNECT and POST of HTTP/1.1 and HTTP/2 at the target; its port."""
        chain = {"filters": [hcm()]}
        if tls:
            cert, key = self.certificate()
            files = {"certificate_chain": {"filename": cert}, "private_key": {"filename": key}}
            common = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [files]}
            chain["transport_socket"] = {
                "name": "envoy.transport_sockets.tls",
                "typed_config": typed(
                    "transport_sockets.tls.v3.DownstreamTlsContext", {"common_tls_context": common}
                ),
            }
        return self.start(chain, cluster(self.target))

    def quic_terminator(self):
        """The same for HTTP/3; its port, of UDP."""
        cert, key = self.certificate()
        files = {"certificate_chain": {"filename": cert}, "private_key": {"filename": key}}
        chain = {
            "filters": [hcm("HTTP3", {"http3_protocol_options": {"allow_extended_connect": True}})],
            "transport_socket": quic("Downstream", "downstream_tls_context", {"tls_certificates": [files]}),
        }
        return self.start(chain, cluster(self.target), udp=True)

    def pair(self, version, post=False):
        """One that puts connections into tunnels, before one that ends them; the port of the first."""
        tunneling = {"hostname": f"127.0.0.1:{self.target}"}
        if post:
            tunneling |= {"use_post": True, "post_path": "/"}
        proxy = {"stat_prefix": "tunnel", "cluster": "next", "idle_timeout": "0s", "tunneling_config": tunneling}
        chain = {"filters": [network_filter("tcp_proxy", "TcpProxy", proxy)]}
        if version == "http3_protocol_options":
            to = cluster(self.quic_terminator())
            trust = {"trusted_ca": {"filename": self.certificate()[0]}}
            to["transport_socket"] = quic(
                "Upstream", "upstream_tls_context", {"validation_context": trust}, {"sni": "localhost"}
            )
        else:
            to = cluster(self.terminator())
        options = {"explicit_http_config": {version: {}}}
        to["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "upstreams.http.v3.HttpProtocolOptions", options
            )
        }
        return self.start(chain, to)

    def start(self, chain, to, udp=False):
        envoy = envoy_program()

        def argv(port):
            listener = {"address": address(port), "filter_chains": [chain]}
            if udp:
                listener["address"]["socket_address"]["protocol"] = "UDP"
                listener["udp_listener_config"] = {"quic_options": {}}
            bootstrap = {"static_resources": {"listeners": [listener], "clusters": [to]}}
            conf = self.children.write(f"envoy-{port}.json", json.dumps(bootstrap))
            cores = str(os.cpu_count() or 1)
            return [envoy, "--disable-hot-restart", "--concurrency", cores, "--log-level", "error", "-c", conf]

        return self.children.on_port(argv, udp=udp)


def quic(side, field, context, more={}):
    """HTTP/3's transport; `context` is what its TLS has beside the protocol."""
    common = {"common_tls_context": {"alpn_protocols": ["h3"], **context}, **more}
    return {
        "name": "envoy.transport_sockets.quic",
        "typed_config": typed(f"transport_sockets.quic.v3.Quic{side}Transport", {field: common}),
    }


def hcm(codec="AUTO", more={}):
    """Takes CONNECT and POST, with all of its timeouts off."""

    def route(match, config):
        connect = [{"upgrade_type": "CONNECT", "connect_config": config}]
        return {"match": match, "route": {"cluster": "next", "timeout": "0s", "upgrade_configs": connect}}

    method = {"name": ":method", "string_match": {"exact": "POST"}}
    routes = [
        route({"connect_matcher": {}}, {}),
        route({"prefix": "/", "headers": [method]}, {"allow_post": True}),
    ]
    router = {"name": "envoy.filters.http.router", "typed_config": typed("filters.http.router.v3.Router", {})}
    manager = {
        "stat_prefix": "terminator",
        "codec_type": codec,
        **more,
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "CONNECT"}],
        "http2_protocol_options": {"allow_connect": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [router],
    }
    return network_filter("http_connection_manager", "HttpConnectionManager", manager)


def cluster(port):
    """The one place to which everything goes, without the limits on how much."""
    names = ["max_connections", "max_pending_requests", "max_requests"]
    endpoint = {"endpoint": {"address": address(port)}}
    return {
        "name": "next",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [{name: UNLIMITED for name in names}]},
        "load_assignment": {"cluster_name": "next", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": int(port)}}


def network_filter(name, kind, config):
    path = f"filters.network.{name}"
    return {"name": f"envoy.{path}", "typed_config": typed(f"{path}.v3.{kind}", config)}


def typed(kind, config):
    return {**config, "@type": f"type.googleapis.com/envoy.extensions.{kind}"}
